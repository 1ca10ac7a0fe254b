"""More than a house may take: what it refuses it refuses cleanly (429, 503), and then it answers again."""

from collections import Counter

from bench import visits
from bench.house import InhabitedHouse
from bench.report import Measurement, percentile
from bench.streams import ask
from bench.visits import Request

# Three times as many as the house's 20 runs at once and 300 requests a minute.
CHATS, REQUESTS = 60, 900


def run(place: InhabitedHouse, *, quick: bool) -> list[Measurement]:
    greedy, patient = place.readers[:1], place.readers[1:]
    waves = [
        [ask(patient, number) for number in range(CHATS)],
        [Request("GET", "/v1/threads", greedy[0].token, at=number / 300) for number in range(REQUESTS)],
        [ask(patient, number) for number in range(len(patient))],
    ]
    *beyond, after = visits.make(place.house.url, waves).waves
    made = [visit for wave in beyond for visit in wave]
    clean = Counter(visit.status for visit in made if visit.good or visit.status in (429, 503))
    refusals = [visit.total_ms for visit in made if visit.status in (429, 503)]
    unclean = Counter(visit.outcome for visit in made if not visit.good and visit.status not in (429, 503))
    return [
        Measurement("overload: answered", clean[200], "", 1),
        Measurement("overload: refused with 429", clean[429], "", 1, 1, at_least=True),
        Measurement("overload: refused with 503", clean[503], "", 1, 1, at_least=True),
        Measurement("overload: refusal p95", percentile([refusals or [0.0]], 95), "ms", 1, 500),
        Measurement("overload: anything else", unclean.total(), "", 1, 0, note=str(dict(unclean) or "")),
        Measurement("overload: not answered afterwards", sum(not visit.good for visit in after), "", 1, 0),
    ]
