"""Runs as the clients of this protocol see them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from agents.runs import runs
from agents.runs.runs import MultitaskStrategy, Status


class Run(BaseModel):
    run_id: UUID
    thread_id: UUID
    assistant_id: UUID
    created_at: datetime
    updated_at: datetime
    status: Status
    metadata: dict[str, Any]
    arguments: dict[str, Any] = Field(serialization_alias="kwargs")
    multitask_strategy: MultitaskStrategy

    @staticmethod
    def of(run: runs.Run) -> "Run":
        return Run(
            run_id=run.run_id,
            thread_id=run.thread_id,
            assistant_id=run.assistant_id,
            created_at=run.created_at,
            updated_at=run.updated_at,
            status=run.status,
            metadata=run.metadata,
            arguments=run.request.model_dump(mode="json"),
            multitask_strategy=run.multitask_strategy,
        )
