"""Where a URL that a tenant names may lead: never into the network in which Atrium itself stands."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from uuid import UUID

import httpx2

from core.errors import Invalid
from core.settings import Settings
from tools.egress.special_addresses import is_public

LONGEST_URL = 2048
_LONGEST_HOST = 253
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# https://url.spec.whatwg.org/#ends-in-a-number-checker: resolvers read such a host as an address, in its short forms.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class UrlRefused(Invalid):
    code = "url_refused"


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Hosts that the operator allows, to every tenant or to one, may be private, on any port and without TLS.

    Names are in lower-case ASCII, addresses in their shortest form. All others are asked through https on `ports`.
    """

    allow_hosts: frozenset[str] = frozenset()
    tenant_hosts: Mapping[UUID, frozenset[str]] = field(default_factory=dict)
    ports: frozenset[int] = frozenset({443, 8443})

    def allowed_hosts(self, tenant_id: UUID) -> frozenset[str]:
        return self.allow_hosts | self.tenant_hosts.get(tenant_id, frozenset())


def policy_of(settings: Settings) -> EgressPolicy:
    hosts: defaultdict[str, set[str]] = defaultdict(set)
    for entry in settings.egress_allowed_hosts:
        tenant, _, host = entry.rpartition("@")
        hosts[tenant].add(host)
    everyone = frozenset(hosts.pop("", ()))
    return EgressPolicy(everyone, {UUID(tenant): frozenset(named) for tenant, named in hosts.items()})


def check_url(url: str | httpx2.URL, policy: EgressPolicy, tenant_id: UUID) -> httpx2.URL:
    """All that can be said without looking its host up. Raises `UrlRefused`."""
    parsed = parse_url(url)
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise UrlRefused("A URL must be absolute and begin with https://.")
    if parsed.userinfo:
        raise UrlRefused("A URL may carry no user name or password.")
    host = host_of(parsed)
    if not _is_host(host):
        raise UrlRefused("The URL's host is neither a name nor an address.")
    if host not in policy.allowed_hosts(tenant_id):
        _check_public(parsed, host, policy)
    return parsed


def parse_url(url: str | httpx2.URL) -> httpx2.URL:
    """Raises `UrlRefused`."""
    if len(str(url)) > LONGEST_URL:
        raise UrlRefused(f"A URL may have at most {LONGEST_URL} characters.")
    try:
        return httpx2.URL(url)
    except (httpx2.InvalidURL, UnicodeError) as exc:
        raise UrlRefused("This is no URL; write it like https://example.com/hooks.") from exc


def host_of(url: httpx2.URL) -> str:
    """In ASCII as it is looked up; an address in its shortest form, without brackets."""
    host = url.raw_host.decode("ascii")
    try:
        return str(ip_address(host))
    except ValueError:
        return host


def port_of(url: httpx2.URL) -> int:
    if url.port is not None:
        return url.port
    return 443 if url.scheme == "https" else 80


def _is_host(host: str) -> bool:
    if _is_address(host):
        return True
    labels = host.split(".")
    return len(host) <= _LONGEST_HOST and all(map(_LABEL.fullmatch, labels)) and not _NUMBER.fullmatch(labels[-1])


def _check_public(url: httpx2.URL, host: str, policy: EgressPolicy) -> None:
    if url.scheme != "https":
        raise UrlRefused("A URL must begin with https://; ask the operator to allow this host if it has no TLS.")
    if port_of(url) not in policy.ports:
        allowed = ", ".join(map(str, sorted(policy.ports)))
        raise UrlRefused(f"Port {url.port} is not one of those allowed: {allowed}.")
    if host == "localhost" or host.endswith(".localhost") or (_is_address(host) and not is_public(host)):
        raise UrlRefused("This host is not a public one.")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
