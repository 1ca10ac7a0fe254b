"""Simple routes, one request at a time, each on a connection of its own."""

from bench import visits
from bench.house import InhabitedHouse
from bench.report import Measurement, percentile
from bench.visits import Request

TARGET_MS = 500
QUERY = {"query": "How many days of holiday do I get after six years?"}


def run(place: InhabitedHouse, *, quick: bool) -> list[Measurement]:
    rounds, repeats = (1, 30) if quick else (5, 100)
    person = place.readers[0]
    requests = {
        "GET /auth/me": Request("GET", "/auth/me", person.token),
        "GET /v1/knowledge-bases": Request("GET", "/v1/knowledge-bases", person.token),
        "GET /v1/threads": Request("GET", "/v1/threads", person.token),
        "POST …/query": Request("POST", f"/v1/knowledge-bases/{person.knowledge_base_id}/query", person.token, QUERY),
    }
    visits.make(place.house.url, [[request] for request in requests.values()] * 10)
    measurements = []
    made = [visits.make(place.house.url, _turns(requests, repeats)) for _ in range(rounds)]
    for number, name in enumerate(requests):
        # The routes took turns, so every fourth request is this one's.
        answers = [[visit for (visit,) in each.waves[number :: len(requests)]] for each in made]
        times = [[visit.total_ms for visit in each if visit.good] for each in answers]
        failures = sum(not visit.good for each in answers for visit in each)
        measurements += [
            Measurement(f"{name} p50", percentile(times, 50), "ms", rounds),
            Measurement(f"{name} p95", percentile(times, 95), "ms", rounds, TARGET_MS),
            Measurement(f"{name}: not answered", failures, "", rounds, 0),
        ]
    return measurements


def _turns(requests: dict[str, Request], repeats: int) -> list[list[Request]]:
    return [[request] for _ in range(repeats) for request in requests.values()]
