import socket
from collections.abc import Generator, Sequence
from pathlib import Path
from uuid import UUID

import httpcore2
import httpx2
import pytest

from tests.tools.certificates import tls_pair
from tests.tools.connections import watched
from tests.tools.egress_clients import NAME, TENANT, THIS_MACHINE, TRUSTED, client_of, names
from tests.tools.peers import peer
from tools.egress.client import Egress, PeerFailed
from tools.egress.policy import EgressPolicy, UrlRefused


async def test_the_checked_address_is_connected_to_without_a_second_look_up() -> None:
    looked_up: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        looked_up.append(host)
        return ["127.0.0.1"]

    async with peer() as other, client_of(TRUSTED, resolve) as client:
        with watched() as connections:
            answer = await client.get(f"http://{NAME}:{other.port}/a?b=c")
    assert (answer.status_code, answer.text) == (200, "ok")
    assert (looked_up, connections) == ([NAME], [("127.0.0.1", other.port)])
    assert other.requests[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert f"Host: {NAME}:{other.port}\r\n".encode() in other.requests[0]


async def test_another_host_than_the_urls_cannot_be_named() -> None:
    async with peer() as other, client_of(TRUSTED, THIS_MACHINE) as client:
        await client.get(f"http://{NAME}:{other.port}/", headers={"Host": "metadata.internal"})
    assert b"metadata.internal" not in other.requests[0]
    assert other.requests[0].lower().count(b"\r\nhost:") == 1


async def test_an_address_that_refuses_is_followed_by_the_next() -> None:
    async with peer() as other, client_of(TRUSTED, names("127.0.0.2", "127.0.0.1")) as client:
        assert (await client.get(f"http://{NAME}:{other.port}/")).text == "ok"


async def test_a_host_is_allowed_to_the_tenants_that_the_operator_names() -> None:
    policy = EgressPolicy(tenant_hosts={TENANT: frozenset({NAME})})
    async with peer() as other, Egress(policy, resolve=THIS_MACHINE) as egress:
        url = f"http://{NAME}:{other.port}/"
        async with egress.client(TENANT) as client:
            assert (await client.get(url)).text == "ok"
        async with egress.client(UUID(int=2)) as client:
            with pytest.raises(UrlRefused):
                await client.get(url)
    assert len(other.requests) == 1


async def test_tls_proves_the_name_and_not_the_address(tmp_path: Path) -> None:
    server, trusting = tls_pair(tmp_path, NAME)
    policy = EgressPolicy(allow_hosts=frozenset({NAME, "other.example.com"}))
    async with peer(tls=server) as other, client_of(policy, THIS_MACHINE, tls=trusting) as client:
        assert (await client.get(f"https://{NAME}:{other.port}/")).text == "ok"
        with pytest.raises(PeerFailed):
            await client.get(f"https://other.example.com:{other.port}/")
    assert len(other.requests) == 1


async def test_tls_asks_for_the_name_in_the_url(tmp_path: Path) -> None:
    server, trusting = tls_pair(tmp_path, NAME)
    asked: list[str] = []
    server.sni_callback = lambda connection, name, context: asked.append(name)
    async with peer(tls=server) as other, client_of(TRUSTED, THIS_MACHINE, tls=trusting) as client:
        await client.get(f"https://{NAME}:{other.port}/", extensions={"sni_hostname": "other.example.com"})
    assert asked == [NAME]


async def test_a_certificate_that_nobody_signed_is_not_taken(tmp_path: Path) -> None:
    server, _ = tls_pair(tmp_path, NAME)
    async with peer(tls=server) as other, client_of(TRUSTED, THIS_MACHINE) as client:
        with pytest.raises(PeerFailed):
            await client.get(f"https://{NAME}:{other.port}/")
    assert other.requests == []


async def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    async with peer() as other, client_of(TRUSTED, THIS_MACHINE) as client:
        assert (await client.get(f"http://{NAME}:{other.port}/")).text == "ok"


async def test_passwords_in_a_netrc_are_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(f"machine {NAME} login ann password hush\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    async with peer() as other, client_of(TRUSTED, THIS_MACHINE) as client:
        await client.get(f"http://{NAME}:{other.port}/")
    assert b"authorization" not in other.requests[0].lower()


async def test_what_asks_for_a_token_first_goes_out_the_same_way() -> None:
    class Asking(httpx2.Auth):
        def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
            yield httpx2.Request("GET", f"http://{NAME}:{other.port}/token")
            yield request
            yield httpx2.Request("GET", f"http://127.0.0.1:{other.port}/")

    async with peer() as other, client_of(TRUSTED, THIS_MACHINE) as client:
        with pytest.raises(UrlRefused):
            await client.get(f"http://{NAME}:{other.port}/", auth=Asking())
    assert [request.split()[1] for request in other.requests] == [b"/token", b"/"]


async def test_cookies_of_one_request_are_not_sent_with_the_next() -> None:
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: tenant=acme\r\nContent-Length: 0\r\n\r\n"
    async with peer(answer) as other, client_of(TRUSTED, THIS_MACHINE) as client:
        for _ in range(2):
            await client.get(f"http://{NAME}:{other.port}/")
    assert b"ookie" not in other.requests[1]


@pytest.mark.parametrize("failure", [socket.gaierror(-2, "unknown"), TimeoutError(), httpcore2.ReadError("10.9.8.7")])
async def test_a_failure_names_the_host_and_no_address(failure: Exception) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise failure

    async with client_of(EgressPolicy(), resolve) as client:
        with pytest.raises(PeerFailed) as failed:
            await client.get(f"https://{NAME}/")
    assert NAME in failed.value.detail
    assert "10.9.8.7" not in failed.value.detail


async def test_a_name_without_an_address_fails() -> None:
    async with client_of(EgressPolicy(), names()) as client:
        with pytest.raises(PeerFailed):
            await client.get(f"https://{NAME}/")


@pytest.mark.parametrize("url", ["http://[::1", "https://example.com/\ud800", "http://exa mple.com/", "/a", ""])
async def test_what_is_no_url_is_refused(url: str) -> None:
    async with client_of(EgressPolicy(), names()) as client:
        with pytest.raises(UrlRefused):
            await client.get(url)
