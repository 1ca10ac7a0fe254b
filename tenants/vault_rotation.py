"""`python -m tenants.vault_rotation`: wraps every tenant's key with the first key of ATRIUM_VAULT_KEYS_FILE.

A tenant's key is wrapped anew also whenever it is used; after this, the older lines of the file may go.
"""

import asyncio
import sys

from core.db import Database
from core.errors import OperatorError
from core.resources import open_resources
from core.settings import load_settings
from core.tenancy import Role, TenantContext
from tenants.vault import TENANTS_OWN, Vault, vault_of


async def rewrap_all(database: Database, vault: Vault) -> int:
    """How many tenants' keys were wrapped with another key until now. Raises `VaultUnusable`."""
    async with database.auth_transaction() as connection:
        found = await connection.execute("SELECT tenant_id FROM tenants ORDER BY tenant_id")
        tenants = await found.fetchall()
    rewrapped = 0
    for tenant in tenants:
        ctx = TenantContext(tenant["tenant_id"], TENANTS_OWN, Role.VIEWER)
        async with database.tenant_transaction(ctx) as connection:
            rewrapped += await vault.rewrap(connection, ctx)
    return rewrapped


async def _main() -> None:
    settings = load_settings()
    async with open_resources(settings) as resources:
        count = await rewrap_all(resources.database, vault_of(settings))
    sys.stdout.write(f"{count} tenants' keys wrapped anew.\n")


if __name__ == "__main__":
    try:
        asyncio.run(_main())
    except OperatorError as error:
        raise SystemExit(error.detail) from None
