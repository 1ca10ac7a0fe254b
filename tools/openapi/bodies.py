"""The body of an operation, in the media type that a model writes best."""

from collections.abc import Iterator
from typing import Any, Literal, get_args

from tools.openapi.arguments import Argument
from tools.openapi.document import Unusable
from tools.openapi.invocation import Body, Encoding, Style, is_media_type
from tools.openapi.operations import Operation
from tools.openapi.references import References
from tools.openapi.text import shown

ARGUMENT = "body"
MAX_PROPERTIES = 300

Kind = Literal["json", "form", "multipart", "text"]
_KINDS: tuple[Kind, ...] = get_args(Kind)  # the first is what models write best
_FORM_STYLES: tuple[Style, ...] = ("form", "spaceDelimited", "pipeDelimited", "deepObject")


def body_of(operation: Operation, references: References) -> tuple[Body, Argument] | None:
    """None when there is none, or only one that may be left out and cannot be written. Raises `Unusable`."""
    raw = references.followed(operation.raw.get("requestBody"))
    if not isinstance(raw, dict):
        return None
    content = raw.get("content")
    content = content if isinstance(content, dict) else {}
    required = raw.get("required") is True
    writable = [name for name in content if _kind_of(_essence(name))]
    if not writable:
        if required and content:
            raise Unusable(f"Its body has no media type that a model can write: {', '.join(content)[:200]}.")
        return None
    chosen = min(writable, key=_preference)
    media = references.followed(content[chosen])
    media = media if isinstance(media, dict) else {}
    body = _body(chosen, media, references)
    description = shown(raw.get("description"), 400)
    if any(encoding.file for encoding in body.encoding.values()):
        description = f"{description} Files are given as text, or as data: URLs in base64.".strip()
    return body, Argument(ARGUMENT, _schema(media, body), required, description)


def _kind_of(essence: str) -> Kind | None:
    kind, _, subtype = essence.partition("/")
    if essence in ("application/*", "*/*", "*") or subtype == "json" or subtype.endswith("+json"):
        return "json"
    if essence == "application/x-www-form-urlencoded":
        return "form"
    if essence == "multipart/form-data":
        return "multipart"
    return "text" if kind == "text" and subtype != "xml" else None


def _preference(media_type: str) -> tuple[int, bool, bool]:
    """Of several the least, and the first of those."""
    essence = _essence(media_type)
    kind = _kind_of(essence)
    return _KINDS.index(kind) if kind else len(_KINDS), "patch" in essence, essence != "application/json"


def _body(media_type: str, media: dict[str, Any], references: References) -> Body:
    essence = _essence(media_type)
    kind = _kind_of(essence)
    if kind == "form" or kind == "multipart":
        return Body(kind=kind, media_type=essence, encoding=_encodings(media, references, kind == "multipart"))
    if kind == "text":
        return Body(kind="text", media_type="text/plain" if "*" in essence else essence)
    sent = media_type.strip()
    return Body(kind="json", media_type=sent if is_media_type(sent) and "*" not in sent else "application/json")


def _schema(media: dict[str, Any], body: Body) -> Any:
    given = media.get("schema")
    if body.kind == "text":
        described = given if isinstance(given, dict) and given.get("type") == "string" else {}
        return described | {"type": "string"}
    if body.kind == "json":
        return given
    return given if isinstance(given, dict) and given else {"type": "object"}


def _encodings(media: dict[str, Any], references: References, multipart: bool) -> dict[str, Encoding]:
    given = media.get("encoding")
    given = given if isinstance(given, dict) else {}
    encodings: dict[str, Encoding] = {}
    for name, schema in _properties(media.get("schema"), references):
        encodings.setdefault(name, Encoding(file=multipart and _is_file(schema, references)))
    for name, raw in list(given.items())[:MAX_PROPERTIES]:
        if isinstance(raw, dict):
            before = encodings.get(name, Encoding())
            encodings[name] = _encoding(raw, before.file)
    return {name: encoding for name, encoding in encodings.items() if encoding != Encoding()}


def _encoding(raw: dict[str, Any], file: bool) -> Encoding:
    style = raw.get("style")
    content_type = str(raw.get("contentType")).partition(",")[0].strip()
    usable = is_media_type(content_type) and "*" not in content_type
    return Encoding(
        style=style if style in _FORM_STYLES else None,
        explode=raw.get("explode", style in (None, "form", "deepObject")) is True,
        allow_reserved=raw.get("allowReserved") is True,
        content_type=content_type if usable else None,
        file=file,
    )


def _properties(raw: Any, references: References, depth: int = 4) -> Iterator[tuple[str, Any]]:
    """Also those of the schemas that it is made of, within reason."""
    schema = references.followed(raw)
    if not isinstance(schema, dict) or not depth:
        return
    properties = schema.get("properties")
    yield from list(properties.items())[:MAX_PROPERTIES] if isinstance(properties, dict) else ()
    for keyword in ("allOf", "oneOf", "anyOf"):
        members = schema.get(keyword)
        for member in members[:10] if isinstance(members, list) else ():
            yield from _properties(member, references, depth - 1)


def _is_file(raw: Any, references: References) -> bool:
    schema = references.followed(raw)
    if isinstance(schema, dict) and "items" in schema:
        schema = references.followed(schema["items"])
    if not isinstance(schema, dict):
        return False
    media_type = schema.get("contentMediaType")
    return schema.get("format") == "binary" or schema.get("type") == "file" or isinstance(media_type, str)


def _essence(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()
