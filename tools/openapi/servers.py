"""Where an operation is called: its own servers, or its path's, or the document's."""

import re
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from core.errors import Invalid
from tools.openapi.document import Document, Unusable
from tools.openapi.operations import Operation

LONGEST_URL = 2048

_VARIABLE = re.compile(r"\{([^{}]*)\}")


def checked_base_url(base_url: str) -> str:
    """Without a trailing slash. Raises `Invalid`; whether egress may go there is asked elsewhere."""
    try:
        return _absolute(base_url, None)
    except Unusable as exc:
        raise Invalid(
            "`base_url` must be an absolute URL like https://api.example.com/v1.", code="openapi_base_url"
        ) from exc


def server_of(operation: Operation, document: Document) -> str:
    """Absolute, without trailing slash, query and fragment; the first with https, if any. Raises `Unusable`."""
    found: list[str] = []
    reason = "It has no absolute server URL: pass `base_url`."
    for server in _servers(operation, document):
        try:
            found.append(_absolute(_filled(server), document.url))
        except Unusable as exc:
            reason = exc.reason
    if not found:
        raise Unusable(reason)
    return next((url for url in found if url.startswith("https:")), found[0])


def _servers(operation: Operation, document: Document) -> list[Any]:
    for owner in (operation.raw, operation.item, document.root):
        servers = owner.get("servers")
        if isinstance(servers, list) and servers:
            return servers[:100]
    return [{"url": "/"}]


def _filled(server: Any) -> str:
    url = server.get("url") if isinstance(server, dict) else None
    if not isinstance(url, str) or len(url) > LONGEST_URL:
        raise Unusable("Its server has no URL: pass `base_url`.")
    variables = server.get("variables")
    variables = variables if isinstance(variables, dict) else {}

    def value(match: re.Match[str]) -> str:
        variable = variables.get(match[1])
        variable = variable if isinstance(variable, dict) else {}
        values = variable.get("enum")
        default = variable.get("default", values[0] if isinstance(values, list) and values else None)
        if isinstance(default, bool) or not isinstance(default, str | int | float) or default == "":
            raise Unusable(f"Its server's variable {match[1][:100]} has no default: pass `base_url`.")
        return str(default)

    return _VARIABLE.sub(value, url)


def _absolute(url: str, document_url: str | None) -> str:
    try:
        parts = urlsplit(urljoin(document_url, url.strip()) if document_url else url.strip())
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or len(url) > LONGEST_URL:
        raise Unusable("It has no absolute server URL: pass `base_url`.")
    if "@" in parts.netloc or re.search(r"[\x00-\x20\\{}]", url.strip()):
        raise Unusable("Its server's URL is none that can be called: pass `base_url`.")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
