"""Where each scheme puts its secret on a request; arguments of the same name give way to it."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, unquote_plus

from tools.credentials.schemes import ApiKey, Basic, Scheme
from tools.request import HttpRequest

# Of a pair with a shorter password the user name is the secret: several APIs take their key there.
_SHORTEST_PASSWORD = 4


def with_secret(request: HttpRequest, scheme: Scheme, secret: Mapping[str, str]) -> HttpRequest:
    """`secret` is as stored; of the OAuth 2 schemes {"token": …}."""
    match scheme:
        case ApiKey(location="header"):
            return _with_header(request, scheme.name, secret["api_key"], {secret["api_key"]})
        case ApiKey(location="query"):
            return _with_parameter(request, scheme.name, secret["api_key"])
        case ApiKey():
            return _with_cookie(request, scheme.name, secret["api_key"])
        case Basic():
            return _with_basic(request, secret["username"], secret["password"])
        case _:
            return _with_header(request, "Authorization", f"Bearer {secret['token']}", {secret["token"]})


def basic_credentials(username: str, password: str) -> str:
    """RFC 7617 in UTF-8: what follows the word Basic."""
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def _with_header(request: HttpRequest, name: str, value: str, secrets: set[str]) -> HttpRequest:
    return _hiding(request.with_header(name, value), {value, *secrets})


def _with_basic(request: HttpRequest, username: str, password: str) -> HttpRequest:
    pair = basic_credentials(username, password)
    hidden = {password} if len(password) >= _SHORTEST_PASSWORD else {username, password}
    return _with_header(request, "Authorization", f"Basic {pair}", {pair, *hidden})


def _with_parameter(request: HttpRequest, name: str, value: str) -> HttpRequest:
    address, hash_sign, fragment = request.url.partition("#")
    path, _, query = address.partition("?")
    encoded = quote(value, safe="")
    kept = [pair for pair in query.split("&") if pair and unquote_plus(pair.partition("=")[0]) != name]
    query = "&".join([*kept, f"{quote(name, safe='')}={encoded}"])
    url = f"{path}?{query}{hash_sign}{fragment}"
    return _hiding(replace(request, url=url), {value, encoded})


def _with_cookie(request: HttpRequest, name: str, value: str) -> HttpRequest:
    sent = [line for header, line in request.headers if header.lower() == "cookie"]
    cookies = [cookie.strip() for line in sent for cookie in line.split(";")]
    kept = [cookie for cookie in cookies if cookie and cookie.partition("=")[0].strip() != name]
    return _hiding(request.with_header("Cookie", "; ".join([*kept, f"{name}={value}"])), {value})


def _hiding(request: HttpRequest, secrets: set[str]) -> HttpRequest:
    return replace(request, secrets=request.secrets | (secrets - {""}))
