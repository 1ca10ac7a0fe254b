"""What an OpenAPI document would change among the tools that came of it before."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from tools.admin.sources import stricter
from tools.builtin.kind import BUILTIN
from tools.definitions import SideEffect
from tools.openapi.differences import difference
from tools.openapi.drafting import Draft
from tools.registry.tools import Registered


@dataclass(frozen=True, slots=True)
class Plan:
    """`changed` and `unchanged` have the names that are registered; `clashes` are names that other tools have."""

    added: tuple[Draft, ...]
    changed: tuple[Draft, ...]
    unchanged: tuple[Draft, ...]
    removed: tuple[Registered, ...]
    clashes: tuple[str, ...]


def plan(
    present: Sequence[Registered],
    drafts: Sequence[Draft],
    taken: Collection[str],
    side_effects: Mapping[str, SideEffect],
) -> Plan:
    """`present` are the tools of this import, `taken` names among the drafts' that any tool has.

    `side_effects` is what an admin says, by operation. An operation that has moved to another path under the same
    name stays the same tool. Tools that are withdrawn already are not removed once more.
    """
    by_operation = {str(tool.invocation.get("operation")): tool for tool in present}
    found = difference(by_operation, drafts)
    removed = frozenset(found.removed)
    gone = {tool.name: tool for tool in present if tool.name in removed}
    moved = [_moved(draft, gone[draft.name]) for draft in found.added if draft.name in gone]
    added = [_as_said(draft, side_effects) for draft in found.added if draft.name not in gone]
    changed = [_as_said(draft, side_effects) for draft in (*found.changed, *moved)]
    unchanged: list[Draft] = []
    for draft in found.unchanged:
        said = _as_said(draft, side_effects)
        (unchanged if said == draft else changed).append(said)
    stay = {draft.name for draft in moved}
    return Plan(
        tuple(added),
        tuple(changed),
        tuple(unchanged),
        tuple(tool for tool in gone.values() if not tool.withdrawn and tool.name not in stay),
        tuple(sorted(draft.name for draft in added if draft.name in BUILTIN or draft.name in taken)),
    )


def _moved(draft: Draft, before: Registered) -> Draft:
    return replace(draft, side_effect=stricter(before.side_effect, draft.side_effect))


def _as_said(draft: Draft, side_effects: Mapping[str, SideEffect]) -> Draft:
    return replace(draft, side_effect=side_effects.get(draft.operation, draft.side_effect))
