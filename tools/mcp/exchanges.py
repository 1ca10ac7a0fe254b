"""The HTTP exchanges of one session: what the SDK sends beyond need is held back, and what came is remembered."""

from typing import Any

from tools.egress.client import Client

CLOSE_SECONDS = 2.0
MOST_RESUMPTIONS = 3

_SESSION_ID = "mcp-session-id"
_LAST_EVENT_ID = "last-event-id"


class _NotSent(Exception):
    """A request that is of no use to us; the SDK goes on without it."""


class Exchanges:
    """`status` and `media_type` are of the last answer to a POST, which carries a JSON-RPC message.

    `is_forgotten`: the server says that there is no such session as ours (404).
    """

    def __init__(self) -> None:
        self.status = 200
        self.media_type = ""
        self.is_forgotten = False
        self._resumptions = 0

    def watch(self, http: Client) -> None:
        http.event_hooks = {"request": [self._before], "response": [self._after]}

    # Requests and responses are httpx2's, which only egress imports.
    async def _before(self, request: Any) -> None:
        if request.method == "GET":
            # Only to take up a broken stream: of what a server says unasked, nothing is of use.
            self._resumptions += _LAST_EVENT_ID in request.headers
            if _LAST_EVENT_ID not in request.headers or self._resumptions > MOST_RESUMPTIONS:
                raise _NotSent
        if request.method == "DELETE":
            request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), CLOSE_SECONDS)

    async def _after(self, response: Any) -> None:
        if response.request.method != "POST":
            return
        self.status = response.status_code
        self.media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self.is_forgotten |= response.status_code == 404 and _SESSION_ID in response.request.headers
