"""How values are written into URLs, headers, cookies and forms: the styles of OpenAPI, which follow RFC 6570."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from tools.openapi.invocation import Encoding, Parameter

Pair = tuple[str, str]

_DELIMITERS = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C", "simple": ","}
# Of the reserved characters not those that would begin another parameter, or the fragment.
_RESERVED = ":/?@!$'()*,="
# RFC 6265: what a cookie's value may hold, without the percent sign.
_COOKIE = "!#$&'()*+-./:<=>?@[]^_`{|}~"


def text_of(value: Any) -> str:
    """One value: as it is when it is text, else as JSON writes it; nothing for null."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def in_path(parameter: Parameter, value: Any) -> str:
    """For one variable of the path, percent-encoded."""
    if parameter.json_value or not isinstance(value, list | dict):
        return _lead(parameter) + _encoded(_json(value) if parameter.json_value else value)
    items = _items(value, parameter.explode)
    if parameter.style == "matrix" and parameter.explode:
        named = items if isinstance(value, dict) else [f"{_encoded(parameter.name)}={item}" for item in items]
        return "".join(f";{item}" for item in named)
    delimiter = "." if parameter.style == "label" and parameter.explode else ","
    return _lead(parameter) + delimiter.join(items)


def in_query(parameter: Parameter, value: Any) -> list[str]:
    """Pairs `name=value`, percent-encoded."""
    if parameter.json_value:
        return [_pair(parameter.name, _json(value), _safe(parameter.allow_reserved))]
    return _pairs(parameter.name, value, parameter.style, parameter.explode, parameter.allow_reserved)


def in_form(name: str, value: Any, encoding: Encoding) -> list[str]:
    """As in a query; without a style, objects inside a form are written as JSON."""
    is_nested = isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(each, dict | list) for each in value)
    )
    if encoding.style is None and (is_nested or (encoding.content_type or "").endswith("json")):
        return [_pair(name, _json(value), "")]
    return _pairs(name, value, encoding.style or "form", encoding.explode, encoding.allow_reserved)


def in_header(parameter: Parameter, value: Any) -> str:
    """Not percent-encoded: headers are not."""
    if parameter.json_value:
        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, list):
        return ",".join(text_of(each) for each in value)
    if isinstance(value, dict):
        sign = "=" if parameter.explode else ","
        return ",".join(f"{name}{sign}{text_of(each)}" for name, each in value.items())
    return text_of(value)


def in_cookie(parameter: Parameter, value: Any) -> list[str]:
    """Pairs `name=value`; only an exploded object has more than one."""
    if isinstance(value, dict) and parameter.explode and not parameter.json_value:
        return [f"{quote(name, safe=_COOKIE)}={quote(text_of(each), safe=_COOKIE)}" for name, each in value.items()]
    if parameter.json_value or not isinstance(value, list | dict):
        written = quote(_json(value) if parameter.json_value else text_of(value), safe=_COOKIE)
    else:
        written = quote(",".join(text_of(each) for each in _flat(value)), safe=_COOKIE)
    return [f"{parameter.name}={written}"]


def _pairs(name: str, value: Any, style: str, explode: bool, allow_reserved: bool) -> list[str]:
    safe = _safe(allow_reserved)
    if not isinstance(value, list | dict):
        return [_pair(name, text_of(value), safe)]
    if style == "deepObject":
        return [_pair(inner, text, safe) for inner, text in _deep(name, value)]
    if explode:
        if isinstance(value, dict):
            return [_pair(inner, text_of(each), safe) for inner, each in value.items()]
        return [_pair(name, text_of(each), safe) for each in value]
    joined = _DELIMITERS[style].join(_encoded(each, safe) for each in _flat(value))
    return [f"{_encoded(name)}={joined}"]


def _deep(name: str, value: Any) -> Iterator[Pair]:
    """`a[b][c]`; OpenAPI leaves open what is deeper than one level, and APIs that have it write it like this."""
    if isinstance(value, dict):
        for inner, each in value.items():
            yield from _deep(f"{name}[{inner}]", each)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _deep(f"{name}[{number}]", each)
    else:
        yield name, text_of(value)


def _items(value: Any, explode: bool) -> list[str]:
    if isinstance(value, dict) and explode:
        return [f"{_encoded(name)}={_encoded(each)}" for name, each in value.items()]
    return [_encoded(each) for each in _flat(value)]


def _flat(value: Any) -> list[Any]:
    return [each for pair in value.items() for each in pair] if isinstance(value, dict) else value


def _lead(parameter: Parameter) -> str:
    match parameter.style:
        case "matrix":
            return f";{_encoded(parameter.name)}="
        case "label":
            return "."
        case _:
            return ""


def _pair(name: str, text: str, safe: str) -> str:
    # Brackets in names are what servers look for; percent-encoded ones they understand as well.
    return f"{_encoded(name)}={_encoded(text, safe)}"


def _encoded(value: Any, safe: str = "") -> str:
    return quote(text_of(value), safe=safe)


def _safe(allow_reserved: bool) -> str:
    return _RESERVED if allow_reserved else ""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
