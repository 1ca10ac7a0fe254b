"""Templates of headers and JSON bodies: `{name}` is the argument of that name."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tools.http.url_template import text_of

_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_.~$-]+)\}")


class _Missing:
    """In the place of an argument that was not given."""


_MISSING = _Missing()


def names_in(template: Any) -> frozenset[str]:
    """In all of its strings; the names of a JSON object's properties are not looked at."""
    return frozenset(name for text in _strings(template) for name in _PLACEHOLDER.findall(text))


def filled_text(template: str, arguments: Mapping[str, Any]) -> str | None:
    """Each argument as text, an array or object as compact JSON; None when one of them is missing."""
    if any(arguments.get(name) is None for name in _PLACEHOLDER.findall(template)):
        return None
    return _PLACEHOLDER.sub(lambda match: text_of(arguments[match[1]]), template)


def filled(template: Any, arguments: Mapping[str, Any]) -> Any:
    """A string that is exactly "{name}" becomes the argument, of whatever type, inside a longer one its text.

    A missing argument takes its property or array item with it, and is nothing in a longer string. What has no
    place at all is None.
    """
    value = _filled(template, arguments)
    return None if value is _MISSING else value


def _filled(template: Any, arguments: Mapping[str, Any]) -> Any:
    if isinstance(template, dict):
        pairs = ((name, _filled(value, arguments)) for name, value in template.items())
        return {name: value for name, value in pairs if value is not _MISSING}
    if isinstance(template, list):
        items = (_filled(item, arguments) for item in template)
        return [item for item in items if item is not _MISSING]
    if not isinstance(template, str):
        return template
    whole = _PLACEHOLDER.fullmatch(template)
    if whole:
        return arguments.get(whole[1], _MISSING)
    return _PLACEHOLDER.sub(lambda match: text_of(arguments.get(match[1], "")), template)


def _strings(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield template
    elif isinstance(template, dict):
        for value in template.values():
            yield from _strings(value)
    elif isinstance(template, list):
        for item in template:
            yield from _strings(item)
