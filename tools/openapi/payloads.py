"""The bytes of a request's body, and the media type that goes with them."""

import base64
import binascii
import hashlib
import json
import re
from typing import Any

from tools.calls import ToolFailed
from tools.openapi.invocation import Body, Encoding
from tools.openapi.styles import in_form, text_of

_DATA_URL = re.compile(r"data:([\w!#$&^.+-]+/[\w!#$&^.+-]+)?(?:;[\w-]+=[\w.+-]+)*(;base64)?,", re.ASCII)


def written(body: Body, value: Any) -> tuple[bytes, str]:
    """(body, Content-Type). Raises `ToolFailed`."""
    match body.kind:
        case "json":
            return _json(value), body.media_type
        case "text":
            return text_of(value).encode(), f"{body.media_type}; charset=utf-8"
        case "form":
            pairs = [pair for name, each in _fields(value) for pair in in_form(name, each, _of(body, name))]
            return "&".join(pairs).encode(), body.media_type
        case "multipart":
            parts = [part for name, each in _fields(value) for part in _parts(name, each, _of(body, name))]
            return _multipart(parts, body.media_type)


def _fields(value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise ToolFailed("`body` must be an object: it is sent as a form.")
    return [(name, each) for name, each in value.items() if each is not None]


def _of(body: Body, name: str) -> Encoding:
    return body.encoding.get(name, Encoding())


def _parts(name: str, value: Any, encoding: Encoding) -> list[bytes]:
    """A list becomes several parts of one name."""
    if isinstance(value, list) and (encoding.content_type or "").partition(";")[0] != "application/json":
        return [part for each in value for part in _parts(name, each, encoding)]
    disposition = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if encoding.file and isinstance(value, str):
        media_type, content = _file(value)
        media_type = encoding.content_type or media_type
        head = f'{disposition}; filename="{_quoted(name)}"\r\nContent-Type: {media_type}'
    elif isinstance(value, dict | list):
        head, content = f"{disposition}\r\nContent-Type: {encoding.content_type or 'application/json'}", _json(value)
    else:
        typed = f"\r\nContent-Type: {encoding.content_type}" if encoding.content_type else ""
        head, content = disposition + typed, text_of(value).encode()
    return [head.encode() + b"\r\n\r\n" + content]


def _file(text: str) -> tuple[str, bytes]:
    """(media type, content) of a text, or of a data: URL (RFC 2397) in base64."""
    url = _DATA_URL.match(text)
    if not url or not url[2]:
        return "application/octet-stream", text.encode()
    try:
        return url[1] or "text/plain", base64.b64decode(text[url.end() :], validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ToolFailed("A file is a data: URL whose base64 cannot be decoded.") from exc


def _multipart(parts: list[bytes], media_type: str) -> tuple[bytes, str]:
    """RFC 7578. The boundary is a digest of the content, so that a repeated call sends the same bytes."""
    boundary = hashlib.sha256(b"\r\n".join(parts)).hexdigest()
    lines = [b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts]
    return b"".join(lines) + b"--" + boundary.encode() + b"--\r\n", f"{media_type}; boundary={boundary}"


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
