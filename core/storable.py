"""What Postgres and UTF-8 can hold."""


def is_storable(text: str) -> bool:
    """Whether it is free of NUL and of half characters (lone surrogates)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text
