"""What a newer version of a document changes in the tools that were made of the one before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from tools.definitions import SideEffect
from tools.openapi.drafting import Draft


class Present(Protocol):
    """A tool as it is registered."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def parameters(self) -> dict[str, Any]: ...
    @property
    def side_effect(self) -> SideEffect: ...
    @property
    def invocation(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Difference:
    """`changed` and `unchanged` have the names and side effects that are registered; `removed` are names of tools."""

    added: tuple[Draft, ...]
    changed: tuple[Draft, ...]
    removed: tuple[str, ...]
    unchanged: tuple[Draft, ...]


def difference(present: Mapping[str, Present], new: Sequence[Draft]) -> Difference:
    """`present` is by operation ("GET /pets/{petId}"), which is what makes two tools the same one.

    A registered side effect may be an admin's word and stays. An added draft may have a name that is taken.
    """
    added: list[Draft] = []
    changed: list[Draft] = []
    unchanged: list[Draft] = []
    for draft in new:
        before = present.get(draft.operation)
        if before is None:
            added.append(draft)
            continue
        kept = replace(draft, name=before.name, side_effect=before.side_effect)
        same = (kept.description, kept.parameters, kept.invocation) == (
            before.description,
            before.parameters,
            before.invocation,
        )
        (unchanged if same else changed).append(kept)
    kept_operations = {draft.operation for draft in new}
    removed = [tool.name for operation, tool in present.items() if operation not in kept_operations]
    return Difference(tuple(added), tuple(changed), tuple(removed), tuple(unchanged))
