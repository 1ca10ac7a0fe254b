"""URLs that lead inside, each address in each disguise: the same ones, with the same ids, whenever they are made."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

import pytest

INSIDE = [
    IPv4Address(address)
    for address in (
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "169.254.169.254",
        "169.254.170.2", "172.16.0.1", "192.0.0.192", "192.168.0.1", "198.18.0.1", "168.63.129.16", "224.0.0.1",
        "255.255.255.255",
    )
]  # fmt: skip
_OTHERS = [
    "localhost", "LOCALHOST", "a.localhost", "localhost.", "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::1%25lo]",
    "[::1%lo]", "[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25eth0]", "[fe80::a9fe:a9fe]", "[fec0::1]", "[ff02::1]",
    "[2001:db8::1]", "[100::1]", "[2606:4700::1%25eth0]", "1.2.3.4.5", "0x", "0x.0x", "256.1", "4294967296", "-1",
]  # fmt: skip
_PATHS_TO_ELSEWHERE = [
    "http://public.example/", "ftp://{}/", "gopher://{}:70/_", "file:///etc/passwd", "file://{}/etc/passwd",
    "dict://{}:11211/", "ldap://{}/", "data:text/plain,hi", "jar:https://{}/!/", "javascript:alert(1)", "ws://{}/",
    "https://public.example:22/", "https://public.example:6379/", "https://ann@public.example/",
    "https://ann:hush@public.example/", "https://public.example:443@{}/", "https://{}:0/", "https://{}:99999/",
    "https://public.example\\@{}/", "https://public.example@{}/", "https://public.example%2f@{}/",
    "https://{}#@public.example/", "https://{}?@public.example/", "https://{}\\.public.example/",
    "https://{}%00.public.example/", "https://{}%0d%0aHost:%20public.example/", "https://{}\t/", "https:// {}/",
    "https://public.example /",
]  # fmt: skip


def urls() -> list[object]:
    """Parameters for pytest, more than a thousand."""
    direct = [(f"https://{host}/", f"{name}-{address}") for address in INSIDE for name, host in _disguises(address)]
    nested = [
        (form.format(address), f"form{number}-{address}")
        for address in INSIDE
        for number, form in enumerate(_PATHS_TO_ELSEWHERE)
    ]
    others = [(f"https://{host}/", f"other{number}") for number, host in enumerate(_OTHERS)]
    return [pytest.param(url, id=name) for url, name in dict.fromkeys(direct + nested + others)]


def _disguises(address: IPv4Address) -> Iterator[tuple[str, str]]:
    yield "plain", f"{address}"
    yield "port", f"{address}:8443"
    yield from _numbers(address)
    yield from _letters(address)
    yield from _in_ipv6(address)


def _numbers(address: IPv4Address) -> Iterator[tuple[str, str]]:
    """What inet_aton(3) takes for it."""
    whole, octets = int(address), list(address.packed)
    yield "decimal", f"{whole}"
    yield "hex", f"{whole:#x}"
    yield "upper-hex", f"0X{whole:X}"
    yield "long-hex", f"0x{whole:032x}"
    yield "octal", f"{whole:#o}".replace("o", "")
    yield "octal-octets", ".".join(f"0{octet:o}" for octet in octets)
    yield "long-octal-octets", ".".join(f"0000{octet:o}" for octet in octets)
    yield "hex-octets", ".".join(f"{octet:#x}" for octet in octets)
    yield "mixed", f"{octets[0]:#x}.0{octets[1]:o}.{octets[2]}.{octets[3]}"
    yield "three-parts", f"{octets[0]}.{octets[1]}.{whole & 0xFFFF}"
    yield "two-parts", f"{octets[0]}.{whole & 0xFFFFFF}"
    yield "two-parts-hex", f"{octets[0]:#x}.{whole & 0xFFFFFF:#x}"
    yield "overflow", f"{whole + 2**32}"


def _letters(address: IPv4Address) -> Iterator[tuple[str, str]]:
    """What IDNA and percent-decoding may make of it."""
    text = str(address)
    yield "trailing-dot", f"{text}."
    yield "trailing-dots", f"{text}.."
    yield "full-width", text.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    yield "arabic", text.translate({ord("0") + digit: 0x0660 + digit for digit in range(10)})
    yield "circled", text.translate({ord("0") + digit: 0x245F + digit for digit in range(1, 10)})
    yield "ideographic-dots", text.replace(".", "\u3002")
    yield "full-width-dots", text.replace(".", "\uff0e")
    yield "half-width-dots", text.replace(".", "\uff61")
    yield "soft-hyphen", f"{text}\u00ad"
    yield "zero-width", text.replace(".", "\u200b.")
    yield "percent", "".join(f"%{ord(letter):02x}" for letter in text)
    yield "percent-dots", text.replace(".", "%2e")
    yield "name-of-it", f"{text}.nip.example"
    yield "brackets", f"[{text}]"


def _in_ipv6(address: IPv4Address) -> Iterator[tuple[str, str]]:
    whole = int(address)
    yield "mapped", f"[::ffff:{address}]"
    yield "mapped-hex", f"[{IPv6Address(0xFFFF << 32 | whole)}]"
    yield "mapped-upper", f"[::FFFF:{address}]"
    yield "mapped-zone", f"[::ffff:{address}%25lo]"
    yield "compatible", f"[::{address}]"
    yield "translated", f"[::ffff:0:{address}]"
    yield "nat64", f"[64:ff9b::{address}]"
    yield "local-nat64", f"[64:ff9b:1::{address}]"
    yield "6to4", f"[{IPv6Address(0x2002 << 112 | whole << 80)}]"
    yield "teredo", f"[{IPv6Address(0x20010000 << 96 | whole ^ 0xFFFFFFFF)}]"
    yield "isatap", f"[2606:4700::5efe:{address}]"
    yield "isatap-global", f"[2606:4700::200:5efe:{address}]"
