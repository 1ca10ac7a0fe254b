"""Who is asking, for whom: passed as an argument everywhere, never held in a global."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class TenantContext:
    """A member of a tenant, proven by a token, a key or a job that such a member enqueued."""

    tenant_id: UUID
    user_id: UUID
    role: Role
