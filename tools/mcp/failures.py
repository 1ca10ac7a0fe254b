"""What went wrong in a session, told in our words: a server's own never reach an error of ours."""

from urllib.parse import urlsplit

from anyio import BrokenResourceError, ClosedResourceError
from mcp import MCPError
from mcp_types import CONNECTION_CLOSED, PARSE_ERROR, REQUEST_TIMEOUT
from pydantic import ValidationError

from core.errors import AtriumError
from tools.egress.client import PeerFailed
from tools.mcp.exchanges import Exchanges

# An HTTP status with which a JSON-RPC error may come, and that of what is no request.
_OF_JSON_RPC = frozenset({200, 202, 400, 404})
# How the SDK begins what it says itself, with codes that servers use as well.
_BROKEN_OFF = ("SSE stream", "Connection closed")
_TIMED_OUT = "Request '"


class SessionLost(PeerFailed):
    """Nothing was called yet, or the server says so; in a new session it may be."""


class Failures:
    """Of one session. `is_remembered`: the protocol was not negotiated in it, and may be another by now."""

    def __init__(self, url: str, seconds: float, exchanges: Exchanges, *, is_remembered: bool) -> None:
        self._host = urlsplit(url).hostname or "The server"
        self._seconds = seconds
        self._exchanges = exchanges
        self._is_remembered = is_remembered
        self.has_called = False

    def is_answer(self, error: MCPError) -> bool:
        """Whether it is the server's answer to the request, not something that happened to it on the way."""
        if self._exchanges.is_forgotten or self._exchanges.status not in _OF_JSON_RPC:
            return False
        return error.code != PARSE_ERROR and not _is_broken_off(error) and not _is_timed_out(error)

    def too_slow(self) -> PeerFailed:
        return PeerFailed(f"{self._host} did not answer within {self._seconds:.3g} seconds.")

    def cause_of(self, group: BaseExceptionGroup[BaseException]) -> BaseException:
        """The one error that the SDK's task groups have wrapped up; one of ours goes before its consequences."""
        leaves = list(_leaves(group))
        return next((leaf for leaf in leaves if isinstance(leaf, AtriumError)), leaves[0])

    def told(self, cause: BaseException) -> PeerFailed | None:
        """What the SDK found wrong with the server; None for any other error."""
        # It raises RuntimeError for a version that it does not know.
        if not isinstance(
            cause, MCPError | ValidationError | RuntimeError | BrokenResourceError | ClosedResourceError
        ):
            return None
        if _is_timed_out(cause):
            return self.too_slow()
        error = SessionLost if self._may_be_repeated() else PeerFailed
        if isinstance(cause, BrokenResourceError | ClosedResourceError) or _is_broken_off(cause):
            return error(f"{self._host} broke off its answer, or said more than it may.")
        if self._exchanges.status not in _OF_JSON_RPC:
            return error(f"{self._host} answers with HTTP status {self._exchanges.status}.")
        return error(f"{self._host} does not speak MCP as it should.")

    def _may_be_repeated(self) -> bool:
        return self._exchanges.is_forgotten or (self._is_remembered and not self.has_called)


def _is_broken_off(error: BaseException) -> bool:
    return isinstance(error, MCPError) and error.code == CONNECTION_CLOSED and error.message.startswith(_BROKEN_OFF)


def _is_timed_out(error: BaseException) -> bool:
    return isinstance(error, MCPError) and error.code == REQUEST_TIMEOUT and error.message.startswith(_TIMED_OUT)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    return [
        leaf
        for each in group.exceptions
        for leaf in (_leaves(each) if isinstance(each, BaseExceptionGroup) else [each])
    ]
