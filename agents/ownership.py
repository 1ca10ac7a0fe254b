"""Whose threads a caller reaches: their own, or by their role the tenant's."""

from typing import Any, LiteralString

from core.tenancy import Role, TenantContext

REACHED: LiteralString = "tenant_id = %(tenant_id)s AND (user_id = %(user_id)s OR %(reaches_all)s)"


def reach(ctx: TenantContext, *, by_role: bool) -> dict[str, Any]:
    """Parameters for `WHERE {REACHED}`; `by_role` lets owners and admins reach what others have."""
    return {
        "tenant_id": ctx.tenant_id,
        "user_id": ctx.user_id,
        "reaches_all": by_role and ctx.role in (Role.OWNER, Role.ADMIN),
    }
