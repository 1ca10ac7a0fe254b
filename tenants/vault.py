"""Secrets at rest, by envelope encryption: each tenant has a key of its own, wrapped by the deployment's.

A secret is bound to its tenant, owner, scheme, user and version: a row put in another's place does not decrypt.
"""

import json
import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from core.db import Connection
from core.errors import AtriumError, TooLarge
from core.settings import Settings
from core.tenancy import TenantContext
from tenants import vault_keys
from tenants.vault_keys import KEY_BYTES, DeploymentKeys, decrypt, encrypt

MOST_BYTES = 16 * 1024  # of one secret, as JSON
TENANTS_OWN = UUID(int=0)  # as `user_id` of what all members of a tenant share

# Version and row lock come first: the ciphertext is bound to the version.
_RESERVE: LiteralString = """
    INSERT INTO vault_secrets (tenant_id, owner, scheme, user_id, ciphertext, expires_at, updated_by)
    VALUES (%(tenant_id)s, %(owner)s, %(scheme)s, %(user_id)s, '', %(expires_at)s, %(updated_by)s)
    ON CONFLICT (tenant_id, owner, scheme, user_id) DO UPDATE SET version = vault_secrets.version + 1,
        expires_at = excluded.expires_at, updated_by = excluded.updated_by, updated_at = now()
    RETURNING version
"""
_WHERE: LiteralString = (
    " WHERE tenant_id = %(tenant_id)s AND owner = %(owner)s AND scheme = %(scheme)s AND user_id = %(user_id)s"
)


class VaultUnusable(AtriumError):
    """Secrets cannot be stored or read; the operator must act, or whoever stored the secret stores it again."""

    status = 503
    code = "vault_unusable"


@dataclass(frozen=True, slots=True)
class Stored:
    """`secret` as it was put; `version` counts how often it was."""

    secret: dict[str, str] = field(repr=False)
    version: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """All that is told about a secret. `user_id` is None for one that the tenant's members share."""

    owner: str
    scheme: str
    user_id: UUID | None
    version: int
    expires_at: datetime | None
    updated_at: datetime
    updated_by: UUID


