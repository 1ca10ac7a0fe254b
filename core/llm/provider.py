"""Which chat model answers: an OpenAI-compatible endpoint, guarded, or the offline model."""

import base64
from urllib.parse import unquote, urlsplit

import httpx  # noqa: TID251 - the operator names this endpoint
import openai
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from core.breaker import BreakerRegistry
from core.errors import OperatorError
from core.llm.breakers import model_breakers
from core.llm.config import ChatModelConfig as ChatModelConfig
from core.llm.fallback import FallbackModel
from core.llm.guarded import GuardedModel
from core.llm.offline import OfflineModel

_NO_KEY = SecretStr("none")  # for endpoints that ask for none; unset would send OPENAI_API_KEY instead


def chat_model(
    config: ChatModelConfig,
    *,
    offline: Embeddings,
    breakers: BreakerRegistry | None = None,
    http_client: httpx.AsyncClient | None = None,
) -> BaseChatModel:
    """Raises `OperatorError` for an address that cannot be one.

    breakers: one for this model and its fallback when left out; pass your own to share it.
    http_client: instead of the client's own, for proxies and tests.
    """
    if config.base_url is None:
        return OfflineModel(embeddings=offline)
    breakers = breakers or model_breakers()
    first = _guarded(config, config.base_url, config.model, breakers, http_client)
    if config.fallback_model is None:
        return first
    second = _guarded(config, config.base_url, config.fallback_model, breakers, http_client)
    return FallbackModel(first=first, second=second)


def _guarded(
    config: ChatModelConfig,
    base_url: str,
    model: str,
    breakers: BreakerRegistry,
    http_client: httpx.AsyncClient | None,
) -> GuardedModel:
    address, headers = _without_credentials(base_url)
    client = ChatOpenAI(
        base_url=address,
        api_key=config.api_key or _NO_KEY,
        model=model,
        default_headers=headers,
        timeout=openai.Timeout(config.timeout_seconds, connect=config.connect_timeout_seconds),
        stream_chunk_timeout=config.timeout_seconds,
        stream_usage=True,
        max_retries=config.max_retries,
        use_responses_api=False,  # compatible endpoints speak chat completions
        http_async_client=http_client,
    )
    # By model too: a fallback at the same provider stays reachable while the first one's breaker is open.
    breaker = breakers.get((address, config.api_key, model))
    return GuardedModel(model=client, breaker=breaker, model_name=model)


def _without_credentials(url: str) -> tuple[str, dict[str, str]]:
    """The address alone, which clients log, and what it carried as a header, which they do not."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OperatorError("ATRIUM_LLM_BASE_URL must be an http or https address.")
    if parts.username is None:
        return url, {}
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return address, {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}
