"""YAML as JSON values: no objects, no dates, and no `no` that becomes false. In bounded time and memory."""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml  # type: ignore[import-untyped]
from yaml import events

MAX_DEPTH = 200
MAX_NODES = 2_000_000
MAX_ALIASES = 10_000
MAX_MERGED = 100_000  # entries that `<<` copies

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,300})(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,3})?")
_WORDS = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_STRING_TAG = "tag:yaml.org,2002:str"
_MERGE = "<<"


class NotYaml(Exception):
    """Its text says what is wrong, and where."""


def loads(data: bytes) -> Any:
    """The first document in `data`, in UTF-8 or UTF-16, by YAML 1.2's core schema. Raises `NotYaml`.

    Keys are texts as they are written. Of a key that comes twice the last one counts; aliases share one value.
    """
    loader = yaml.CSafeLoader(data)
    builder = _Builder()
    try:
        while not builder.done:
            event = loader.get_event()
            if event is None:
                raise NotYaml("It is empty.")
            builder.take(event)
    except (yaml.YAMLError, UnicodeError) as exc:
        raise NotYaml(_place_of(exc)) from exc
    finally:
        loader.dispose()
    return builder.value


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come; a mapping's keys and values alternate."""

    is_mapping: bool
    anchor: str | None
    items: list[Any] = field(default_factory=list)

    @property
    def awaits_key(self) -> bool:
        return self.is_mapping and len(self.items) % 2 == 0


class _Merge:
    """Stands for the key `<<`."""


class _Builder:
    def __init__(self) -> None:
        self.done = False
        self.value: Any = None
        self._open: list[_Open] = []
        self._anchors: dict[str, Any] = {}
        self._nodes = 0
        self._aliases = 0
        self._merged = 0

    def take(self, event: events.Event) -> None:
        match event:
            case events.ScalarEvent():
                self._add(self._scalar(event), event.anchor)
            case events.MappingStartEvent() | events.SequenceStartEvent():
                if len(self._open) == MAX_DEPTH:
                    raise NotYaml(f"It is nested more than {MAX_DEPTH} levels deep.")
                self._open.append(_Open(isinstance(event, events.MappingStartEvent), event.anchor))
            case events.MappingEndEvent() | events.SequenceEndEvent():
                ended = self._open.pop()
                self._add(self._mapping(ended.items) if ended.is_mapping else ended.items, ended.anchor)
            case events.AliasEvent():
                self._add(self._aliased(event.anchor), None)

    def _add(self, value: Any, anchor: str | None) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise NotYaml(f"It has more than {MAX_NODES} values.")
        if anchor is not None:
            self._anchors[anchor] = value
        if not self._open:
            self.value, self.done = value, True
            return
        parent = self._open[-1]
        if parent.awaits_key and not isinstance(value, str | _Merge):
            raise NotYaml("A key is no text.")
        parent.items.append(value)

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        plain = event.implicit[0] and event.tag != _STRING_TAG
        if self._open and self._open[-1].awaits_key:
            return _Merge() if plain and text == _MERGE else text
        return _resolved(text) if plain else text

    def _aliased(self, anchor: str) -> Any:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise NotYaml(f"It has more than {MAX_ALIASES} aliases.")
        if anchor not in self._anchors:
            raise NotYaml("An alias has no anchor before it, or stands inside of it.")
        return self._anchors[anchor]

    def _mapping(self, items: list[Any]) -> dict[str, Any]:
        pairs = list(zip(items[::2], items[1::2], strict=True))
        own = {key: value for key, value in pairs if not isinstance(key, _Merge)}
        if len(own) == len(pairs):
            return own
        merged: dict[str, Any] = {}
        for key, value in pairs:
            if isinstance(key, _Merge):
                for source in value if isinstance(value, list) else [value]:
                    self._merge(merged, source)
        return merged | own

    def _merge(self, merged: dict[str, Any], source: Any) -> None:
        if not isinstance(source, dict):
            raise NotYaml("What `<<` merges is no mapping.")
        self._merged += len(source)
        if self._merged > MAX_MERGED:
            raise NotYaml(f"`<<` merges more than {MAX_MERGED} entries.")
        for key, value in source.items():
            merged.setdefault(key, value)


def _resolved(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "-0123456789":
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    return _number(text) if _FLOAT.fullmatch(text) else text


def _number(text: str) -> Any:
    number = float(text)
    return text if number in (float("inf"), float("-inf")) else number


def _place_of(error: yaml.YAMLError | UnicodeError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    return f"Line {mark.line + 1}, column {mark.column + 1}: {problem}." if mark else f"{problem}."
