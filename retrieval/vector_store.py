"""LangChain's view of a tenant's chunks: any code that takes a `VectorStore` or a retriever can search them."""

from collections.abc import Sequence
from typing import Any, Never
from uuid import UUID

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from core.tenancy import TenantContext
from retrieval.retriever import Hit, Retriever


class ChunkVectorStore(VectorStore):
    """Bound to one member's tenant and to these knowledge bases, or (None) to all of them.

    Search is hybrid and asynchronous; `as_retriever()` makes a `BaseRetriever` of it. It only reads:
    documents come in through ingestion, which keeps their versions and their bytes.
    """

    def __init__(
        self, retriever: Retriever, ctx: TenantContext, *, knowledge_base_ids: Sequence[UUID] | None = None
    ) -> None:
        self._retriever = retriever
        self._ctx = ctx
        self._knowledge_base_ids = knowledge_base_ids

    @property
    def embeddings(self) -> Embeddings | None:
        model = self._retriever.embeddings
        return model if isinstance(model, Embeddings) else None

    async def asimilarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        return [document for document, _ in await self.asimilarity_search_with_score(query, k)]

    async def asimilarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """Best first; scores are those of `Hit`, 1 at most."""
        hits = await self._retriever.search(self._ctx, query, knowledge_base_ids=self._knowledge_base_ids, limit=k)
        return [(_document(hit), hit.score) for hit in hits]

    async def asimilarity_search_by_vector(self, embedding: list[float], k: int = 4, **kwargs: Any) -> list[Document]:
        """By meaning alone."""
        hits = await self._retriever.search_by_vector(
            self._ctx, embedding, "", knowledge_base_ids=self._knowledge_base_ids, limit=k
        )
        return [_document(hit) for hit in hits]

    async def _asimilarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        found = await self.asimilarity_search_with_score(query, k)
        return [(document, max(score, 0.0)) for document, score in found]

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> Never:
        raise NotImplementedError("Chunks are searched asynchronously: use asimilarity_search.")

    @classmethod
    def from_texts(
        cls, texts: list[str], embedding: Embeddings, metadatas: list[dict[str, Any]] | None = None, **kwargs: Any
    ) -> Never:
        raise NotImplementedError("Documents come in through ingestion: upload them to a knowledge base.")


def _document(hit: Hit) -> Document:
    return Document(
        id=f"{hit.document_id}:{hit.version}:{hit.ordinal}",
        page_content=hit.text,
        metadata={
            "document_id": str(hit.document_id),
            "source": hit.document_name,
            "knowledge_base_id": str(hit.knowledge_base_id),
            "headings": list(hit.headings),
            "page_start": hit.page_start,
            "page_end": hit.page_end,
            "start": hit.start,
            "end": hit.end,
        },
    )