class Vault:
    """Every method runs in the caller's `tenant_transaction`. Without `keys` all raise `VaultUnusable`."""

    def __init__(self, keys: DeploymentKeys | None) -> None:
        self._keys = keys

    @property
    def keys(self) -> DeploymentKeys:
        if self._keys is None:
            raise VaultUnusable("Atrium keeps no secrets yet: its operator has to set ATRIUM_VAULT_KEYS_FILE.")
        return self._keys

    async def put(
        self,
        connection: Connection,
        ctx: TenantContext,
        owner: str,
        scheme: str,
        secret: dict[str, str],
        *,
        user_id: UUID | None,
        expires_at: datetime | None = None,
    ) -> int:
        """The secret's new version, 1 for the first. Raises `TooLarge`."""
        plaintext = json.dumps(secret).encode()
        if len(plaintext) > MOST_BYTES:
            raise TooLarge(f"A secret may have at most {MOST_BYTES} bytes, with its names and as JSON.")
        key = await self._tenant_key(connection, ctx)
        place = _place(ctx, owner, scheme, user_id)
        reserved = await connection.execute(_RESERVE, place | {"expires_at": expires_at, "updated_by": ctx.user_id})
        row = await reserved.fetchone()
        assert row is not None
        version: int = row["version"]
        await connection.execute(
            "UPDATE vault_secrets SET ciphertext = %(ciphertext)s" + _WHERE,
            place | {"ciphertext": encrypt(key, plaintext, _associated(place, version))},
        )
        return version

    async def get(
        self, connection: Connection, ctx: TenantContext, owner: str, scheme: str, *, user_id: UUID | None
    ) -> Stored | None:
        """Also one that has expired; None if there is none. Raises `VaultUnusable`."""
        place = _place(ctx, owner, scheme, user_id)
        found = await connection.execute(
            "SELECT s.version, s.ciphertext, s.expires_at, k.wrapped FROM vault_secrets s"
            " LEFT JOIN vault_keys k USING (tenant_id)" + _WHERE,
            place,
        )
        row = await found.fetchone()
        if row is None:
            return None
        key = await self._unwrapped(connection, ctx, row["wrapped"] or b"")
        plaintext = decrypt(key, row["ciphertext"], _associated(place, row["version"]))
        if plaintext is None:
            raise VaultUnusable(f"The stored credential {scheme} of {owner} cannot be decrypted; store it again.")
        return Stored(json.loads(plaintext), row["version"], row["expires_at"])

    async def delete(
        self, connection: Connection, ctx: TenantContext, owner: str, scheme: str, *, user_id: UUID | None
    ) -> bool:
        """Whether there was one."""
        deleted = await connection.execute("DELETE FROM vault_secrets" + _WHERE, _place(ctx, owner, scheme, user_id))
        return deleted.rowcount > 0

    async def forget_owner(self, connection: Connection, ctx: TenantContext, owner: str) -> None:
        """Everybody's secrets of a tool, an import or a server that is no more."""
        await connection.execute(
            "DELETE FROM vault_secrets WHERE tenant_id = %s AND owner = %s", (ctx.tenant_id, owner)
        )

    async def listed(self, connection: Connection, ctx: TenantContext, owner: str) -> list[Listed]:
        """Of all members, and never a secret."""
        found = await connection.execute(
            "SELECT * FROM vault_secrets WHERE tenant_id = %s AND owner = %s ORDER BY scheme, user_id",
            (ctx.tenant_id, owner),
        )
        return [_listed(row) for row in await found.fetchall()]

    async def listed_of_user(self, connection: Connection, ctx: TenantContext) -> list[Listed]:
        """What `ctx.user_id` has stored for themselves, and never a secret."""
        found = await connection.execute(
            "SELECT * FROM vault_secrets WHERE tenant_id = %s AND user_id = %s ORDER BY owner, scheme",
            (ctx.tenant_id, ctx.user_id),
        )
        return [_listed(row) for row in await found.fetchall()]

    async def rewrap(self, connection: Connection, ctx: TenantContext) -> bool:
        """Wraps the tenant's key with the deployment's first; False if it was already, or there is none."""
        found = await connection.execute("SELECT wrapped FROM vault_keys WHERE tenant_id = %s", (ctx.tenant_id,))
        row = await found.fetchone()
        if row is None or self.keys.is_current(row["wrapped"], _key_of(ctx)):
            return False
        await self._unwrapped(connection, ctx, row["wrapped"])
        return True

    async def _tenant_key(self, connection: Connection, ctx: TenantContext) -> bytes:
        made = self.keys.seal(os.urandom(KEY_BYTES), _key_of(ctx))
        await connection.execute(
            "INSERT INTO vault_keys (tenant_id, wrapped) VALUES (%s, %s) ON CONFLICT (tenant_id) DO NOTHING",
            (ctx.tenant_id, made),
        )
        found = await connection.execute("SELECT wrapped FROM vault_keys WHERE tenant_id = %s", (ctx.tenant_id,))
        row = await found.fetchone()
        assert row is not None
        return await self._unwrapped(connection, ctx, row["wrapped"])

    async def _unwrapped(self, connection: Connection, ctx: TenantContext, wrapped: bytes) -> bytes:
        key = self.keys.unseal(wrapped, _key_of(ctx))
        if key is None:
            raise VaultUnusable(
                "The tenant's key cannot be unwrapped: the operator has to put back the vault key that wrapped it."
            )
        if not self.keys.is_current(wrapped, _key_of(ctx)):
            await connection.execute(
                "UPDATE vault_keys SET wrapped = %s, updated_at = now() WHERE tenant_id = %s AND wrapped = %s",
                (self.keys.seal(key, _key_of(ctx)), ctx.tenant_id, wrapped),
            )
        return key


def vault_of(settings: Settings) -> Vault:
    """Raises `OperatorError` for a key file that is named and cannot be used."""
    path = settings.vault_file
    return Vault(vault_keys.load(path) if path else None)


def _place(ctx: TenantContext, owner: str, scheme: str, user_id: UUID | None) -> dict[str, Any]:
    return {"tenant_id": ctx.tenant_id, "owner": owner, "scheme": scheme, "user_id": user_id or TENANTS_OWN}


def _associated(place: dict[str, Any], version: int) -> bytes:
    return json.dumps(["secret", *map(str, place.values()), version]).encode()


def _key_of(ctx: TenantContext) -> bytes:
    return json.dumps(["tenant key", str(ctx.tenant_id)]).encode()


def _listed(row: dict[str, Any]) -> Listed:
    return Listed(
        owner=row["owner"],
        scheme=row["scheme"],
        user_id=None if row["user_id"] == TENANTS_OWN else row["user_id"],
        version=row["version"],
        expires_at=row["expires_at"],
        updated_at=row["updated_at"],
        updated_by=row["updated_by"],
    )
