"""What a run may use, fixed by the server before the first step; nothing in it comes from the client unchecked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from core.tenancy import TenantContext


@dataclass(frozen=True, slots=True)
class Context:
    """`knowledge_base_ids` None means every knowledge base the tenant has.

    `model_options` are keywords for the model that answers: `ModelOptions.sent`.
    """

    tenant: TenantContext
    knowledge_base_ids: tuple[UUID, ...] | None = None
    model_options: Mapping[str, Any] = field(default_factory=dict)
