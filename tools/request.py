"""An HTTP request that a tool makes: exact, and shown without its secrets."""

from dataclasses import dataclass, field, replace

MASK = "••••"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """`url` is absolute and percent-encoded, with its query; `secrets` are values that nobody is shown."""

    method: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes | None = field(default=None, repr=False)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    def with_header(self, name: str, value: str, *, secret: str | None = None) -> "HttpRequest":
        """In the place of headers of that name."""
        kept = tuple(header for header in self.headers if header[0].lower() != name.lower())
        secrets = self.secrets | {value} | ({secret} if secret else set()) if secret is not None else self.secrets
        return replace(self, headers=(*kept, (name, value)), secrets=secrets)
