"""What each role may do."""

from enum import StrEnum

from core.errors import Forbidden
from core.tenancy import Role, TenantContext


class Permission(StrEnum):
    PROFILE = "profile"
    SEARCH = "search"
    CHAT = "chat"
    EMBEDDINGS = "embeddings"
    ASSISTANTS_READ = "assistants:read"
    ASSISTANTS_WRITE = "assistants:write"
    THREADS_READ = "threads:read"
    THREADS_WRITE = "threads:write"
    KNOWLEDGE_BASES_READ = "knowledge_bases:read"
    KNOWLEDGE_BASES_WRITE = "knowledge_bases:write"
    DOCUMENTS_READ = "documents:read"
    DOCUMENTS_WRITE = "documents:write"
    TOOLS_READ = "tools:read"
    TOOLS_WRITE = "tools:write"
    TOOLS_AUDIT = "tools:audit"
    CONNECTIONS = "connections"
    APPROVALS = "approvals"
    API_KEYS_MANAGE = "api_keys:manage"


# From the most to the least powerful: each role may do all that those after it may.
_RANKING = (Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER)

# The least powerful role that has each permission.
_LEAST_ROLE = {
    Permission.PROFILE: Role.VIEWER,
    Permission.SEARCH: Role.VIEWER,
    Permission.CHAT: Role.VIEWER,
    Permission.EMBEDDINGS: Role.VIEWER,
    Permission.ASSISTANTS_READ: Role.VIEWER,
    Permission.ASSISTANTS_WRITE: Role.ADMIN,
    Permission.THREADS_READ: Role.VIEWER,  # threads are always one's own
    Permission.THREADS_WRITE: Role.VIEWER,
    Permission.KNOWLEDGE_BASES_READ: Role.VIEWER,
    Permission.KNOWLEDGE_BASES_WRITE: Role.ADMIN,
    Permission.DOCUMENTS_READ: Role.VIEWER,
    Permission.DOCUMENTS_WRITE: Role.MEMBER,
    Permission.TOOLS_READ: Role.MEMBER,
    Permission.TOOLS_WRITE: Role.ADMIN,
    Permission.TOOLS_AUDIT: Role.ADMIN,
    Permission.CONNECTIONS: Role.VIEWER,  # one's own accounts, for tools that want them
    Permission.APPROVALS: Role.VIEWER,  # each tool's policy says who may decide
    Permission.API_KEYS_MANAGE: Role.ADMIN,
}


def permissions_of(role: Role) -> frozenset[Permission]:
    return frozenset(permission for permission in Permission if role in roles_with(permission))


def roles_with(permission: Permission) -> tuple[Role, ...]:
    """The most powerful first."""
    return roles_from(_LEAST_ROLE[permission])


def require(ctx: TenantContext, permission: Permission) -> None:
    """Raises `Forbidden`, which names the permission and the roles that have it."""
    allowed = roles_with(permission)
    if ctx.role not in allowed:
        raise Forbidden(
            f"This needs the permission {permission}, which the role {ctx.role} lacks;"
            f" these have it: {', '.join(allowed)}."
        )


def roles_from(role: Role) -> tuple[Role, ...]:
    """`role` and those above it, the most powerful first."""
    return _RANKING[: _RANKING.index(role) + 1]


def roles_up_to(role: Role) -> tuple[Role, ...]:
    """`role` and those below it."""
    return _RANKING[_RANKING.index(role) :]


def lesser_role(one: Role, other: Role) -> Role:
    return max(one, other, key=_RANKING.index)
