"""How a loader tells how far it is."""

from collections.abc import Callable

# (pages done, pages in all or None when unknown)
Progress = Callable[[int, int | None], None]
