"""Time to the first event and to the end of `/v1/chat` streams that all begin at once."""

from collections import Counter

import psutil

from bench import visits
from bench.house import InhabitedHouse, Person
from bench.report import Measurement, percentile
from bench.visits import Request

QUESTIONS = (
    "How many days of holiday do I get after six years?",
    "What is the hotel ceiling in Zurich?",
    "Within how many minutes must I report a lost laptop?",
    "May I bring my dog to the office?",
    "When are salaries paid?",
    "Who approves a business trip abroad?",
    "How long is a full working week?",
    "How often must passwords be changed?",
)
# Streams at once, and the most milliseconds until the first event of 95 % of them.
LEVELS: tuple[tuple[int, float | None], ...] = ((1, None), (20, 100), (100, 500))


def run(place: InhabitedHouse, *, quick: bool) -> list[Measurement]:
    # To warm up: connections, models, plans.
    visits.make(place.house.url, [_asks(place.readers, 20)])
    measurements = []
    for at_once, target in LEVELS:
        rounds = (1 if quick else 5) * (20 if at_once == 1 else 1)
        measurements += _level(place, at_once, rounds, target)
    return measurements


def _level(place: InhabitedHouse, at_once: int, rounds: int, target: float | None) -> list[Measurement]:
    api = psutil.Process(place.house.processes["api"].pid)
    spent = _cpu_ms(api)
    made = visits.make(place.house.url, [_asks(place.readers, at_once) for _ in range(rounds)])
    spent = (_cpu_ms(api) - spent) / (at_once * rounds)
    # A round of one stream has no percentiles: there all are one round.
    waves = made.waves if at_once > 1 else [[visit for wave in made.waves for visit in wave]]
    failures = Counter(visit.outcome for wave in made.waves for visit in wave if not visit.good)
    answered = [[visit for visit in wave if visit.good] for wave in waves]
    first = [[visit.first_ms for visit in wave] for wave in answered]
    total = [[visit.total_ms for visit in wave] for wave in answered]
    name = f"{at_once} chat stream{'s' if at_once > 1 else ''}"
    note = f"the client is a process on the same machine and took {made.client_share:.0%} of a core"
    return [
        Measurement(f"{name}: first event p50", percentile(first, 50), "ms", rounds),
        Measurement(f"{name}: first event p95", percentile(first, 95), "ms", rounds, target, note=note),
        Measurement(f"{name}: end p50", percentile(total, 50), "ms", rounds),
        Measurement(f"{name}: end p95", percentile(total, 95), "ms", rounds),
        Measurement(f"{name}: CPU time of the API for each", spent, "ms", rounds),
        Measurement(f"{name}: not answered", sum(failures.values()), "", rounds, 0, note=str(dict(failures) or "")),
    ]


def _cpu_ms(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system) * 1000


def _asks(people: list[Person], number: int) -> list[Request]:
    return [ask(people, index) for index in range(number)]


def ask(people: list[Person], index: int, at: float = 0.0) -> Request:
    body = {"message": QUESTIONS[index % len(QUESTIONS)]}
    return Request("POST", "/v1/chat", people[index % len(people)].token, body, at)
