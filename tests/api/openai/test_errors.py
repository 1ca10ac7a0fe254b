"""Limits, as OpenAI's clients read them."""

from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from api.openai.errors import OpenAiRoute
from core.errors import TooManyRequests


def test_a_limit_says_when_to_come_back() -> None:
    router = APIRouter(route_class=OpenAiRoute)

    @router.get("/")
    def refuse() -> None:
        raise TooManyRequests("Too many requests; try again in 7 s.", retry_after_seconds=7)

    app = FastAPI()
    app.include_router(router)
    answer = TestClient(app).get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "too_many_requests")
