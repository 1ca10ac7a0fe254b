"""What a run may use, fixed by the server before the first step; nothing in it comes from the client unchecked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from core.tenancy import TenantContext
from tools.calls import Caller
from tools.registry.standings import Pins


@dataclass(frozen=True, slots=True)
class Context:
    """`tools` None means every tool that is granted to the caller.

    `model_options` are keywords for the model that answers: `ModelOptions.sent`.
    """

    caller: Caller
    tools: Pins | None = None
    model_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tenant(self) -> TenantContext:
        return self.caller.tenant

    @property
    def knowledge_base_ids(self) -> tuple[UUID, ...] | None:
        return self.caller.knowledge_base_ids
