"""What a redirect takes along: nothing secret to another origin, and nothing at all from https to http."""

from typing import Final

import httpx2

from tools.egress.policy import UrlRefused

# The extension in which a caller names other headers, in lower case, whose values are secret.
SECRET_HEADERS: Final = "secret_headers"  # noqa: S105 - a name
_ALWAYS_SECRET = frozenset({"authorization", "cookie", "proxy-authorization"})
_PREVIOUS_URL: Final = "previous_url"


def follow(request: httpx2.Request) -> None:
    """For each request of an exchange before it is sent. Raises `UrlRefused`."""
    previous = request.extensions.get(_PREVIOUS_URL)
    request.extensions[_PREVIOUS_URL] = request.url
    if previous is None or previous.origin == request.url.origin:
        return
    if previous.scheme == "https" and request.url.scheme != "https":
        raise UrlRefused("A redirect may not lead from https to http.")
    # From the request itself, so that they are not there for the hop after this one either.
    for name in _ALWAYS_SECRET.union(request.extensions.get(SECRET_HEADERS, ())):
        request.headers.pop(name, None)
