"""OpenAPI schemas to JSON Schema as function calling takes it, one definition at a time and never too much of it.

A schema is walked breadth first, so that what no longer fits is its deepest parts: they become free values.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import orjson

from tools.openapi.definition import Definition
from tools.openapi.document import Unusable
from tools.openapi.in_place import Edge, InPlace
from tools.openapi.keywords import own_keywords, types_of
from tools.openapi.references import References

MAX_BYTES = 16 * 1024  # of one definition, or of the arguments without their definitions
MAX_DEPTH = 32
MAX_PROPERTIES = 300
MAX_ALTERNATIVES = 100

MAX_TOTAL_BYTES = 64 * 1024 * 1024  # of all definitions and arguments of a document

FREE = "Any value, not shown."

_LEAST = 24  # bytes of a schema about which nothing more is said
# What may stand beside the only member of an `allOf` and still mean the same in it.
_ANNOTATIONS = frozenset(
    {"allOf", "description", "title", "nullable", "default", "example", "examples", "deprecated"}
)


@dataclass(frozen=True, slots=True)
class Converted:
    """`size` in bytes as JSON; `needs` are the definitions that it refers to; `broken` says why it is unusable."""

    schema: dict[str, Any] = field(repr=False)
    size: int
    needs: tuple[Definition, ...]
    shortened: bool
    broken: str | None


class Schemas:
    """Of one document; each definition is converted once, however often it is used."""

    def __init__(self, references: References) -> None:
        self.references = references
        self.in_place = InPlace(references)
        self._definitions: dict[Definition, Converted] = {}
        self._total = 0

    def definition(self, definition: Definition) -> Converted:
        if definition not in self._definitions:
            raw = self.references.target(definition.pointer)
            self._definitions[definition] = self._counted(_Conversion(self, definition).of(raw))
        return self._definitions[definition]

    def converted(self, raw: Any) -> Converted:
        """Of a schema that no reference leads to."""
        return self._counted(_Conversion(self, None).of(raw))

    def _counted(self, converted: Converted) -> Converted:
        self._total += converted.size
        return converted

    @property
    def is_exhausted(self) -> bool:
        return self._total > MAX_TOTAL_BYTES


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where the conversion of `raw` belongs. `in_place`: it describes the same value as the definition itself."""

    holder: Any
    at: str | int
    raw: Any
    depth: int
    in_place: bool = False
    alternative: bool = False
    part: bool = False


