"""Any OpenAI-compatible `/embeddings` endpoint."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx  # noqa: TID251 - the operator names this endpoint
import openai
from langchain_core.embeddings import Embeddings
from langchain_openai import OpenAIEmbeddings
from pydantic import SecretStr

from core.errors import Unavailable

# Many compatible servers take far fewer inputs in one request than OpenAI's 2,048.
_BATCH = 128
_CHARACTERS_PER_TOKEN = 4


class EmbeddingsRejected(Unavailable):
    """The endpoint refuses our key, model or request: trying again changes nothing, a setting does."""

    code = "embeddings_rejected"


class EmbeddingsUnavailable(Unavailable):
    code = "embeddings_unavailable"


class RemoteEmbeddings(Embeddings):
    """Vectors of `dimensions` numbers; raises `EmbeddingsUnavailable` or `EmbeddingsRejected`.

    http_client: instead of the client's own, for proxies and tests.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: SecretStr | None,
        model: str,
        dimensions: int,
        timeout_seconds: float = 30.0,
        max_retries: int = 3,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self.model_name = model
        self.dimensions = dimensions
        self._client = OpenAIEmbeddings(
            openai_api_base=base_url,
            # The client insists on one; servers without keys ignore it.
            openai_api_key=api_key or SecretStr("none"),
            model=model,
            dimensions=dimensions,
            # Other servers want text, not OpenAI's token numbers.
            check_embedding_ctx_length=False,
            # Without this the client asks for base64, which not every server knows.
            model_kwargs={"encoding_format": "float"},
            chunk_size=_BATCH,
            request_timeout=timeout_seconds,
            max_retries=max_retries,
            http_async_client=http_client,
        )

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        with _translated():
            return self._checked(self._client.embed_documents(texts), len(texts))

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        with _translated():
            return self._checked(await self._client.aembed_documents(texts), len(texts))

    async def aembed_query(self, text: str) -> list[float]:
        return (await self.aembed_documents([text]))[0]

    def count_tokens(self, texts: Sequence[str]) -> int:
        """An estimate: the client keeps the endpoint's own count to itself."""
        return sum(len(text) // _CHARACTERS_PER_TOKEN + 1 for text in texts)

    def _checked(self, vectors: list[list[float]], expected: int) -> list[list[float]]:
        if len(vectors) != expected or any(len(vector) != self.dimensions for vector in vectors):
            raise EmbeddingsRejected(
                f"The embedding endpoint did not answer with {self.dimensions} numbers for each text; "
                "check ATRIUM_EMBEDDING_MODEL and ATRIUM_EMBEDDING_DIMENSIONS."
            )
        return vectors


@contextmanager
def _translated() -> Iterator[None]:
    """Their errors become ours, without a cause: what the endpoint said may quote the key."""
    try:
        yield
    except (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError):
        raise EmbeddingsUnavailable("The embedding endpoint does not answer now; try again later.") from None
    except openai.APIStatusError as error:
        raise EmbeddingsRejected(
            f"The embedding endpoint refuses our requests with status {error.status_code}; "
            "check ATRIUM_EMBEDDING_API_KEY and ATRIUM_EMBEDDING_MODEL."
        ) from None
    except (openai.OpenAIError, ValueError, TypeError, KeyError, AttributeError):
        raise EmbeddingsUnavailable("The embedding endpoint sent no embeddings; try again later.") from None
