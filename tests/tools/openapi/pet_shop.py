"""A FastAPI application with every kind of parameter and body; each operation answers with what it was asked."""

from typing import Annotated, Any

from fastapi import (
    Body,
    Cookie,
    Depends,
    FastAPI,
    File,
    Form,
    Header,
    HTTPException,
    Path,
    Query,
    Response,
    UploadFile,
)
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import BaseModel, Field

TOKEN = "canary-token-5d1e"
KEY = "canary-key-77aa"


class Toy(BaseModel):
    name: str
    parts: list["Toy"] = []


class Pet(BaseModel):
    name: str = Field(min_length=1, pattern="^[^<>]+$")
    kind: str | None = None
    tags: list[str] = []
    favourite: Toy | None = None


def pet_shop() -> FastAPI:
    app = FastAPI(title="Pet shop", version="2.1")

    @app.get("/pets/{pet_id}/toys/{toy}", operation_id="toys.list")
    def toys(
        pet_id: Annotated[int, Path(ge=1)],
        toy: str,
        tag: Annotated[list[str], Query()] = [],  # noqa: B006
        q: Annotated[str | None, Query(alias="filter[q]")] = None,
        exact: bool = False,
        trace: Annotated[str | None, Header(alias="X-Trace")] = None,
        session: Annotated[str | None, Cookie()] = None,
    ) -> dict[str, Any]:
        return {
            "pet_id": pet_id,
            "toy": toy,
            "tag": tag,
            "q": q,
            "exact": exact,
            "trace": trace,
            "session": session,
        }

    @app.post("/pets", status_code=201)
    def add(pet: Pet, idempotency_key: Annotated[str, Header()]) -> dict[str, Any]:
        return {"pet": pet.model_dump(), "key": idempotency_key}

    @app.put("/names")
    def rename(
        name: Annotated[str, Form()], alias: Annotated[list[str], Form()], old: Annotated[bool, Form()] = False
    ) -> Any:
        return {"name": name, "alias": alias, "old": old}

    @app.post("/photos")
    async def photos(
        caption: Annotated[str, Form()],
        photo: UploadFile,
        more: Annotated[list[bytes], File()] = [],  # noqa: B006
    ) -> dict[str, Any]:
        content = await photo.read()
        return {
            "caption": caption,
            "type": photo.content_type,
            "photo": content.hex(),
            "more": [len(each) for each in more],
        }

    @app.post("/echo")
    def echo(text: Annotated[str, Body(media_type="text/plain")]) -> dict[str, str]:
        return {"text": text}

    @app.get("/secret")
    def secret(credentials: Annotated[Any, Depends(HTTPBearer())]) -> dict[str, bool]:
        if credentials.credentials != TOKEN:
            raise HTTPException(401, "Wrong token.")
        return {"in": True}

    @app.get("/keyed")
    def keyed(key: Annotated[str, Depends(APIKeyHeader(name="X-Key"))]) -> dict[str, str]:
        if key != KEY:
            raise HTTPException(403, "Wrong key.")
        return {"echoed": key}

    @app.delete("/pets/{pet_id}")
    def remove(pet_id: int) -> None:
        raise HTTPException(409, f"Pet {pet_id} is loved.")

    @app.get("/logo")
    def logo() -> Response:
        return Response(b"\x89PNG", media_type="image/png")

    return app
