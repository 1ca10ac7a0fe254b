"""Which IP addresses belong to the public internet."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

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
# RFC 6052's; the prefix of RFC 8215, 64:ff9b:1::/48, leads to whatever a network likes.
_NAT64 = IPv6Network("64:ff9b::/96")
# RFC 5214: the third quarter of an address, before an IPv4 address to which a tunnel leads.
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, as does each one that is embedded in it."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return _is_public_ipv4(parsed)
    if parsed.scope_id is not None:
        return False
    embedded = _translated_ipv4(parsed)
    return _is_public_ipv6(parsed) if embedded is None else _is_public_ipv4(embedded)


def _is_public_ipv4(address: IPv4Address) -> bool:
    return not any(address in network for network in _SPECIAL_IPV4)


def _is_public_ipv6(address: IPv6Address) -> bool:
    is_tunnel = int(address) >> 32 & 0xFFFF_FFFF in _ISATAP
    return address in _PUBLIC_IPV6 and not is_tunnel and not any(address in network for network in _SPECIAL_IPV6)


def _translated_ipv4(address: IPv6Address) -> IPv4Address | None:
    """What is reached by an IPv4-mapped address, or through NAT64."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped
