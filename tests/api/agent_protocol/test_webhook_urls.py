import pytest

from tests.api.person import Person
from tests.api.problems import code_of


@pytest.mark.parametrize("url", ["/hooks", "ftp://example.com/", "http://example.com/", "https://10.0.0.1/"])
def test_a_run_whose_webhook_may_not_be_called_is_not_started(ann: Person, url: str) -> None:
    asked = {"assistant_id": "agent", "input": {"messages": []}, "webhook": url}
    for path, body in (("/runs", asked), ("/runs/batch", [asked]), ("/runs/wait", asked), ("/runs/stream", asked)):
        refused = ann.http.post(path, json=body)
        assert (refused.status_code, code_of(refused)) == (422, "url_refused")
