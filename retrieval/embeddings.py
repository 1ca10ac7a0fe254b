"""Texts to vectors: what retrieval needs of a model, and which one the settings choose."""

from collections.abc import Sequence
from typing import Protocol

from core.settings import Settings
from retrieval.local_embeddings import LocalEmbeddings
from retrieval.remote_embeddings import RemoteEmbeddings

__all__ = ["EmbeddingModel", "LocalEmbeddings", "RemoteEmbeddings", "embeddings_from"]


class EmbeddingModel(Protocol):
    """A `langchain_core` `Embeddings` that knows its name and the length of its vectors."""

    @property
    def model_name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def embed_documents(self, texts: list[str]) -> list[list[float]]: ...

    def embed_query(self, text: str) -> list[float]: ...

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]: ...

    async def aembed_query(self, text: str) -> list[float]: ...

    def count_tokens(self, texts: Sequence[str]) -> int: ...


def embeddings_from(settings: Settings, *, threads: int = 1) -> LocalEmbeddings | RemoteEmbeddings:
    """The endpoint of `embedding_base_url`, or without one the local model with `threads` per call."""
    if settings.embedding_base_url is None:
        return LocalEmbeddings(threads=threads)
    return RemoteEmbeddings(
        base_url=settings.embedding_base_url,
        api_key=settings.embedding_api_key,
        model=settings.embedding_model,
        dimensions=settings.embedding_dimensions,
    )
