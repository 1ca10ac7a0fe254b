"""A busy hour in 20 seconds: 50 requests a second, now and then 200, whether or not the last were answered."""

import random
from collections import Counter
from collections.abc import Iterator

from bench import visits
from bench.house import InhabitedHouse, Person
from bench.report import Measurement, percentile
from bench.streams import QUESTIONS, ask
from bench.visits import Request, Visit

PER_SECOND, PEAK_PER_SECOND, PEAK_EVERY_SECONDS = 50, 200, 5
TARGET_MS = 500
# A hundred people, each of whom asks a question every 20 seconds and searches or looks around in between.
SHARES = {"search": 0.5, "threads": 0.4, "chat": 0.1}


def run(place: InhabitedHouse, *, quick: bool) -> list[Measurement]:
    seconds = 6 if quick else 20
    arrivals = list(_arrivals(place.readers, seconds, random.Random(5)))
    made = visits.make(place.house.url, [[request for _, request in arrivals]])
    answers: dict[str, list[Visit]] = {kind: [] for kind in SHARES}
    for (kind, _), visit in zip(arrivals, made.waves[0], strict=True):
        if visit.good:
            answers[kind].append(visit)
    failures = Counter(visit.outcome for visit in made.waves[0] if not visit.good)
    note = (
        f"{len(arrivals)} requests in {seconds} s, {len(place.readers)} tenants, a connection each; "
        f"the client took {made.client_share:.0%} of a core"
    )
    return [
        Measurement("load: search p95", _p95(answers["search"]), "ms", 1, TARGET_MS, note=note),
        Measurement("load: threads p95", _p95(answers["threads"]), "ms", 1, TARGET_MS),
        Measurement("load: chat, first event p95", _p95(answers["chat"]), "ms", 1, TARGET_MS),
        Measurement("load: chat, end p95", percentile([[v.total_ms for v in answers["chat"]]], 95), "ms", 1),
        Measurement("load: not answered", failures.total(), "", 1, 0, note=str(dict(failures) or "")),
    ]


def _arrivals(readers: list[Person], seconds: int, draw: random.Random) -> Iterator[tuple[str, Request]]:
    """A Poisson process: in every second, at any moment of it."""
    for second in range(seconds):
        peak = second % PEAK_EVERY_SECONDS == PEAK_EVERY_SECONDS - 1
        for number in range(PEAK_PER_SECOND if peak else PER_SECOND):
            (kind,) = draw.choices(list(SHARES), list(SHARES.values()))
            yield kind, _request(kind, readers, number, second + draw.random())


def _request(kind: str, readers: list[Person], number: int, at: float) -> Request:
    person = readers[number % len(readers)]
    match kind:
        case "search":
            path = f"/v1/knowledge-bases/{person.knowledge_base_id}/query"
            return Request("POST", path, person.token, {"query": QUESTIONS[number % len(QUESTIONS)]}, at)
        case "threads":
            return Request("GET", "/v1/threads", person.token, None, at)
        case _:
            return ask(readers, number, at)


def _p95(answers: list[Visit]) -> float:
    return percentile([[visit.first_ms for visit in answers]], 95)
