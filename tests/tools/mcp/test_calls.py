"""Tools of a real MCP server, called in every way it may be reached, and with everything that may go wrong."""

import asyncio
from typing import Any

import mcp_types
import pytest
from mcp import MCPError

from core.tenancy import TenantContext
from tests.tools.mcp.registered import House
from tests.tools.mcp_server import Context, McpPeer, mcp_server, text
from tools.calls import Call, Limits, ToolFailed
from tools.credentials import connections
from tools.credentials.credentials import NotConnected
from tools.credentials.schemes import ApiKey, Bearer
from tools.egress.client import PeerFailed

LEGACY = "2025-11-25"
MODERN = "2026-07-28"


pytestmark = pytest.mark.usefixtures("no_task_is_left")


@pytest.mark.parametrize("protocol", [None, MODERN, LEGACY])
@pytest.mark.parametrize("json_response", [True, False])
@pytest.mark.parametrize("stateless", [True, False])
async def test_a_tool_is_called_whatever_the_server_speaks(
    house: House, acme: TenantContext, protocol: str | None, json_response: bool, stateless: bool
) -> None:
    peer = McpPeer(speaks_modern=protocol != LEGACY)
    async with mcp_server(peer, json_response=json_response, stateless=stateless):
        peer.offer("echo")
        await house.add(acme, peer.url)
        tools = await house.accepted(acme)
        await house.speak(acme, protocol)
        answer = await house.call(acme, tools["echo"], text="hello")
    assert (answer.text, answer.is_error) == ("hello", False)
    assert answer.received_bytes > 0
    [(name, arguments, meta)] = peer.called
    assert (name, arguments, meta["atrium/idempotencyKey"]) == ("echo", {"text": "hello"}, "key-1")


async def test_a_known_protocol_costs_two_requests_and_an_old_one_five(
    house: House, acme: TenantContext, peer: McpPeer
) -> None:
    peer.offer("echo")
    await house.add(acme, peer.url)
    tools = await house.accepted(acme)
    peer.requests.clear()
    await house.call(acme, tools["echo"], text="hello")
    assert peer.requests == ["POST"] * 2  # list, call

    await house.speak(acme, LEGACY)
    peer.requests.clear()
    await house.call(acme, tools["echo"], text="hello")
    assert peer.requests == ["POST"] * 4 + ["DELETE"]  # initialize, initialized, list, call


async def test_a_server_that_learned_another_protocol_is_asked_again(
    house: House, acme: TenantContext, peer: McpPeer
) -> None:
    peer.offer("echo")
    await house.add(acme, peer.url)
    tools = await house.accepted(acme)
    peer.speaks_modern = False
    assert (await house.call(acme, tools["echo"], text="hello")).text == "hello"


async def test_a_server_may_be_restarted_between_calls(house: House, acme: TenantContext) -> None:
    peer = McpPeer(speaks_modern=False)
    peer.offer("echo")
    async with mcp_server(peer):
        await house.add(acme, peer.url)
        tools = await house.accepted(acme)
        assert (await house.call(acme, tools["echo"], text="one")).text == "one"
    with pytest.raises(PeerFailed, match="could not be reached"):
        await house.call(acme, tools["echo"], text="two")
    async with mcp_server(peer):
        assert (await house.call(acme, tools["echo"], text="three")).text == "three"


@pytest.mark.parametrize("forgets", [1, 2, 3])
async def test_a_forgotten_session_is_opened_once_more(
    house: House, acme: TenantContext, peer: McpPeer, forgets: int
) -> None:
    peer.speaks_modern = False
    peer.offer("echo")
    await house.add(acme, peer.url)
    tools = await house.accepted(acme)
    peer.forgets = forgets
    # The notification that a session begins, the list and the call are what may meet a 404.
    assert (await house.call(acme, tools["echo"], text="hello")).text == "hello"
    assert len(peer.called) == 1


async def test_a_server_that_forgets_every_session_is_not_asked_forever(
    house: House, acme: TenantContext, peer: McpPeer
) -> None:
    peer.speaks_modern = False
    peer.offer("echo")
    await house.add(acme, peer.url)
    tools = await house.accepted(acme)
    peer.forgets = 1000
    peer.requests.clear()
    with pytest.raises(PeerFailed):
        await house.call(acme, tools["echo"], text="hello")
    assert len(peer.requests) < 20


async def test_an_error_of_the_tool_is_its_answer(house: House, acme: TenantContext, peer: McpPeer) -> None:
    async def fail(context: Context, arguments: dict[str, Any]) -> mcp_types.CallToolResult:
        return text("There is no such order.", is_error=True)

    peer.offer("orders", fail)
    await house.add(acme, peer.url)
    answer = await house.call(acme, (await house.accepted(acme))["orders"])
    assert (answer.text, answer.is_error) == ("There is no such order.", True)


