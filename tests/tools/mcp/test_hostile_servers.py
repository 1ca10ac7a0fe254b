"""Whatever a server says, an admin is told that it failed, in bounded time, and nothing of what it said."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from time import monotonic

import pytest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from core.tenancy import TenantContext
from tests.tools.mcp.hostile import Hostile, Said, hostile, tool
from tests.tools.mcp.registered import House
from tests.tools.peers import peer as raw_peer
from tools.calls import Limits
from tools.egress.client import PeerFailed
from tools.mcp.exchanges import MOST_RESUMPTIONS
from tools.mcp.listing import MOST_PAGES

pytestmark = pytest.mark.usefixtures("no_task_is_left")

CANARY = "canary-of-the-server"


async def refused(house: House, ctx: TenantContext, url: str, *, seconds: float = 5.0) -> str:
    """What an admin is told."""
    await house.add(ctx, url)
    with pytest.raises(PeerFailed) as failed:
        await house.refresh(ctx, seconds=seconds)
    return failed.value.detail


async def test_a_list_of_too_many_tools_is_refused(house: House, acme: TenantContext) -> None:
    async with hostile(tools_list=lambda _: {"tools": [tool(f"t{n}") for n in range(1001)]}) as peer:
        assert "more than 1000 tools" in await refused(house, acme, peer.url)


async def test_a_list_of_pages_without_an_end_is_refused(house: House, acme: TenantContext) -> None:
    async with hostile(tools_list=lambda _: {"tools": [tool()], "nextCursor": "again"}) as peer:
        assert f"more than {MOST_PAGES} pages" in await refused(house, acme, peer.url, seconds=20)
    assert peer.asked.count("tools/list") == MOST_PAGES


async def test_a_page_without_an_end_is_cut_off(house: House, acme: TenantContext) -> None:
    async with hostile(tools_list=lambda _: {"tools": [tool(description="x" * 5_000_000)]}) as peer:
        assert "sends more than 4194304 bytes" in await refused(house, acme, peer.url)


async def _drip(part: bytes, pause: float) -> AsyncIterator[bytes]:
    while True:
        yield part
        await asyncio.sleep(pause)


@pytest.mark.parametrize(
    ("part", "pause", "told"),
    [
        (b": still here\n\n", 0.05, "did not answer within 1 seconds"),
        (b"data: " + b"x" * 100_000, 0, "broke off"),
        (b": " + b"x" * 100_000 + b"\n\n", 0, "broke off"),
        (b'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n', 0.01, "1 seconds"),
    ],
)
async def test_a_stream_without_an_end_is_cut_off(
    house: House, acme: TenantContext, part: bytes, pause: float, told: str
) -> None:
    def stream(_: Request) -> Said:
        return StreamingResponse(_drip(part, pause), media_type="text/event-stream")

    async with hostile(tools_list=stream) as peer:
        began = monotonic()
        assert told in await refused(house, acme, peer.url, seconds=1 if pause else 20)
    assert monotonic() - began < 10


async def test_a_stream_that_always_breaks_is_not_taken_up_forever(house: House, acme: TenantContext) -> None:
    def stream(_: Request) -> Said:
        return Response("id: 7\nretry: 0\ndata:\n\n", media_type="text/event-stream")

    async with hostile(tools_list=stream, GET=stream) as peer:
        assert "broke off" in await refused(house, acme, peer.url, seconds=20)
    assert peer.asked.count("GET") == MOST_RESUMPTIONS


@pytest.mark.parametrize("method", ["server/discover", "initialize", "tools/list"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_leads_to_no_other_host(house: House, acme: TenantContext, method: str, status: int) -> None:
    async with raw_peer() as other:
        elsewhere = f"http://127.0.0.1:{other.port}/mcp"
        says = {method.replace("/", "_"): lambda _: RedirectResponse(elsewhere, status)}
        async with hostile(**says) as peer:
            await house.add(acme, peer.url)
            if method == "server/discover":
                with pytest.raises(PeerFailed):
                    await house.refresh(acme)
            else:
                with pytest.raises(PeerFailed, match=f"HTTP status {status}"):
                    await house.refresh(acme)
        assert not other.requests


async def test_a_redirect_to_a_private_address_is_not_followed(house: House, acme: TenantContext) -> None:
    def to_metadata(_: Request) -> Said:
        return RedirectResponse("http://169.254.169.254/latest/meta-data/", 307)

    async with hostile(initialize=to_metadata) as peer:
        assert "169.254" not in await refused(house, acme, peer.url)


@pytest.mark.parametrize(
    "says",
    [
        lambda _: Response(f"<html>{CANARY}</html>", media_type="text/html"),
        lambda _: Response(f'{{"{CANARY}', media_type="application/json"),
        lambda _: Response(f'{{"jsonrpc":"2.0","id":99,"result":{{"x":"{CANARY}"}}}}', media_type="application/json"),
        lambda _: Response(f'[{{"{CANARY}":1}}]', media_type="application/json"),
        lambda _: Response("[" * 100_000 + "]" * 100_000, media_type="application/json"),
        lambda _: Response(f"data: {CANARY}\n\n", media_type="text/event-stream"),
        lambda _: Response(CANARY, 500),
        lambda _: Response(CANARY, 202),
        lambda _: Response(b"\xff\xfe" + CANARY.encode(), media_type="application/json"),
        lambda _: {"tools": CANARY},
        lambda _: {"tools": [{"name": CANARY}]},
        lambda _: {"tools": [{"name": CANARY, "inputSchema": CANARY}]},
        lambda _: {"tools": [tool()], "nextCursor": {CANARY: 1}},
        lambda _: {
            "protocolVersion": f"1999-{CANARY}",
            "capabilities": {},
            "serverInfo": {"name": "", "version": ""},
        },
    ],
)
@pytest.mark.parametrize("method", ["initialize", "tools/list"])
async def test_nonsense_is_told_without_what_it_says(
    house: House,
    acme: TenantContext,
    says: Callable[[Request], Said],
    method: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with hostile(**{method.replace("/", "_"): says}) as peer:
        told = await refused(house, acme, peer.url, seconds=1)
    assert told.startswith("127.0.0.1 ")
    assert CANARY not in told + caplog.text


async def test_a_server_that_will_not_be_left_is_left(house: House, acme: TenantContext) -> None:
    def never(_: Request) -> Said:
        return StreamingResponse(_drip(b"x", 0.05))

    async with hostile(tools_list=lambda _: {"tools": [tool()]}, DELETE=never) as peer:
        await house.add(acme, peer.url)
        began = monotonic()
        assert (await house.refresh(acme)).difference.added == ("echo",)
        assert monotonic() - began < 4
    assert "DELETE" in peer.asked


async def test_a_cancelled_call_does_not_wait_for_a_server_that_will_not_be_left(
    house: House, acme: TenantContext
) -> None:
    called = asyncio.Event()

    def never(_: Request) -> Said:
        called.set()
        return StreamingResponse(_drip(b"x", 0.05), media_type="application/json")

    async with hostile(tools_list=lambda _: {"tools": [tool()]}, tools_call=never, DELETE=never) as peer:
        await house.add(acme, peer.url)
        tools = await house.accepted(acme)
        called.clear()
        calling = asyncio.create_task(house.call(acme, tools["echo"]))
        await called.wait()
        began = monotonic()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(calling, 0.1)
        assert calling.cancelled()
        assert monotonic() - began < 4
    assert peer.asked.count("DELETE") == 2


async def test_definitions_that_cannot_be_kept_are_skipped_with_a_reason(house: House, acme: TenantContext) -> None:
    offered = [
        tool("good"),
        tool("good", description="again"),
        tool("giant", description="x" * 70_000),
        tool("nul", description="a\x00b"),
        tool("escaped", description="a pattern: [^\\u0000]"),
        tool("n" * 201),
        tool("", title="nameless"),
        tool("na\x00me"),
    ]
    async with hostile(tools_list=lambda _: {"tools": offered}) as peer:
        await house.add(acme, peer.url)
        refreshed = await house.refresh(acme)
    assert refreshed.difference.added == ("escaped", "good")
    assert [skipped.tool for skipped in refreshed.skipped] == ["good", "giant", "nul", "n" * 200, "", "na?me"]
    assert all(skipped.reason for skipped in refreshed.skipped)
    assert next(offer for offer in refreshed.offers if offer.tool == "good").definition == tool("good")


async def test_numbers_that_are_none_are_skipped(house: House, acme: TenantContext) -> None:
    listed = '{"tools": [{"name": "nan", "inputSchema": {"type": "object", "maxProperties": NaN}}]}'

    def stream(_: Request) -> Said:
        # Of a stream's answer the SDK takes any id.
        return Response(f'data: {{"jsonrpc":"2.0","id":0,"result":{listed}}}\n\n', media_type="text/event-stream")

    async with hostile(tools_list=stream) as peer:
        await house.add(acme, peer.url)
        assert [skipped.tool for skipped in (await house.refresh(acme)).skipped] == ["nan"]


async def test_a_failed_refresh_leaves_what_was_known(house: House, acme: TenantContext) -> None:
    pages: list[Said] = [{"tools": [tool()]}, Response(CANARY, 500)]

    async with hostile(tools_list=lambda _: pages.pop(0)) as peer:
        await house.add(acme, peer.url)
        tools = await house.accepted(acme)
        with pytest.raises(PeerFailed, match="HTTP status 500"):
            await house.refresh(acme)
        pages.append({"tools": [tool()]})
        peer.says["tools/call"] = lambda _: {"content": [{"type": "text", "text": "hello"}]}
        assert (await house.call(acme, tools["echo"])).text == "hello"


@pytest.mark.parametrize("size", [200_000, 6_000_000])
async def test_an_answer_without_an_end_is_cut_off(house: House, acme: TenantContext, size: int) -> None:
    peer: Hostile
    async with hostile(tools_list=lambda _: {"tools": [tool()]}) as peer:
        await house.add(acme, peer.url)
        tools = await house.accepted(acme)
        peer.says["tools/call"] = lambda _: {"content": [{"type": "text", "text": "x" * size}]}
        with pytest.raises(Exception, match="more than") as failed:
            await house.call(acme, tools["echo"], Limits(seconds=10, max_bytes=100_000))
    assert failed.value.status == 502  # type: ignore[attr-defined]
