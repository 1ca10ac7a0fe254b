"""Bytes of unknown encoding to text."""

import codecs
import re

# UTF-32 first: its little-endian mark begins with UTF-16's.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 4096
_HTML_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w:.-]{1,40})""", re.IGNORECASE)


def decode(data: bytes) -> str:
    """By byte order mark, else by the position of zero bytes, else UTF-8, else Windows-1252."""
    encoding = _marked(data) or _wide(data)
    if encoding:
        return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def decode_html(data: bytes) -> str:
    """As decode, but a charset declared in a meta element goes before the guess."""
    declared = _HTML_CHARSET.search(data[:_SAMPLE_BYTES])
    if declared and not _marked(data) and not _wide(data):
        try:
            encoding = codecs.lookup(declared[1].decode("ascii")).name
            return data.decode(encoding)
        except (LookupError, UnicodeDecodeError):
            return decode(data)
    return decode(data)


def looks_binary(data: bytes) -> bool:
    """Whether a sample holds control characters that no text has; UTF-16 and UTF-32 are text."""
    if _marked(data) or _wide(data):
        return False
    sample = data[:_SAMPLE_BYTES]
    control = sum(byte < 32 and byte not in b"\t\n\r\f\x1b\0" for byte in sample)
    return control * 50 > len(sample) or sample.count(0) * 10 > len(sample)


def _marked(data: bytes) -> str | None:
    return next((encoding for mark, encoding in _BYTE_ORDER_MARKS if data.startswith(mark)), None)


def _wide(data: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: Western text in them has zeros at fixed positions of each unit."""
    sample = data[:_SAMPLE_BYTES]
    quarters = [sample[offset::4] for offset in range(4)]
    zeros = [quarter.count(0) > 0.6 * len(quarter) for quarter in quarters]
    return {
        (False, True, True, True): "utf-32-le",
        (True, True, True, False): "utf-32-be",
        (False, True, False, True): "utf-16-le",
        (True, False, True, False): "utf-16-be",
    }.get((zeros[0], zeros[1], zeros[2], zeros[3]))
