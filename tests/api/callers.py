"""Others who call in a tenant's name: programs with its API keys, and colleagues. Close what you get."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg

from api.launch import House
from core.settings import Settings
from core.tenancy import Role, TenantContext
from tenants import signing_keys
from tenants.tokens import AccessTokens
from tests.api.person import Person


def nobody(house: House) -> httpx.Client:
    return httpx.Client(base_url=house.url, timeout=30)


def program(house: House, person: Person, **key: Any) -> httpx.Client:
    """With a new API key of this person; `key` is what it is made with, such as its role."""
    created = person.http.post("/v1/api-keys", json={"name": "program", **key})
    assert created.status_code == 201, created.text
    return httpx.Client(base_url=house.url, timeout=30, headers={"x-api-key": created.json()["secret"]})


def colleague(house: House, person: Person, role: Role = Role.MEMBER) -> httpx.Client:
    """Another member of the same tenant, with an access token."""
    ctx = TenantContext(UUID(person.tokens["me"]["tenant_id"]), uuid4(), role)
    with behind_the_api(house) as connection:
        connection.execute(
            "INSERT INTO users (user_id, email, name, password_hash) VALUES (%s, %s, 'Bob', '!')",
            (ctx.user_id, f"{ctx.user_id}@example.com"),
        )
        connection.execute(
            "INSERT INTO memberships (tenant_id, user_id, role) VALUES (%s, %s, %s)",
            (ctx.tenant_id, ctx.user_id, role),
        )
    token = access_tokens(house).issue(ctx)
    return httpx.Client(base_url=house.url, timeout=30, headers={"Authorization": f"Bearer {token}"})


def context_of(person: Person) -> TenantContext:
    me = person.tokens["me"]
    return TenantContext(UUID(me["tenant_id"]), UUID(me["user_id"]), Role(me["role"]))


def access_tokens(house: House, **changed: Any) -> AccessTokens:
    """What the house signs with, but for `changed`."""
    settings = Settings()
    ours: dict[str, Any] = {
        "keys": signing_keys.load(Path(house.environment["ATRIUM_JWT_KEYS_FILE"])),
        "issuer": settings.jwt_issuer,
        "audience": settings.jwt_audience,
        "lifetime_seconds": 60,
    }
    return AccessTokens(**(ours | changed))


def behind_the_api(house: House) -> psycopg.Connection[tuple[Any, ...]]:
    """As superuser: to set up and to count what no route shows, never to test what one does."""
    url = house.environment["ATRIUM_DATABASE_URL"].replace("//atrium_app@", "//postgres@")
    return psycopg.connect(url, autocommit=True)
