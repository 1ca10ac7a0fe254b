"""Both clients of langgraph-sdk behind one face, so that each promise is kept to both."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import closing
from functools import partial
from typing import Any, Literal, cast

from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.client import LangGraphClient

from tests.api.person import Person

Flavour = Literal["async", "sync"]

_DONE = object()


def client_of(person: Person, flavour: Flavour, url: str | None = None) -> LangGraphClient:
    """The asynchronous one with an API key; the synchronous one with an access token. `url` is a proxy's."""
    url = url or str(person.http.base_url)
    if flavour == "async":
        return get_client(url=url, api_key=api_key_of(person))
    headers = {"Authorization": person.http.headers["Authorization"]}
    return cast(LangGraphClient, Threaded(get_sync_client(url=url, api_key=None, headers=headers)))


def api_key_of(person: Person) -> str:
    created = person.http.post("/v1/api-keys", json={"name": "sdk"})
    assert created.status_code == 201, created.text
    secret: str = created.json()["secret"]
    return secret


class Threaded:
    """A synchronous client that is called like the asynchronous one: its work is done in threads."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return partial(_Call, found) if callable(found) else Threaded(found)

    async def aclose(self) -> None:
        await asyncio.to_thread(self._client.close)


class _Call:
    """To be awaited for what the method returns, or iterated for what it streams."""

    def __init__(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self._call = partial(method, *args, **kwargs)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._returned().__await__()

    def __aiter__(self) -> AsyncGenerator[Any]:
        return _streamed(self._call)

    async def _returned(self) -> Any:
        returned = await asyncio.to_thread(self._call)
        return _streamed(lambda: returned) if isinstance(returned, Iterator) else returned


async def _streamed(begin: Callable[[], Iterator[Any]]) -> AsyncGenerator[Any]:
    stream = await asyncio.to_thread(begin)
    with closing(stream):  # type: ignore[type-var]  # it is a generator
        while (item := await asyncio.to_thread(next, stream, _DONE)) is not _DONE:
            yield item
