"""What is stored for each scheme: which fields, and which characters can be sent as what they become."""

import re
from collections.abc import Mapping
from typing import Any

from core.errors import Invalid
from tools.credentials.schemes import ApiKey, AuthorizationCode, Basic, Bearer, ClientCredentials, Scheme

_LONGEST = 7168
# RFC 9110, 5.5 without the blanks at its ends; RFC 6265, 4.1.1; RFC 6749, A.1; RFC 7617, 2 in UTF-8.
_HEADER_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")
_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]+")
_VISIBLE = re.compile(r"[ -~]+")
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_USER_NAME = re.compile(r"[^\x00-\x1f:\x7f-\x9f\ud800-\udfff]*")
_PASSWORD = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*")
_TOKEN_ENDPOINT_AUTH = re.compile(r"basic|post")

_OPTIONAL = {"token_endpoint_auth": _TOKEN_ENDPOINT_AUTH}
_API_KEY = {"header": _HEADER_VALUE, "query": _PRINTABLE, "cookie": _COOKIE_VALUE}


def check_secret(scheme: Scheme, secret: Mapping[str, Any]) -> dict[str, str]:
    """`secret` as it may be stored for `scheme`. Raises `Invalid`, which names fields and quotes no value."""
    required, optional = _fields(scheme)
    allowed = required | optional
    if not required.keys() <= secret.keys() <= allowed.keys():
        raise Invalid(f"The secret of {scheme.id} ({scheme.type}) wants {_named(required, optional)}.")
    for name, value in secret.items():
        if not isinstance(value, str) or len(value) > _LONGEST or not allowed[name].fullmatch(value):
            raise Invalid(
                f"`{name}` of {scheme.id} ({scheme.type}) is empty, too long, or has characters that cannot be sent."
            )
    return dict(secret)


def field_names(scheme: Scheme) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(required, optional)."""
    required, optional = _fields(scheme)
    return tuple(required), tuple(optional)


def is_header_value(text: str) -> bool:
    return len(text) <= _LONGEST and _HEADER_VALUE.fullmatch(text) is not None


def _fields(scheme: Scheme) -> tuple[dict[str, re.Pattern[str]], dict[str, re.Pattern[str]]]:
    """(required, optional): what each has to match."""
    match scheme:
        case ApiKey():
            return {"api_key": _API_KEY[scheme.location]}, {}
        case Basic():
            return {"username": _USER_NAME, "password": _PASSWORD}, {}
        case Bearer():
            return {"token": _HEADER_VALUE}, {}
        case ClientCredentials():
            return {"client_id": _VISIBLE, "client_secret": _VISIBLE}, _OPTIONAL
        case AuthorizationCode():
            return {"client_id": _VISIBLE}, {"client_secret": _VISIBLE, **_OPTIONAL}


def _named(required: Mapping[str, object], optional: Mapping[str, object]) -> str:
    wanted = " and ".join(f"`{name}`" for name in required)
    return wanted + "".join(f", perhaps `{name}`" for name in optional) + ", and nothing else"
