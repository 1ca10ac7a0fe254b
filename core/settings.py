"""Every setting, read once at the edge from `ATRIUM_…` variables or `.env`, then passed by argument."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.errors import OperatorError
from core.llm.config import ChatModelConfig

MIB = 1024 * 1024

# With nobody to log in, only pages of this machine and LangGraph Studio may call; otherwise a token decides.
STUDIO_ORIGIN = "https://smith.langchain.com"
_LOOPBACK_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"


def _between_commas(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")


def _allowed_host(entry: str) -> str:
    """As URLs are compared with it: a name in lower case, an address in its shortest form, without brackets."""
    tenant, at, host = entry.lower().rpartition("@")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        owner = str(UUID(tenant)) if at else ""
        if ":" in host or host.replace(".", "").isdecimal():
            host = str(ipaddress.ip_address(host))
        elif not _HOST_NAME.fullmatch(host):
            raise ValueError
    except ValueError:
        raise ValueError(
            "write api.internal or 10.1.2.3, for one tenant <tenant id>@api.internal, without scheme, port or path"
        ) from None
    return owner + at + host


def _allowed_hosts(entries: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_allowed_host, entries))


List = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_between_commas)]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="ATRIUM_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    # Where it runs
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    data_dir: Path = Path(".atrium")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    registration_open: bool = True
    graphs: Path | None = Field(None, description="a langgraph.json whose graphs are served beside our own")
    cors_origins: List = Field((), description="pages that may call from a browser; unset means all, by token")
    anonymous_tenant: str | None = Field(None, description="the slug that answers without login; on loopback only")

    # Stores: all unset means embedded servers under `data_dir`
    database_url: SecretStr | None = Field(None, description="Postgres as atrium_app")
    auth_database_url: SecretStr | None = Field(None, description="the same Postgres as atrium_auth")
    owner_database_url: SecretStr | None = Field(None, description="as the owner, for `python -m migrations`")
    redis_url: SecretStr | None = Field(None, description="Valkey or Redis")
    database_pool_size: int = Field(20, ge=2, le=200, description="per process; a third more for logins")

    # Identity
    jwt_keys_file: Path | None = Field(None, description="JSON Web Key Set with private keys; the first signs")
    jwt_issuer: str = "atrium"
    jwt_audience: str = "atrium-api"
    access_token_seconds: int = Field(900, ge=60, le=86400)
    refresh_token_seconds: int = Field(30 * 86400, ge=3600)

    # Secrets that tenants give their tools
    vault_keys_file: Path | None = Field(None, description="a base64 key of 32 bytes per line; the first encrypts")

    # Models
    llm_base_url: str | None = Field(None, description="OpenAI-compatible; unset means the offline model")
    llm_api_key: SecretStr | None = None
    llm_model: str = "gpt-4.1-mini"
    llm_fallback_model: str | None = None
    llm_timeout_seconds: float = Field(60.0, gt=0)
    llm_max_retries: int = Field(2, ge=0, le=10)
    embedding_base_url: str | None = Field(None, description="OpenAI-compatible; unset means all-MiniLM-L6-v2")
    embedding_api_key: SecretStr | None = None
    embedding_model: str = "text-embedding-3-small"
    embedding_dimensions: int = Field(384, ge=32, le=4000)

    # Limits
    upload_max_bytes: int = Field(50 * MIB, ge=1)
    upload_max_files: int = Field(20, ge=1)
    request_max_bytes: int = Field(1 * MIB, ge=1024, description="bodies other than uploads")
    message_max_characters: int = Field(20_000, ge=1)
    requests_per_minute: int = Field(1200, ge=1, description="per tenant")
    logins_per_minute: int = Field(10, ge=1, description="per e-mail address and network address")
    max_concurrent_runs: int = Field(200, ge=1, description="per process; more are answered 503")
    run_timeout_seconds: float = Field(300.0, gt=0)
    event_retention_hours: int = Field(24, ge=1, description="how long a stream can be resumed after its run")
    egress_allowed_hosts: Annotated[List, AfterValidator(_allowed_hosts)] = Field(
        (),
        description="hosts that tools and webhooks may call though private or without TLS; <tenant id>@host for one",
    )
    worker_concurrency: int = Field(2, ge=1)

    # LangGraph Studio
    studio_tenant: str = Field("pellwick-lamp-works", description="the slug whose documents it answers from")

    # Telemetry
    langfuse_host: str | None = None
    langfuse_public_key: str | None = None
    langfuse_secret_key: SecretStr | None = None

    @model_validator(mode="after")
    def stores_are_all_embedded_or_all_named(self) -> Self:
        urls = {
            "ATRIUM_DATABASE_URL": self.database_url,
            "ATRIUM_AUTH_DATABASE_URL": self.auth_database_url,
            "ATRIUM_REDIS_URL": self.redis_url,
        }
        missing = [name for name, url in urls.items() if url is None]
        if 0 < len(missing) < len(urls):
            raise OperatorError(f"Set {', '.join(missing)} too, or none of {', '.join(urls)} to run embedded.")
        if not missing and self.jwt_keys_file is None:
            raise OperatorError("Set ATRIUM_JWT_KEYS_FILE: with real stores Atrium makes up no signing keys.")
        return self

    @model_validator(mode="after")
    def only_loopback_is_anonymous(self) -> Self:
        if self.anonymous_tenant is not None and not _is_loopback(self.host):
            raise OperatorError(
                "ATRIUM_ANONYMOUS_TENANT lets everybody in who reaches this server: "
                "set ATRIUM_HOST=127.0.0.1, or unset it."
            )
        return self

    @property
    def cors_origin_regex(self) -> str:
        """Matches the whole `Origin` of a page whose scripts may read our answers."""
        if "*" in self.cors_origins:
            return ".*"
        if self.cors_origins:
            return "|".join(re.escape(origin) for origin in self.cors_origins)
        return ".*" if self.anonymous_tenant is None else f"{_LOOPBACK_ORIGIN}|{re.escape(STUDIO_ORIGIN)}"

    @property
    def chat_model(self) -> ChatModelConfig:
        return ChatModelConfig(
            base_url=self.llm_base_url,
            api_key=self.llm_api_key,
            model=self.llm_model,
            fallback_model=self.llm_fallback_model,
            timeout_seconds=self.llm_timeout_seconds,
            max_retries=self.llm_max_retries,
        )

    @property
    def embedded(self) -> bool:
        return self.database_url is None

    @property
    def signing_keys_file(self) -> Path:
        """Embedded, Atrium makes this file itself; otherwise it has been named."""
        return self.jwt_keys_file or self.data_dir.resolve() / "jwt-keys.json"

    @property
    def vault_file(self) -> Path | None:
        """Embedded, Atrium makes this file itself; with real stores and none named it keeps no secrets."""
        return self.vault_keys_file or (self.data_dir.resolve() / "vault-keys" if self.embedded else None)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


EMBEDDED: dict[str, Any] = {
    "database_url": None,
    "auth_database_url": None,
    "owner_database_url": None,
    "redis_url": None,
    "jwt_keys_file": None,
    "vault_keys_file": None,
}


def load_settings(**given: Any) -> Settings:
    """Raises `OperatorError`, which names each wrong variable and quotes none."""
    try:
        return Settings(**given)
    except ValidationError as exc:
        wrong = "; ".join(
            f"ATRIUM_{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}" for item in exc.errors()
        )
        raise OperatorError(f"The settings are not right. {wrong}") from None
