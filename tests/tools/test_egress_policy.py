from ipaddress import IPv4Address
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import OperatorError
from core.settings import load_settings
from tests.tools.egress_clients import TENANT
from tools.egress.policy import LONGEST_URL, EgressPolicy, UrlRefused, check_url, policy_of
from tools.egress.special_addresses import is_public

PRIVATE = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "169.254.169.254", "172.31.255.255",
    "192.0.0.192", "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16",
    "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "64:ff9b:1::808:808", "2002:7f00:1::", "2001::1", "2001:0:808:808::1",
    "2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:10.0.0.1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
    "2606:4700::1%eth0", "fec0::1", "ff02::1", "100::1", "2001:db8::1", "3fff::1", "5f00::1", "localhost", "",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "93.184.215.14", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_some_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@given(st.integers(0, 2**32 - 1))
def test_an_embedded_address_is_as_public_as_it_is_alone(number: int) -> None:
    address = IPv4Address(number)
    for embedded in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert is_public(embedded) == is_public(str(address))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/", "file:///etc/passwd", "//example.com/", "/hooks", "example.com", "https://", "", "\x00",
        "https://exa mple.com/", "https://[::1", "https://a:b@example.com/", "https://a@example.com/",
        "https://example.com:22/", "https://example.com:0/", "https://localhost/", "https://a.localhost/",
        "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/latest",
        "https://example.com/\ud800", "https://example.com/" + "a" * LONGEST_URL, "http://example.com/",
        "http://example.com:8080/", "https://example.com./", "https://a..b/", "https://-a.com/", "https://example.1/",
        "https://" + "a" * 64 + ".com/", "https://" + "a." * 127 + "com/", "https://127.1/", "https://0x7f000001/",
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_right_is_refused_when_it_is_named(url: str) -> None:
    with pytest.raises(UrlRefused):
        check_url(url, EgressPolicy(), TENANT)


@pytest.mark.parametrize(
    "url", ["https://example.com", "https://a_b.example.com:8443/a?b=c", "https://[2606:4700::1]/"]
)
def test_a_public_url_is_taken(url: str) -> None:
    assert str(check_url(url, EgressPolicy(), TENANT)) == url


@given(st.text() | st.text().map("https://{}/".format) | st.from_regex(r"https?://[\w.:@\[\]%\\-]*/?\w*"))
def test_any_text_is_taken_or_refused(url: str) -> None:
    try:
        check_url(url, EgressPolicy(), TENANT)
    except UrlRefused as refused:
        assert refused.status == 422


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("api.internal", "http://api.internal:9000/"), ("API.Internal", "https://api.INTERNAL/"),
        ("10.1.2.3", "http://10.1.2.3/"), ("[FD00::0:1]", "http://[fd00:0::1]:81/"), ("fd00::1", "http://[FD00::1]/"),
        ("localhost", "http://localhost:3000/"), (f"{TENANT}@api.internal", "http://api.internal/"),
        (f"a.internal, {str(TENANT).upper()}@b.internal", "http://b.internal/"),
    ],
)  # fmt: skip
def test_what_the_operator_allows_is_taken(allowed: str, url: str) -> None:
    policy = policy_of(load_settings(egress_allowed_hosts=allowed))
    assert check_url(url, policy, TENANT).host


def test_what_is_allowed_to_one_tenant_is_refused_to_another() -> None:
    policy = policy_of(load_settings(egress_allowed_hosts=f"a.internal,{TENANT}@b.internal"))
    assert policy.allowed_hosts(TENANT) == {"a.internal", "b.internal"}
    assert policy.allowed_hosts(UUID(int=2)) == {"a.internal"}
    with pytest.raises(UrlRefused):
        check_url("http://b.internal/", policy, UUID(int=2))


@pytest.mark.parametrize(
    "allowed",
    [
        "http://api.internal", "api.internal:80", "api.internal/", "acme@api.internal", "@api.internal", f"{TENANT}@",
        "a b", "*.internal", "10.0.0.0/8", "10.1", "[::1", "bücher.internal", "api..internal", "api.internal.",
    ],
)  # fmt: skip
def test_a_host_that_no_url_has_is_an_error_at_start_up(allowed: str) -> None:
    with pytest.raises(OperatorError, match="ATRIUM_EGRESS_ALLOWED_HOSTS"):
        load_settings(egress_allowed_hosts=allowed)
