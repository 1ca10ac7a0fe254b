"""Where a URL that a tenant names may lead: never into the network in which Atrium itself stands."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx

from core.errors import Invalid
from core.settings import Settings

LONGEST_URL = 2048
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f.:]+")

# IANA's special-purpose registry and multicast; the last one is a public address that answers as Azure's metadata.
_SPECIAL_IPV4 = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "168.63.129.16/32",
    )
]
# Of IPv6 only this is public, and in it not these: Teredo and other protocols, documentation, 6to4.
_PUBLIC_IPV6 = IPv6Network("2000::/3")
_SPECIAL_IPV6 = [IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
_NAT64 = IPv6Network("64:ff9b::/96")


class UrlRefused(Invalid):
    code = "url_refused"


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """`allow_hosts`, as URLs write them, may be private and have any port: the operator's word, not a tenant's."""

    allow_hosts: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset({80, 443, 8080, 8443})


def policy_of(settings: Settings) -> EgressPolicy:
    return EgressPolicy(allow_hosts=frozenset(settings.egress_allowed_hosts))


def check_url(url: str | httpx.URL, policy: EgressPolicy) -> httpx.URL:
    """All that can be said without looking its host up. Raises `UrlRefused`."""
    if len(str(url)) > LONGEST_URL:
        raise UrlRefused(f"A URL may have at most {LONGEST_URL} characters.")
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as exc:
        raise UrlRefused("This is no URL; write it like https://example.com/hooks.") from exc
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise UrlRefused("A URL must be absolute and begin with https:// or http://.")
    if parsed.userinfo:
        raise UrlRefused("A URL may carry no user name or password.")
    host = host_of(parsed)
    if not _HOST.fullmatch(host):
        raise UrlRefused("The URL's host is neither a name nor an address.")
    if host in policy.allow_hosts:
        return parsed
    if port_of(parsed) not in policy.ports:
        raise UrlRefused(
            f"Port {parsed.port} is not one of those allowed: {', '.join(map(str, sorted(policy.ports)))}."
        )
    if host == "localhost" or host.endswith(".localhost") or not _is_public_if_address(host):
        raise UrlRefused("This host is not a public one.")
    return parsed


def host_of(url: httpx.URL) -> str:
    """In ASCII as it is looked up; an IPv6 address without its brackets."""
    return url.raw_host.decode("ascii")


def port_of(url: httpx.URL) -> int:
    if url.port is not None:
        return url.port
    return 443 if url.scheme == "https" else 80


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, as does each one that is embedded in it."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        embedded = _embedded_ipv4(parsed)
        if embedded is None:
            return parsed in _PUBLIC_IPV6 and not any(parsed in network for network in _SPECIAL_IPV6)
        parsed = embedded
    return not any(parsed in network for network in _SPECIAL_IPV4)


def _embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped


def _is_public_if_address(host: str) -> bool:
    try:
        return is_public(host)
    except ValueError:
        return True
