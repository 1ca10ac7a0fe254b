"""An API of somebody else's that tools call: FastAPI, with the OpenAPI document that it makes of itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException, Query, Request, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel

from tests.api.peers import beside
from tests.serving import serving

_key = APIKeyHeader(name="X-Key", scheme_name="key")


class Order(BaseModel):
    item: str
    count: int = 1


@dataclass
class Shop:
    """`orders` are those it took, `keys` what came as X-Key or as bearer, with each request."""

    url: str = ""
    orders: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    app: FastAPI = field(default_factory=lambda: FastAPI(title="Shop", version="1"))

    def open(self) -> FastAPI:
        app = self.app

        @app.get("/items/{item}", operation_id="get_item")
        def get_item(
            request: Request,
            item: str,
            key: Annotated[str, Security(_key)],
            tag: Annotated[list[str] | None, Query()] = None,
            x_request_id: Annotated[str | None, Header()] = None,
        ) -> dict[str, Any]:
            """What the shop knows of an item."""
            self.keys.append(key)
            return {"item": item, "tags": tag or [], "request_id": x_request_id, "query": str(request.url.query)}

        @app.post("/orders", operation_id="order")
        def order(order: Order, request: Request) -> dict[str, Any]:
            """Orders an item."""
            self.keys.append(request.headers.get("x-key") or request.headers.get("authorization"))
            self.orders.append(order.model_dump())
            return {"number": len(self.orders)}

        @app.get("/broken", operation_id="broken")
        def broken() -> None:
            raise HTTPException(503, "closed")

        return app


@contextmanager
def open_shop() -> Iterator[Shop]:
    shop = Shop()
    with beside(serving(shop.open())) as url:
        shop.url = url
        yield shop
