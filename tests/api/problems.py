"""What every error looks like (RFC 9457), whichever route it comes from."""

import httpx


def assert_problem(answer: httpx.Response) -> None:
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["X-Request-Id"] != ""
    assert problem.keys() >= {"type", "title", "code", "detail"}
