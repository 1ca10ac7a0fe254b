import pytest

from api.launch import House
from tests.api.callers import nobody
from tests.api.person import Person
from tests.api.problems import assert_problem


def test_a_running_house_is_alive_and_ready(house: House) -> None:
    with nobody(house) as client:
        assert client.get("/health/live").json() == {"status": "ok"}
        ready = client.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json() == {
        "status": "ok",
        "dependencies": {"postgres": "ok", "identities": "ok", "valkey": "ok"},
    }


def test_metrics_count_requests_by_route_and_name_no_tenant(ann: Person) -> None:
    knowledge_base_id = ann.knowledge_base()
    ann.http.get(f"/v1/knowledge-bases/{knowledge_base_id}")
    ann.http.get("/made-up-by-a-scanner")
    metrics = ann.http.get("/metrics").text
    assert 'route="/v1/knowledge-bases/{knowledge_base_id}",status="200"' in metrics
    assert knowledge_base_id not in metrics
    assert ann.tokens["me"]["tenant_id"] not in metrics
    assert "made-up" not in metrics


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_the_api_describes_itself(house: House, path: str) -> None:
    with nobody(house) as client:
        assert client.get(path).status_code == 200


def test_an_unknown_path_and_a_wrong_method_are_problems_too(house: House) -> None:
    with nobody(house) as client:
        unknown, wrong = client.get("/v1/nothing"), client.delete("/v1/chat")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["Allow"] == "POST"
    for answer in (unknown, wrong):
        assert_problem(answer)


@pytest.mark.parametrize("given", ["trace-1.2_3", "a" * 64])
def test_a_sane_request_id_comes_back(house: House, given: str) -> None:
    with nobody(house) as client:
        assert client.get("/auth/me", headers={"X-Request-Id": given}).json()["request_id"] == given


@pytest.mark.parametrize("given", ["a" * 65, "a b", "<script>", ""])
def test_any_other_request_id_is_replaced(house: House, given: str) -> None:
    with nobody(house) as client:
        answer = client.get("/auth/me", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] != given
    assert_problem(answer)
