import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import AtriumError
from tests.tools.certificates import tls_pair
from tests.tools.connections import watched
from tests.tools.egress_clients import NAME, THIS_MACHINE, client_of
from tests.tools.peers import OK, peer, redirect
from tools.egress.client import PeerFailed
from tools.egress.policy import EgressPolicy, UrlRefused

ELSEWHERE = "elsewhere.example.com"
BOTH = EgressPolicy(allow_hosts=frozenset({NAME, ELSEWHERE}))

SECRETS = {"Authorization": "Bearer hush", "Cookie": "key=hush", "Proxy-Authorization": "hush", "X-Api-Key": "hush"}
MARKED = {"secret_headers": frozenset({"x-api-key"})}


async def test_a_redirect_is_not_followed_unless_that_is_asked_for() -> None:
    async with peer(redirect("/there")) as other, client_of(BOTH, THIS_MACHINE) as client:
        answer = await client.get(f"http://{NAME}:{other.port}/")
    assert (answer.status_code, len(other.requests)) == (302, 1)


async def test_a_redirect_leads_to_its_end() -> None:
    async with peer() as end:
        start = {"/": redirect(f"http://{ELSEWHERE}:{end.port}/end"), "/early": redirect("/")}
        async with peer(start) as other, client_of(BOTH, THIS_MACHINE, follow_redirects=True) as client:
            answer = await client.get(f"http://{NAME}:{other.port}/early")
    assert (answer.text, str(answer.url)) == ("ok", f"http://{ELSEWHERE}:{end.port}/end")
    assert f"\r\nHost: {ELSEWHERE}:{end.port}\r\n".encode() in end.requests[0]


@pytest.mark.parametrize("follow_redirects", [True, False])
async def test_a_redirect_does_not_lead_inside(follow_redirects: bool) -> None:
    """Whether the client follows, or is asked to for one request."""
    async with (
        peer() as inside,
        peer(redirect(f"http://127.0.0.1:{inside.port}/")) as other,
        client_of(BOTH, THIS_MACHINE, follow_redirects=follow_redirects) as client,
    ):
        with pytest.raises(UrlRefused):
            await client.get(f"http://{NAME}:{other.port}/", follow_redirects=True)
    assert inside.requests == []


@pytest.mark.parametrize(("hops", "ends"), [(5, True), (6, False)])
async def test_five_redirects_are_enough(hops: int, ends: bool) -> None:
    site = {f"/{hop}": redirect(f"/{hop - 1}") for hop in range(1, hops + 1)} | {"/0": OK}
    async with peer(site) as other, client_of(BOTH, THIS_MACHINE, follow_redirects=True) as client:
        try:
            assert (await client.get(f"http://{NAME}:{other.port}/{hops}")).text == "ok"
        except PeerFailed as failed:
            assert not ends and "more than 5 times" in failed.detail
        else:
            assert ends
    assert len(other.requests) == 6


@pytest.mark.parametrize("name", [NAME, ELSEWHERE])
async def test_secrets_do_not_go_to_another_origin(name: str) -> None:
    """Nor from there back: another host has chosen what would be asked with them."""
    async with peer() as home:
        there = {"/": redirect(f"http://{NAME}:{home.port}/")}
        async with (
            peer(there) as other,
            peer(redirect(f"http://{name}:{other.port}/")) as start,
            client_of(BOTH, THIS_MACHINE, follow_redirects=True) as client,
        ):
            await client.get(f"http://{NAME}:{start.port}/", headers=SECRETS | {"X-Kept": "yes"}, extensions=MARKED)
    assert start.requests[0].count(b"hush") == 4
    for request in (other.requests[0], home.requests[0]):
        assert b"hush" not in request and b"X-Kept: yes" in request


async def test_secrets_stay_on_the_way_to_another_path() -> None:
    site = {"/": redirect("/there"), "/there": OK}
    async with peer(site) as other, client_of(BOTH, THIS_MACHINE, follow_redirects=True) as client:
        await client.get(f"http://{NAME}:{other.port}/", headers=SECRETS, extensions=MARKED)
    assert b"Bearer hush" in other.requests[1] and b"X-Api-Key: hush" in other.requests[1]


async def test_https_does_not_lead_to_http(tmp_path: Path) -> None:
    server, trusting = tls_pair(tmp_path, NAME)
    async with (
        peer() as plain,
        peer(redirect(f"http://{NAME}:{plain.port}/"), tls=server) as other,
        client_of(BOTH, THIS_MACHINE, tls=trusting, follow_redirects=True) as client,
    ):
        with pytest.raises(UrlRefused, match="from https to http"):
            await client.get(f"https://{NAME}:{other.port}/")
    assert plain.requests == []


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (303, "PUT", "GET"), (301, "PUT", "PUT"),
        (307, "POST", "POST"), (308, "POST", "POST"), (302, "HEAD", "HEAD"), (307, "GET", "GET"),
    ],
)  # fmt: skip
async def test_the_method_of_the_next_request(status: int, method: str, then: str) -> None:
    site = {"/": redirect("/there", status), "/there": OK}
    async with peer(site) as other, client_of(BOTH, THIS_MACHINE, follow_redirects=True) as client:
        await client.request(method, f"http://{NAME}:{other.port}/", content=b"lamp" if "P" in method else None)
    head, _, body = other.requests[1].partition(b"\r\n\r\n")
    assert head.split()[0].decode() == then
    assert body == (b"lamp" if then in ("POST", "PUT") else b"")


async def test_a_body_that_can_be_sent_only_once_is_not_sent_twice() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"lamp"

    site = redirect("/there", 307)
    async with peer(site) as other, client_of(BOTH, THIS_MACHINE, follow_redirects=True) as client:
        with pytest.raises(PeerFailed):
            await client.post(f"http://{NAME}:{other.port}/", content=body(), headers={"Content-Length": "4"})
    assert len(other.requests) == 1


async def test_the_deadline_is_one_for_all_hops() -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(redirect("/again"))
        await writer.drain()

    async with peer(slow) as other, client_of(BOTH, THIS_MACHINE, follow_redirects=True, seconds=0.5) as client:
        with pytest.raises(PeerFailed, match=r"within 0\.5 seconds"):
            await client.get(f"http://{NAME}:{other.port}/")
    assert len(other.requests) == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(
    location=st.binary(max_size=60)
    | st.text(max_size=60).map(str.encode)
    | st.text().map("https://{}".format).map(str.encode)
)
async def test_wherever_a_redirect_points_the_client_says_it_in_our_words(location: bytes) -> None:
    answer = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n"
    async with peer(answer) as other, client_of(BOTH, THIS_MACHINE, follow_redirects=True) as client:
        with watched() as connections:
            try:
                await client.get(f"http://{NAME}:{other.port}/")
            except AtriumError as error:
                assert isinstance(error, PeerFailed | UrlRefused)
    # "http:" and the like are this host's own ports for it.
    assert {port for _, port in connections} <= {other.port, 80, 443}
