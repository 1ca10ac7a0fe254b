"""`/threads/{id}/stream/events` as a WebSocket: subscriptions that come and go, and commands beside them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Annotated, Any, Final, NoReturn, cast
from uuid import UUID, uuid4

import orjson
from fastapi import APIRouter, WebSocket
from pydantic import Field, ValidationError
from starlette.websockets import WebSocketDisconnect

from agents.protocol import events as protocol_events
from agents.protocol.commands import Refused
from agents.protocol.events import Selection, Slice
from api.agent_protocol.commands import ProtocolCommand, answer, failure, malformed, success
from api.agent_protocol.event_stream import ProtocolEventStreamRequest
from api.dependencies import Services, identify
from api.sse import SEND_SECONDS
from core.errors import AtriumError
from core.tenancy import TenantContext
from tenants import limits
from tenants.permissions import Permission, require

router = APIRouter(prefix="/threads")

MAX_SUBSCRIPTIONS = 100

# Close codes of RFC 6455; clients of this protocol read 4000 and more as an HTTP status.
TOO_BIG: Final = 1009
BROKEN: Final = 1011
STATUS: Final = 4000
TOO_SLOW: Final = STATUS + 408
CLOSE_SECONDS = 1.0

# A page cannot set headers here: it offers this as one subprotocol and its token, or key, as the other.
BEARER: Final = "bearer"


class _Subscribe(ProtocolEventStreamRequest):
    subscription_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None


@router.websocket("/{thread_id}/stream/events")
async def socket(websocket: WebSocket, thread_id: UUID) -> None:
    # The server logs the address: a token that somebody put there would go along.
    websocket.scope["query_string"] = b""
    offers_token = BEARER in websocket.scope["subprotocols"]
    await websocket.accept(subprotocol=BEARER if offers_token else None)
    try:
        ctx = await _allowed(websocket, Permission.THREADS_READ)
    except AtriumError as error:
        await websocket.close(STATUS + error.status, error.code)
        return
    await _Conversation(websocket, ctx, thread_id).hold()


class _Conversation:
    """Messages go out one at a time: a client that reads slowly holds up its own events, and nothing piles up."""

    def __init__(self, websocket: WebSocket, ctx: TenantContext, thread_id: UUID) -> None:
        self._websocket = websocket
        self._engine = _rooms(websocket).engine
        self._ctx = ctx
        self._thread_id = thread_id
        self._subscriptions: dict[str, Selection] = {}
        self._turn = asyncio.Lock()
        self._following: asyncio.Task[None] | None = None
        # Every subscription has its events up to this number.
        self._told = 0

    async def hold(self) -> None:
        """Until either side closes."""
        try:
            async with asyncio.TaskGroup() as tasks:
                async for raw in self._messages():
                    reply = await self._reply(raw)
                    if self._subscriptions and self._following is None:
                        self._following = tasks.create_task(self._follow())
                    async with self._turn:
                        await self._send(orjson.dumps(reply).decode())
                if self._following is not None:
                    self._following.cancel()
        except* WebSocketDisconnect:
            pass

    async def _messages(self) -> AsyncIterator[bytes]:
        longest = _rooms(self._websocket).settings.request_max_bytes
        while (message := await self._websocket.receive())["type"] != "websocket.disconnect":
            text = message.get("text")
            raw: bytes = message["bytes"] if text is None else text.encode()
            if len(raw) > longest:
                await self._end(TOO_BIG, "too_large")
            yield raw

    async def _reply(self, raw: bytes) -> dict[str, Any]:
        """Each command is allowed, and counted, as a request of its own."""
        command: ProtocolCommand | None = None
        given: Any = None
        try:
            given = orjson.loads(raw)
            command = ProtocolCommand.model_validate(given)
        except (orjson.JSONDecodeError, ValidationError):
            pass
        try:
            ctx = await _allowed(self._websocket, Permission.CHAT)
            return malformed(given) if command is None else await self._carry_out(ctx, command)
        except AtriumError as error:
            return failure(None if command is None else command.id, error)

    async def _carry_out(self, ctx: TenantContext, command: ProtocolCommand) -> dict[str, Any]:
        match command.method:
            case "subscription.subscribe" | "subscription.reconnect":
                result = await self._subscribe(command)
            case "subscription.unsubscribe":
                result = self._unsubscribe(command.params or {})
            case _:
                return await answer(self._engine, ctx, self._thread_id, command)
        return success(command, result, self._told)

    async def _subscribe(self, command: ProtocolCommand) -> dict[str, Any]:
        """With what is stored after `since`, which a reconnection has to say."""
        try:
            wanted = _Subscribe.model_validate(command.params)
        except ValidationError as exc:
            wrong = exc.errors(include_input=False)[0]
            raise Refused(
                "invalid_argument", f"`{wrong['loc'][0] if wrong['loc'] else 'params'}`: {wrong['msg']}."
            ) from exc
        if wanted.since is None and command.method == "subscription.reconnect":
            raise Refused("invalid_argument", "`since`: say the `seq` of the last event that you have.")
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            raise Refused("invalid_argument", f"There are {MAX_SUBSCRIPTIONS} subscriptions; unsubscribe first.")
        subscription_id = wanted.subscription_id or str(uuid4())
        async with self._turn:
            replayed = await self._catch_up(wanted.selection(), wanted.since or 0)
            self._subscriptions[subscription_id] = wanted.selection()
        return {"subscription_id": subscription_id, "replayed_events": replayed}

    def _unsubscribe(self, params: dict[str, Any]) -> dict[str, Any]:
        if self._subscriptions.pop(str(params.get("subscription_id")), None) is None:
            raise Refused("no_such_subscription", "There is no such subscription on this connection.")
        return {}

    async def _catch_up(self, newcomer: Selection, since: int) -> int:
        """Tells the newcomer what it missed, and everybody what has come meanwhile; returns how many events."""
        if self._following is None and not self._subscriptions:
            self._told = since
        first = min(since, self._told)
        sent = 0
        stored = protocol_events.stored(self._engine, self._ctx, self._thread_id, since=first)
        async with aclosing(stored) as slices:
            async for part in slices:
                sent += await self._tell(part, newcomer, since)
        return sent

    async def _follow(self) -> None:
        follow = protocol_events.follow(self._engine, self._ctx, self._thread_id, since=self._told)
        try:
            async with aclosing(follow) as slices:
                async for part in slices:
                    async with self._turn:
                        await self._tell(part)
        except AtriumError as error:
            async with self._turn:
                await self._send(orjson.dumps(failure(None, error)).decode())
            await self._end(BROKEN, error.code)

    async def _tell(self, part: Slice, newcomer: Selection | None = None, since: int = 0) -> int:
        """Each event once, however many subscriptions take it; returns how many the newcomer took."""
        taken = 0
        for event in part.events:
            new = newcomer is not None and event.seq > since and newcomer.takes(event)
            taken += new
            if new or (event.seq > self._told and any(each.takes(event) for each in self._subscriptions.values())):
                await self._send(event.json())
        self._told = max(self._told, part.upto)
        return taken

    async def _send(self, text: str) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._websocket.send_text(text)
        except TimeoutError:
            await self._end(TOO_SLOW, "too_slow")

    async def _end(self, code: int, reason: str) -> NoReturn:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._websocket.close(code, reason)
        raise WebSocketDisconnect(code, reason)


async def _allowed(websocket: WebSocket, permission: Permission) -> TenantContext:
    """Raises as the routes do."""
    rooms = _rooms(websocket)
    headers = websocket.headers
    ctx = await identify(rooms, headers, token=_token(websocket), api_key=headers.get("x-api-key"))
    await limits.spend_request(rooms.cache, ctx, per_minute=rooms.settings.requests_per_minute)
    require(ctx, permission)
    return ctx


def _token(websocket: WebSocket) -> str | None:
    match websocket.scope["subprotocols"]:
        case [str(kind), str(offered)] if kind == BEARER:
            return offered
    scheme, _, token = websocket.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == BEARER else None


def _rooms(websocket: WebSocket) -> Services:
    return cast(Services, websocket.app.state.services)
