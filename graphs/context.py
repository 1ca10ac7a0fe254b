"""What a run may use, fixed by the server before the first step; nothing in it comes from the client unchecked."""

from dataclasses import dataclass
from uuid import UUID

from core.tenancy import TenantContext


@dataclass(frozen=True, slots=True)
class Context:
    """`knowledge_base_ids` None means every knowledge base the tenant has."""

    tenant: TenantContext
    knowledge_base_ids: tuple[UUID, ...] | None = None
