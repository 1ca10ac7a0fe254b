"""`POST /v1/embeddings`, in OpenAI's shape."""

import asyncio
import base64
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, StringConstraints

from api.dependencies import Allow, Rooms
from api.text import Storable
from core.tenancy import TenantContext
from tenants import usage
from tenants.permissions import Permission

router = APIRouter(prefix="/v1/embeddings", tags=["embeddings"])

Embedder = Annotated[TenantContext, Depends(Allow(Permission.EMBEDDINGS))]
Input = Annotated[str, StringConstraints(min_length=1, max_length=32_000), Storable]

MAX_INPUTS = 256


class EmbeddingRequest(BaseModel):
    input: Input | Annotated[list[Input], Field(min_length=1, max_length=MAX_INPUTS)]
    model: str | None = Field(None, description="Accepted and ignored: the deployment has one embedding model.")
    encoding_format: Literal["float", "base64"] = "float"


class Embedding(BaseModel):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(BaseModel):
    prompt_tokens: int
    total_tokens: int


class EmbeddingResponse(BaseModel):
    object: Literal["list"] = "list"
    model: str
    data: list[Embedding]
    usage: EmbeddingUsage


@router.post("", summary="Embed texts")
async def embed(rooms: Rooms, ctx: Embedder, body: EmbeddingRequest) -> EmbeddingResponse:
    texts = [body.input] if isinstance(body.input, str) else body.input
    vectors = await rooms.embeddings.aembed_documents(texts)
    tokens = await asyncio.to_thread(rooms.embeddings.count_tokens, texts)
    async with rooms.database.tenant_transaction(ctx) as connection:
        await usage.record(
            connection,
            ctx,
            run_id=None,
            kind="embedding",
            model=rooms.embeddings.model_name,
            input_tokens=tokens,
            output_tokens=0,
        )
    return EmbeddingResponse(
        model=rooms.embeddings.model_name,
        data=[
            Embedding(index=index, embedding=_encoded(vector, body.encoding_format))
            for index, vector in enumerate(vectors)
        ],
        usage=EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens),
    )


def _encoded(vector: list[float], encoding: str) -> list[float] | str:
    """base64 is of little-endian 32-bit floats, as OpenAI's clients expect."""
    if encoding == "float":
        return vector
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()
