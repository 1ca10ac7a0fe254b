"""What a reference leads to, by the name it has under `$defs`."""

import hashlib
from functools import lru_cache
from typing import NamedTuple

from tools.openapi.naming import clean


class Definition(NamedTuple):
    """What a `$ref` leads to. A `part` goes into an `allOf`: it forbids no other properties and ends any circle."""

    pointer: str
    part: bool = False

    @property
    def name(self) -> str:
        """Under `$defs`; of every other place than components its digest tells it apart."""
        return _name(self.pointer, self.part)


@lru_cache(maxsize=10_000)
def _name(pointer: str, part: bool) -> str:
    name = clean(pointer.rpartition("/")[2], "schema")[:48]
    if pointer != f"/components/schemas/{name}":
        name += f"_{hashlib.sha256(pointer.encode()).hexdigest()[:8]}"
    return f"{name}-part" if part else name