class _Conversion:
    def __init__(self, schemas: Schemas, definition: Definition | None) -> None:
        self._references = schemas.references
        self._in_place = schemas.in_place
        self._definition = definition
        self._room = MAX_BYTES
        self._needs: dict[Definition, None] = {}
        self._shortened = False
        self._broken: str | None = None
        self._waiting: deque[_Slot] = deque()

    def of(self, raw: Any) -> Converted:
        holder: dict[str, Any] = {}
        part = self._definition is not None and self._definition.part
        self._waiting.append(_Slot(holder, "schema", raw, 0, in_place=True, part=part))
        while self._waiting:
            slot = self._waiting.popleft()
            slot.holder[slot.at] = self._node(slot)
        schema = holder["schema"]
        return Converted(schema, len(orjson.dumps(schema)), tuple(self._needs), self._shortened, self._broken)

    def _node(self, slot: _Slot) -> dict[str, Any]:
        raw = slot.raw
        if not isinstance(raw, dict):
            return {}
        if self._room <= 0 or slot.depth == MAX_DEPTH:
            self._shortened = True
            return _free(raw)
        raw = _flattened(raw)
        schema = own_keywords(raw)
        self._room -= len(orjson.dumps(schema))
        types = types_of(raw)
        parts, groups = _members(raw)
        combined = len(parts) + len(groups) + ("properties" in raw) > 1
        self._put_properties(schema, raw, slot, open_ended=combined or slot.part)
        if not types or "array" in types:
            self._put_items(schema, raw, slot, needed="array" in types)
        self._put_parts(schema, parts, slot, combined)
        for group in groups:
            self._put_alternatives(schema, group, slot, combined)
        if raw.get("nullable") is True and not types and ("$ref" in schema or "anyOf" in schema or "allOf" in schema):
            described = {"description": schema.pop("description")} if "description" in schema else {}
            return {"anyOf": [schema, {"type": "null"}], **described}
        return schema

    def _later(self, holder: Any, at: str | int, raw: Any, slot: _Slot) -> None:
        self._room -= _LEAST + (len(at) if isinstance(at, str) else 0)
        self._waiting.append(_Slot(holder, at, raw, slot.depth + 1))

    def _put_properties(self, schema: dict[str, Any], raw: dict[str, Any], slot: _Slot, *, open_ended: bool) -> None:
        given = raw.get("properties")
        given = given if isinstance(given, dict) else {}
        required = [name for name in _texts(raw.get("required")) if "\x00" not in name]
        asked = {name: each for name, each in given.items() if _is_asked(name, each)}
        names = list(asked)
        if len(names) > MAX_PROPERTIES:
            needed = set(required)
            names = sorted(names, key=lambda name: name not in needed)[:MAX_PROPERTIES]
            self._shortened = open_ended = True
        if asked:
            schema["properties"] = dict.fromkeys(names)
            for name in names:
                self._later(schema["properties"], name, asked[name], slot)
        required = [name for name in required if name in schema.get("properties", ()) or not given]
        if required:
            schema["required"] = required[:MAX_PROPERTIES]
        additional = raw.get("additionalProperties")
        if additional is False and not open_ended and not raw.get("patternProperties"):
            schema["additionalProperties"] = False
        elif isinstance(additional, dict) and additional and not open_ended:
            self._later(schema, "additionalProperties", additional, slot)

    def _put_items(self, schema: dict[str, Any], raw: dict[str, Any], slot: _Slot, *, needed: bool) -> None:
        leading = raw.get("prefixItems")
        if isinstance(leading, list) and 0 < len(leading) <= MAX_ALTERNATIVES:
            schema["prefixItems"] = [None] * len(leading)
            for number, each in enumerate(leading):
                self._later(schema["prefixItems"], number, each, slot)
        if isinstance(raw.get("items"), dict):
            self._later(schema, "items", raw["items"], slot)
        elif needed:
            # Function calling wants to be told, also when anything goes.
            schema["items"] = {}

    def _put_parts(self, schema: dict[str, Any], parts: list[dict[str, Any]], slot: _Slot, combined: bool) -> None:
        members: list[Any] = []
        for raw in parts:
            if _is_reference(raw):
                if reference := self._reference(raw["$ref"], slot, False, combined):
                    members.append(reference)
            else:
                self._room -= _LEAST
                inner = _Slot(members, len(members), raw, slot.depth + 1, slot.in_place, slot.alternative, combined)
                members.append(None)
                self._waiting.append(inner)
        if len(members) == 1 and members[0] is not None:
            schema |= members[0]
        elif members:
            schema["allOf"] = members

    def _put_alternatives(self, schema: dict[str, Any], group: list[Any], slot: _Slot, combined: bool) -> None:
        if len(group) > MAX_ALTERNATIVES:
            self._shortened = True
            return
        members: list[Any] = []
        later: list[_Slot] = []
        for raw in group:
            if _is_reference(raw):
                reference = self._reference(raw["$ref"], slot, True, combined)
                if reference is None:
                    # Without one of them the others would say too much.
                    return
                members.append(reference)
            else:
                self._room -= _LEAST
                later.append(_Slot(members, len(members), raw, slot.depth + 1, slot.in_place, True, combined))
                members.append(None)
        self._waiting.extend(later)
        if "anyOf" in schema:
            schema.setdefault("allOf", []).append({"anyOf": members})
        else:
            schema["anyOf"] = members

    def _reference(self, reference: str, slot: _Slot, alternative: bool, combined: bool) -> dict[str, Any] | None:
        """None for one that would never end."""
        try:
            pointer = self._references.pointer_of(reference)
            target = self._references.target(pointer)
        except Unusable as exc:
            self._broken = self._broken or exc.reason
            return {}
        part = combined and isinstance(target, dict) and target.get("additionalProperties") is False
        if slot.in_place and self._definition is not None:
            edge = Edge(pointer, alternative or slot.alternative)
            source = self._definition.pointer
            if self._definition.part and self._in_place.together(source, pointer):
                return None
            if not self._in_place.follows(source, edge):
                if edge.alternative or not self._in_place.together(source, pointer) or source == pointer:
                    return None
                part = True
        definition = Definition(pointer, part)
        self._needs[definition] = None
        self._room -= len(definition.name) + 20
        return {"$ref": f"#/$defs/{definition.name}"}


def _members(raw: dict[str, Any]) -> tuple[list[dict[str, Any]], list[list[Any]]]:
    """What all must hold, and groups of which one must."""
    parts = [{"$ref": raw["$ref"]}] if isinstance(raw.get("$ref"), str) else []
    groups = []
    all_of = raw.get("allOf")
    parts += [each for each in all_of if isinstance(each, dict)] if isinstance(all_of, list) else []
    for keyword in ("anyOf", "oneOf"):
        given = raw.get(keyword)
        group = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
        if len(group) == 1:
            parts += group
        elif group:
            groups.append(group)
    return parts, groups


def _flattened(raw: dict[str, Any]) -> dict[str, Any]:
    """An `allOf` of a single schema is how 3.0 puts a description beside a `$ref`."""
    for _ in range(MAX_DEPTH):
        members = raw.get("allOf")
        if not isinstance(members, list) or len(members) != 1 or not isinstance(members[0], dict):
            break
        if not (raw.keys() <= _ANNOTATIONS):
            break
        raw = members[0] | {name: value for name, value in raw.items() if name != "allOf"}
    return raw


def _is_reference(raw: dict[str, Any]) -> bool:
    return isinstance(raw.get("$ref"), str) and raw.keys() <= {"$ref", "description", "title", "summary"}


def _is_asked(name: str, raw: Any) -> bool:
    """Whether a request may have this property."""
    if raw is False or "\x00" in name:
        return False
    return not (isinstance(raw, dict) and raw.get("readOnly") is True)


def _texts(given: object) -> list[str]:
    return list(dict.fromkeys(each for each in given if isinstance(each, str))) if isinstance(given, list) else []


def _free(raw: dict[str, Any]) -> dict[str, Any]:
    types = types_of(raw)
    if len(types) == 1 and types[0] not in ("object", "array"):
        return {"type": types[0]}
    return {"description": FREE}