@pytest.mark.parametrize("protocol", [MODERN, LEGACY])
async def test_what_the_protocol_says_against_a_call_goes_to_the_model_bounded(
    house: House, acme: TenantContext, peer: McpPeer, protocol: str
) -> None:
    async def refuse(context: Context, arguments: dict[str, Any]) -> mcp_types.CallToolResult:
        raise MCPError(-32602, "Give an order number. " + "x" * 100_000)

    peer.offer("orders", refuse)
    await house.add(acme, peer.url)
    tools = await house.accepted(acme)
    await house.speak(acme, protocol)
    answer = await house.call(acme, tools["orders"])
    assert answer.is_error
    assert answer.text.startswith("Give an order number.")
    assert len(answer.text) == 2000


@pytest.mark.parametrize("protocol", [MODERN, LEGACY])
async def test_a_slow_tool_is_given_up_and_told(
    house: House, acme: TenantContext, peer: McpPeer, protocol: str
) -> None:
    stopped = asyncio.Event()

    async def wait(context: Context, arguments: dict[str, Any]) -> mcp_types.CallToolResult:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return text()

    peer.offer("wait", wait)
    await house.add(acme, peer.url)
    tools = await house.accepted(acme)
    await house.speak(acme, protocol)
    began = asyncio.get_running_loop().time()
    with pytest.raises(PeerFailed, match=r"did not answer within 0\.5 seconds"):
        await house.call(acme, tools["wait"], Limits(seconds=0.5))
    assert asyncio.get_running_loop().time() - began < 4
    await asyncio.wait_for(stopped.wait(), 5)


@pytest.mark.parametrize("protocol", [MODERN, LEGACY])
async def test_a_call_is_cancelled_on_the_server_too(
    house: House, acme: TenantContext, peer: McpPeer, protocol: str
) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def wait(context: Context, arguments: dict[str, Any]) -> mcp_types.CallToolResult:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return text()

    peer.offer("wait", wait)
    await house.add(acme, peer.url)
    tools = await house.accepted(acme)
    await house.speak(acme, protocol)
    calling = asyncio.create_task(house.call(acme, tools["wait"]))
    await begun.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert calling.cancelled()
    await asyncio.wait_for(stopped.wait(), 5)


@pytest.mark.parametrize("protocol", [MODERN, LEGACY])
async def test_a_call_may_be_cancelled_at_any_moment(
    house: House, acme: TenantContext, peer: McpPeer, protocol: str
) -> None:
    peer.offer("echo")
    await house.add(acme, peer.url)
    tools = await house.accepted(acme)
    await house.speak(acme, protocol)
    moments = 0
    while True:
        calling = asyncio.create_task(house.call(acme, tools["echo"], text="hello"))
        for _ in range(moments * 10):
            await asyncio.sleep(0)
        if calling.done():
            break
        calling.cancel()
        done, _ = await asyncio.wait([calling], timeout=5)
        assert done and calling.cancelled()
        moments += 1
    assert calling.result().text == "hello"
    assert moments > 5


async def test_a_secret_is_sent_and_never_told(house: House, acme: TenantContext, peer: McpPeer) -> None:
    async def leak(context: Context, arguments: dict[str, Any]) -> mcp_types.CallToolResult:
        assert context.request is not None
        return text(f"You sent {context.request.headers['authorization']}")

    scheme = Bearer(id="token")
    peer.token = "canary-5f1c9e"
    peer.offer("leak", leak)
    server = await house.add(acme, peer.url, security=[scheme])
    with pytest.raises(NotConnected):
        await house.refresh(acme)
    await connections.store(
        house.database, house.vault, acme, server.credential_owner, scheme, {"token": "canary-5f1c9e"}
    )
    tools = await house.accepted(acme)
    answer = await house.call(acme, tools["leak"])
    assert answer.text.startswith("You sent ")
    assert "canary" not in answer.text
    preview = await house.kind.preview(Call(acme, tools["leak"], {"text": "hello"}, "key-1"))
    assert preview["url"] == peer.url
    assert '"arguments": {"text": "hello"}' in preview["body"]
    assert "canary" not in str(preview)


async def test_a_key_may_stand_in_the_url(house: House, acme: TenantContext, peer: McpPeer) -> None:
    async def reveal(context: Context, arguments: dict[str, Any]) -> mcp_types.CallToolResult:
        assert context.request is not None
        return text("yes" if context.request.url.query == "key=canary-5f1c9e" else "no")

    scheme = ApiKey(id="key", location="query", name="key")
    peer.offer("reveal", reveal)
    server = await house.add(acme, peer.url, security=[scheme])
    await connections.store(
        house.database, house.vault, acme, server.credential_owner, scheme, {"api_key": "canary-5f1c9e"}
    )
    assert (await house.call(acme, (await house.accepted(acme))["reveal"])).text == "yes"


