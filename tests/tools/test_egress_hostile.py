"""Whatever a URL, a redirect or a name server says, no socket is connected to an address that is not public."""

import random
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import quote

import pytest

from tests.tools.connections import watched
from tests.tools.dns_stub import dns_stub
from tests.tools.egress_clients import NAME, THIS_MACHINE, TRUSTED, client_of, names
from tests.tools.hostile_urls import INSIDE, urls
from tests.tools.peers import OK, peer, redirect
from tools.egress.client import PeerFailed, resolve
from tools.egress.policy import EgressPolicy, UrlRefused

NOWHERE = EgressPolicy()
PUBLIC = "93.184.215.14"
HOSTILE = urls()


async def naive(host: str, port: int) -> Sequence[str]:
    """As getaddrinfo(3) reads addresses; every name is one of this machine."""
    if host == NAME:
        return ["127.0.0.1"]
    try:
        return [socket.inet_ntoa(socket.inet_aton(host))]
    except OSError:
        try:
            return [str(ip_address(host))]
        except ValueError:
            return ["127.0.0.1"]


def test_there_are_a_thousand_of_them() -> None:
    assert len(HOSTILE) >= 1000


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_hostile_url_is_refused(url: str) -> None:
    with watched() as connections:
        async with client_of(NOWHERE, naive) as client:
            with pytest.raises(UrlRefused):
                await client.get(url)
    assert connections == []


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_redirect_to_a_hostile_url_is_refused(url: str) -> None:
    async with peer(redirect(url)) as other, client_of(TRUSTED, naive, follow_redirects=True) as client:
        with watched() as connections, pytest.raises((UrlRefused, PeerFailed)):
            await client.get(f"http://{NAME}:{other.port}/")
    assert connections == [("127.0.0.1", other.port)]


@pytest.mark.parametrize("seed", range(100))
async def test_a_chain_of_redirects_goes_no_further_than_its_first_hostile_hop(seed: int) -> None:
    chosen = random.Random(seed)
    length, at = chosen.randint(1, 8), chosen.randint(0, 7)
    trap = quote(str(chosen.choice(HOSTILE).values[0]), safe=":/@%[]?#\\ ")  # type: ignore[attr-defined]
    site = {f"/{hop}": redirect(f"/{hop + 1}", chosen.choice([301, 302, 303, 307, 308])) for hop in range(length)}
    site[f"/{length}"] = OK
    if at < length:
        site[f"/{at}"] = redirect(trap)
    async with peer(site) as other, client_of(TRUSTED, naive, follow_redirects=True) as client:
        with watched() as connections:
            try:
                answer = await client.get(f"http://{NAME}:{other.port}/0")
            except (UrlRefused, PeerFailed):
                assert min(at, 5) < length
            else:
                assert answer.text == "ok" and length <= min(at, 5)
    assert connections == [("127.0.0.1", other.port)] * (min(at, length, 5) + 1)


@pytest.mark.parametrize("address", [*map(str, INSIDE), "::1", "::ffff:10.0.0.1", "fd00:ec2::254", "64:ff9b::a00:1"])
@pytest.mark.parametrize("place", ["alone", "first", "last", "sixth"])
async def test_a_name_with_one_private_address_is_refused(address: str, place: str) -> None:
    others = [f"1.1.1.{number}" for number in range(5)]
    found = {"alone": [address], "first": [address, PUBLIC], "last": [PUBLIC, address], "sixth": [*others, address]}
    with watched() as connections:
        async with client_of(NOWHERE, names(*found[place])) as client:
            with pytest.raises(UrlRefused) as refused:
                await client.get(f"https://{NAME}/")
    assert connections == []
    assert address not in refused.value.detail


async def test_a_name_server_that_changes_its_mind_is_asked_once_and_its_first_answer_used() -> None:
    asked: list[int] = []

    def zone(name: str, times: int) -> Sequence[str]:
        asked.append(times)
        return [PUBLIC] if times == 1 else ["127.0.0.1", "::1"]

    async with dns_stub(zone) as rebinding, client_of(NOWHERE, rebinding) as client:
        with watched() as connections, pytest.raises(PeerFailed):
            await client.get(f"https://{NAME}/")
    assert asked == [1, 1], "once for IPv6 and once for IPv4"
    assert connections == [(PUBLIC, 443)]


async def test_a_name_that_changed_between_two_requests_is_checked_anew() -> None:
    async with (
        dns_stub(lambda name, times: [PUBLIC] if times == 1 else ["169.254.169.254"]) as rebinding,
        client_of(NOWHERE, rebinding) as client,
    ):
        with watched() as connections:
            with pytest.raises(PeerFailed):
                await client.get(f"https://{NAME}/")
            with pytest.raises(UrlRefused):
                await client.get(f"https://{NAME}/")
    assert connections == [(PUBLIC, 443)]


async def test_a_name_that_a_redirect_leads_to_is_checked_each_time() -> None:
    def zone(name: str, times: int) -> Sequence[str]:
        return ["127.0.0.1"] if name == NAME else [PUBLIC] if times == 1 else ["10.0.0.1"]

    async with (
        peer(redirect("https://rebinding.example/")) as other,
        dns_stub(zone) as rebinding,
        client_of(TRUSTED, rebinding, follow_redirects=True) as client,
    ):
        with watched() as connections:
            for refusal in (PeerFailed, UrlRefused):
                with pytest.raises(refusal):
                    await client.get(f"http://{NAME}:{other.port}/")
    here = ("127.0.0.1", other.port)
    assert connections == [here, (PUBLIC, 443), here]


async def test_the_audit_hook_sees_what_is_connected_to() -> None:
    """The tests above could not fail otherwise."""
    async with peer() as other, client_of(TRUSTED, THIS_MACHINE) as client:
        with watched() as connections:
            await client.get(f"http://{NAME}:{other.port}/")
        await client.get(f"http://{NAME}:{other.port}/")
    assert connections == [("127.0.0.1", other.port)]


@pytest.mark.parametrize(("host", "address"), [("127.1", "127.0.0.1"), ("0x7f000001", "127.0.0.1"), ("::1", "::1")])
async def test_what_the_system_makes_of_an_address_is_what_is_checked(host: str, address: str) -> None:
    assert list(await resolve(host, 443)) == [address]
