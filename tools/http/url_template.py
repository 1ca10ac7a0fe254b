"""URL templates (RFC 6570) in which an argument cannot leave the place that it was given."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from uritemplate import URITemplate

from core.errors import Invalid
from tools.calls import ToolFailed

LONGEST_TEMPLATE = 2048  # characters

_ANY_EXPRESSION = re.compile(r"\{[^{}]*\}")
# Without {+x} and {#x}, which would let an argument write path, query and fragment itself.
_NAME = r"[A-Za-z0-9_.~$-]+"
_EXPRESSION = re.compile(rf"\{{[./;?&]?{_NAME}(?::[1-9]\d{{0,3}}|\*)?(?:,{_NAME}(?::[1-9]\d{{0,3}}|\*)?)*\}}")
_LITERAL = re.compile(r"[A-Za-z0-9\-._~:/?@!$&'()*+,;=%\[\]]*")


def check_template(template: str) -> None:
    """Raises `Invalid` for what is no absolute URL, or leaves scheme, host or more to the arguments."""
    for expression in _ANY_EXPRESSION.findall(template):
        if not _EXPRESSION.fullmatch(expression):
            raise Invalid(f"{expression} may not stand in a URL; write {{name}}, {{/name}} or {{?name,other}}.")
    literal = _ANY_EXPRESSION.sub("", template)
    if not _LITERAL.fullmatch(literal):
        raise Invalid("A URL may hold only the characters of RFC 3986, percent-encoded otherwise, and no fragment.")
    scheme, separator, rest = template.partition("://")
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    if scheme not in ("https", "http") or not separator or not authority or "{" in authority:
        raise Invalid("A URL begins with https://, a host without any expression, and a slash.")
    if _has_dot_segment(literal):
        raise Invalid("A URL may hold no segment . or .. in its path.")


def names_in(template: str) -> frozenset[str]:
    return frozenset(URITemplate(template).variable_names)


def expanded(template: str, arguments: Mapping[str, Any]) -> str:
    """The URL; a missing argument leaves no trace of its parameter.

    Raises `ToolFailed` when an argument would change the path that the template lays down.
    """
    values = {name: _value(argument) for name, argument in arguments.items() if argument is not None}
    url = URITemplate(template).expand({name: values[name] for name in names_in(template) & values.keys()})
    before, after = urlsplit(_ANY_EXPRESSION.sub("", template)), urlsplit(url)
    if (before.scheme, before.netloc, "") != (after.scheme, after.netloc, after.fragment) or _has_dot_segment(url):
        raise ToolFailed("An argument in the URL's path may not be . or .. or lead to another folder.")
    if _empty_segments(url) > _empty_segments(_ANY_EXPRESSION.sub("x", template)):
        raise ToolFailed("An argument in the URL's path is missing or empty.")
    return url


def with_query(url: str, arguments: Mapping[str, Any]) -> str:
    """Each as a parameter, an array as one for each item."""
    parameters = [
        (name, text_of(value))
        for name, argument in arguments.items()
        for value in (argument if isinstance(argument, list) else [argument])
        if value is not None
    ]
    if not parameters:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"


def text_of(argument: Any) -> str:
    """A string as it is, anything else as compact JSON."""
    if isinstance(argument, str):
        return argument
    return json.dumps(argument, ensure_ascii=False, separators=(",", ":"))


def _value(argument: Any) -> str | list[str] | dict[str, str]:
    """The three kinds of values of RFC 6570, 2.3."""
    if isinstance(argument, list):
        return [text_of(item) for item in argument if item is not None]
    if isinstance(argument, dict):
        return {name: text_of(item) for name, item in argument.items() if item is not None}
    return text_of(argument)


def _segments(url: str) -> list[str]:
    return re.split("[?#]", url.partition("://")[2], maxsplit=1)[0].split("/")[1:]


def _empty_segments(url: str) -> int:
    return _segments(url).count("")


def _has_dot_segment(url: str) -> bool:
    """Also where a server that decodes first would see one."""
    return any(part in (".", "..") for segment in _segments(url) for part in _parts(unquote(segment)))


def _parts(segment: str) -> Iterator[str]:
    for part in re.split(r"[/\\]", segment):
        yield part.partition(";")[0]