async def test_a_wrong_secret_is_told_by_its_status_alone(house: House, acme: TenantContext, peer: McpPeer) -> None:
    peer.offer("echo")
    await house.add(acme, peer.url)
    tools = await house.accepted(acme)
    peer.token = "another"
    with pytest.raises(PeerFailed, match="HTTP status 401") as failed:
        await house.call(acme, tools["echo"])
    assert "canary" not in failed.value.detail
    with pytest.raises(PeerFailed, match="HTTP status 401"):
        await house.refresh(acme)


@pytest.mark.parametrize("protocol", [MODERN, LEGACY])
async def test_a_server_that_asks_back_is_refused(
    house: House, acme: TenantContext, peer: McpPeer, protocol: str
) -> None:
    asked: list[str] = []

    async def ask(
        context: Context, arguments: dict[str, Any]
    ) -> mcp_types.CallToolResult | mcp_types.InputRequiredResult:
        form = mcp_types.ElicitRequestFormParams(
            message="Your password?", requested_schema={"type": "object", "properties": {"p": {"type": "string"}}}
        )
        if protocol == MODERN:
            return mcp_types.InputRequiredResult(input_requests={"p": mcp_types.ElicitRequest(params=form)})
        await context.session.elicit_form(form.message, form.requested_schema, related_request_id=context.request_id)
        asked.append("answered")
        return text("thanks")

    peer.offer("ask", ask)
    await house.add(acme, peer.url)
    tools = await house.accepted(acme)
    await house.speak(acme, protocol)
    try:
        answer = await house.call(acme, tools["ask"])
    except ToolFailed as failed:
        assert "not supported" in failed.detail
    else:
        assert answer.is_error
    assert not asked


async def test_an_answer_that_is_too_long_is_not_taken(house: House, acme: TenantContext, peer: McpPeer) -> None:
    peer.offer("echo")
    await house.add(acme, peer.url)
    tools = await house.accepted(acme)
    with pytest.raises(ToolFailed, match="more than 1000 bytes"):
        await house.call(acme, tools["echo"], Limits(max_bytes=1000), text="x" * 2000)
    assert (await house.call(acme, tools["echo"], Limits(max_bytes=10_000), text="x" * 2000)).text == "x" * 2000


async def test_the_output_schema_of_a_server_is_not_run(house: House, acme: TenantContext, peer: McpPeer) -> None:
    async def answer(context: Context, arguments: dict[str, Any]) -> mcp_types.CallToolResult:
        return mcp_types.CallToolResult(content=[], structured_content={"a": "a" * 40 + "!"})

    # A pattern that takes Python's `re` longer than the world will last.
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    peer.offer("slow", answer, output_schema=schema)
    await house.add(acme, peer.url)
    assert (await house.call(acme, (await house.accepted(acme))["slow"])).text == '{"a":"' + "a" * 40 + '!"}'


async def test_a_tool_on_a_later_page_is_called(house: House, acme: TenantContext, peer: McpPeer) -> None:
    peer.page_size = 2
    for number in range(5):
        peer.offer(f"echo{number}")
    await house.add(acme, peer.url)
    tools = await house.accepted(acme)
    assert len(tools) == 5
    assert (await house.call(acme, tools["echo4"], text="hello")).text == "hello"


async def test_tenants_with_a_server_of_the_same_name_are_never_crossed(
    house: House, acme: TenantContext, globex: TenantContext
) -> None:
    def says(word: str) -> Any:
        async def say(context: Context, arguments: dict[str, Any]) -> mcp_types.CallToolResult:
            return text(word)

        return say

    one, other = McpPeer(), McpPeer()
    one.offer("who", says("acme"))
    other.offer("who", says("globex"))
    async with mcp_server(one), mcp_server(other):
        await house.add(acme, one.url)
        await house.add(globex, other.url)
        of_acme, of_globex = await house.accepted(acme), await house.accepted(globex)
        answers = await asyncio.gather(
            *(house.call(ctx, tools["who"]) for ctx, tools in [(acme, of_acme), (globex, of_globex)] * 5)
        )
    assert [answer.text for answer in answers] == ["acme", "globex"] * 5


async def test_a_tool_of_another_tenants_server_is_gone(
    house: House, acme: TenantContext, globex: TenantContext, peer: McpPeer
) -> None:
    peer.offer("echo")
    await house.add(acme, peer.url)
    tools = await house.accepted(acme)
    with pytest.raises(ToolFailed, match="is gone"):
        await house.call(globex, tools["echo"])
    assert not peer.called
