import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tools.certificates import tls_pair
from tests.tools.peers import peer
from tools.egress import PeerFailed, Resolve, egress_client
from tools.egress_policy import LONGEST_URL, EgressPolicy, UrlRefused, check_url, is_public

NAME = "hooks.example.com"
# What the operator lets through, so that a name may stand for a host of this machine.
TRUSTED = EgressPolicy(allow_hosts=frozenset({NAME}))

PRIVATE = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "169.254.169.254", "172.31.255.255",
    "192.0.0.192", "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1",
    "ff02::1", "100::1", "2001:db8::1",
]  # fmt: skip


def names(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_of_a_private_address_is_refused(address: str) -> None:
    async with egress_client(EgressPolicy(), resolve=names(address)) as client:
        with pytest.raises(UrlRefused) as refused:
            await client.get(f"https://{NAME}/")
    assert address not in refused.value.detail


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    async with egress_client(EgressPolicy(), resolve=names("93.184.215.14", "10.0.0.1")) as client:
        with pytest.raises(UrlRefused):
            await client.get(f"https://{NAME}/")


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "017700000001", "0"])
async def test_an_address_in_disguise_is_refused(host: str) -> None:
    async with egress_client(EgressPolicy()) as client:
        with pytest.raises(UrlRefused):
            await client.get(f"http://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/", "file:///etc/passwd", "//example.com/", "/hooks", "example.com", "http://", "", "\x00",
        "http://exa mple.com/", "http://[::1", "https://a:b@example.com/", "https://a@example.com/",
        "https://example.com:22/", "https://example.com:0/", "http://localhost/", "http://a.localhost/",
        "http://127.0.0.1/", "http://[::1]/", "http://[::ffff:10.0.0.1]/", "http://169.254.169.254/latest/meta-data",
        "https://example.com/\ud800", "https://example.com/" + "a" * LONGEST_URL,
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_right_is_refused_when_it_is_named(url: str) -> None:
    with pytest.raises(UrlRefused):
        check_url(url, EgressPolicy())


@pytest.mark.parametrize("url", ["https://example.com", "http://example.com:8080/a?b=c", "https://[2606:4700::1]/"])
def test_a_public_url_is_taken(url: str) -> None:
    assert str(check_url(url, EgressPolicy())) == url


@given(st.integers(0, 2**32 - 1))
def test_an_embedded_address_is_as_public_as_it_is_alone(number: int) -> None:
    address = IPv4Address(number)
    for embedded in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert is_public(embedded) == is_public(str(address))


async def test_the_checked_address_is_connected_to_without_a_second_look_up() -> None:
    looked_up: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        looked_up.append(host)
        return ["127.0.0.1"]

    async with peer() as other, egress_client(TRUSTED, resolve=resolve) as client:
        answer = await client.get(f"http://{NAME}:{other.port}/a")
    assert (answer.status_code, answer.text) == (200, "ok")
    assert looked_up == [NAME]
    assert f"Host: {NAME}:{other.port}".encode() in other.requests[0]


async def test_an_address_that_refuses_is_followed_by_the_next() -> None:
    async with peer() as other, egress_client(TRUSTED, resolve=names("127.0.0.2", "127.0.0.1")) as client:
        assert (await client.get(f"http://{NAME}:{other.port}/")).text == "ok"


async def test_tls_proves_the_name_and_not_the_address(tmp_path: Path) -> None:
    server, trusting = tls_pair(tmp_path, NAME)
    policy = EgressPolicy(allow_hosts=frozenset({NAME, "other.example.com"}))
    async with (
        peer(tls=server) as other,
        egress_client(policy, resolve=names("127.0.0.1"), tls=trusting) as client,
    ):
        assert (await client.get(f"https://{NAME}:{other.port}/")).text == "ok"
        with pytest.raises(PeerFailed):
            await client.get(f"https://other.example.com:{other.port}/")


async def test_a_redirect_is_not_followed_and_could_not_lead_inside() -> None:
    async with peer() as inside:
        there = f"http://127.0.0.1:{inside.port}/"
        redirect = f"HTTP/1.1 302 Found\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n".encode()
        async with peer(redirect) as other, egress_client(TRUSTED, resolve=names("127.0.0.1")) as client:
            here = f"http://{NAME}:{other.port}/"
            assert (await client.get(here)).status_code == 302
            with pytest.raises(UrlRefused):
                await client.get(here, follow_redirects=True)
    assert inside.requests == []


async def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    async with peer() as other, egress_client(TRUSTED, resolve=names("127.0.0.1")) as client:
        assert (await client.get(f"http://{NAME}:{other.port}/")).text == "ok"


async def test_cookies_of_one_request_are_not_sent_with_the_next() -> None:
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: tenant=acme\r\nContent-Length: 0\r\n\r\n"
    async with peer(answer) as other, egress_client(TRUSTED, resolve=names("127.0.0.1")) as client:
        for _ in range(2):
            await client.get(f"http://{NAME}:{other.port}/")
    assert b"ookie" not in other.requests[1]


async def test_a_body_that_is_too_large_is_cut_off() -> None:
    async def flood(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with (
        peer(flood) as other,
        egress_client(TRUSTED, resolve=names("127.0.0.1"), max_bytes=100_000) as client,
    ):
        with pytest.raises(PeerFailed, match="more than 100000 bytes"):
            await client.get(f"http://{NAME}:{other.port}/")


async def test_a_compressed_body_is_not_unpacked() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx"
    async with peer(answer) as other, egress_client(TRUSTED, resolve=names("127.0.0.1")) as client:
        with pytest.raises(PeerFailed, match="compressed"):
            await client.get(f"http://{NAME}:{other.port}/")


async def test_a_body_that_drips_ends_at_the_deadline() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with peer(drip) as other, egress_client(TRUSTED, resolve=names("127.0.0.1"), seconds=0.5) as client:
        with pytest.raises(PeerFailed, match=r"within 0\.5 seconds"):
            await client.get(f"http://{NAME}:{other.port}/")


@pytest.mark.parametrize("failure", [socket.gaierror(-2, "unknown"), TimeoutError(), httpx.ReadError("10.9.8.7")])
async def test_a_failure_names_the_host_and_no_address(failure: Exception) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise failure

    async with egress_client(EgressPolicy(), resolve=resolve) as client:
        with pytest.raises(PeerFailed) as failed:
            await client.get(f"https://{NAME}/")
    assert NAME in failed.value.detail
    assert "10.9.8.7" not in failed.value.detail
