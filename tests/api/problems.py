"""What every error looks like (RFC 9457), whichever route it comes from."""

import httpx


def code_of(answer: httpx.Response) -> str:
    """Of a problem, or of an error on the routes that OpenAI's clients call."""
    body = answer.json()
    code: str = body.get("error", body)["code"]
    return code


def assert_problem(answer: httpx.Response) -> None:
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["X-Request-Id"] != ""
    assert problem.keys() >= {"type", "title", "code", "detail"}
