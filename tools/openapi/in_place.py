"""Which definitions describe the very same value, one through the other: a validator would follow these for ever.

`Cat` is all of `Pet`, and `Pet` is one of `Cat` and `Dog`: a common way to write inheritance. Where a reference leads
to a property or an item it is no matter, because a value ends somewhere.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tools.openapi.document import Unusable
from tools.openapi.references import References

# In how many ways one value may have to be looked at, by all the alternatives of alternatives.
MAX_WEIGHT = 500
MAX_MEMBERS = 1_000  # of one definition, one inside the other


@dataclass(frozen=True, slots=True)
class Edge:
    """To `pointer`; `alternative` if only through `oneOf` or `anyOf`."""

    pointer: str
    alternative: bool


class InPlace:
    def __init__(self, references: References) -> None:
        self._references = references
        self._edges: dict[str, tuple[Edge, ...]] = {}
        self._circle: dict[str, int] = {}
        self._weight: dict[str, int] = {}
        self._heavy: set[str] = set()

    def follows(self, source: str, edge: Edge) -> bool:
        """Whether a definition may keep this reference: never around a circle, unless it surely ends there."""
        self._visit(source)
        if source in self._heavy:
            return False
        if not self.together(source, edge.pointer):
            return True
        inner = self._edges_of(edge.pointer)
        return edge.alternative and not any(
            each.alternative and self.together(edge.pointer, each.pointer) for each in inner
        )

    def together(self, one: str, other: str) -> bool:
        """Whether they are on one circle."""
        self._visit(one)
        self._visit(other)
        return self._circle[one] == self._circle[other] and (
            one != other or any(edge.pointer == one for edge in self._edges_of(one))
        )

    def _edges_of(self, pointer: str) -> tuple[Edge, ...]:
        if pointer not in self._edges:
            try:
                edges = _edges(self._references.target(pointer), self._references)
            except Unusable:
                edges = []
            if edges is None:
                self._heavy.add(pointer)
            self._edges[pointer] = tuple(edges or ())
        return self._edges[pointer]

    def _visit(self, start: str) -> None:
        """Tarjan's strongly connected components (1972), without recursion; weights follow in the same order."""
        if start in self._circle:
            return
        index: dict[str, int] = {start: 0}
        low: dict[str, int] = {start: 0}
        pending: list[str] = [start]
        path: list[tuple[str, Iterator[Edge]]] = [(start, iter(self._edges_of(start)))]
        while path:
            pointer, edges = path[-1]
            for edge in edges:
                other = edge.pointer
                if other in self._circle:
                    continue
                if other in index:
                    low[pointer] = min(low[pointer], index[other])
                    continue
                index[other] = low[other] = len(index)
                pending.append(other)
                path.append((other, iter(self._edges_of(other))))
                break
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[pointer])
                if low[pointer] == index[pointer]:
                    self._close(pending, pointer)

    def _close(self, pending: list[str], first: str) -> None:
        # From the end: a search would go through all that came before, once for every member of a chain.
        members = [pending.pop()]
        while members[-1] != first:
            members.append(pending.pop())
        number = len(self._circle)
        self._circle |= dict.fromkeys(members, number)
        edges = [edge for pointer in members for edge in self._edges_of(pointer)]
        weight = len(members) + sum(self._weight[edge.pointer] for edge in edges if edge.pointer in self._weight)
        if weight > MAX_WEIGHT:
            # They lose what they refer to in place, and are light for those that refer to them.
            self._heavy.update(members)
            weight = 1
        self._weight |= dict.fromkeys(members, weight)


def _edges(raw: Any, references: References) -> list[Edge] | None:
    """As often as they are there; None for a schema that has too many members."""
    edges: list[Edge] = []
    waiting = [(raw, False)]
    for _ in range(MAX_MEMBERS):
        if not waiting:
            return edges
        schema, alternative = waiting.pop()
        if not isinstance(schema, dict):
            continue
        if isinstance(schema.get("$ref"), str):
            with suppress(Unusable):
                edges.append(Edge(references.pointer_of(schema["$ref"]), alternative))
        for keyword in ("allOf", "oneOf", "anyOf"):
            members = schema.get(keyword)
            if isinstance(members, list):
                waiting.extend((member, alternative or keyword != "allOf") for member in members[:MAX_MEMBERS])
    return None
