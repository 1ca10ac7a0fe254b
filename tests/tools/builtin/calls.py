"""Calls of built-in tools, as a run would make them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from core.tenancy import TenantContext
from tools.builtin.kind import BUILTIN
from tools.calls import Call


def call_of(
    ctx: TenantContext, name: str, *, knowledge_base_ids: Sequence[UUID] | None = None, **arguments: Any
) -> Call:
    allowed = None if knowledge_base_ids is None else tuple(knowledge_base_ids)
    return Call(ctx, BUILTIN[name], arguments, "key", knowledge_base_ids=allowed)
