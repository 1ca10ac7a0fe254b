"""The whole of it: a house, its guests, the killer; then rest, and one more question on every thread."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic, sleep

import httpx

from bench.chaos import audit, killer
from bench.chaos.doors import Doors
from bench.chaos.guests import GRAPH, Guest
from bench.chaos.habits import HABITS, QUESTION, Habit, live
from bench.chaos.house import House
from bench.chaos.killer import Killer
from bench.chaos.ledger import Ledger
from bench.house import new_person

READY_SECONDS = 60.0
REST_SECONDS = 60.0
LOOK_SECONDS = 0.2
# Questions at once when everybody is asked once more.
AT_ONCE = 8

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Play:
    """What is in the books, what was done to whom, which threads answered no more, which clients wait for ever."""

    ledger: Ledger
    killer: Killer
    silent: list[str]
    waiting: list[str]
    seconds: float


async def perform(place: House, *, kills: int, seconds: float, seed: int, tell: Tell) -> Play:
    """`seconds` is how long there is trouble; returns when everything has come to rest, or has had the time to."""
    await asyncio.to_thread(_wait_until_ready, place)
    begun = monotonic()
    draw, ledger, done = random.Random(seed), Ledger(), asyncio.Event()
    trouble = Killer(place.processes, place.stores, random.Random(seed))
    async with _guests(place, ledger, draw) as guests, asyncio.TaskGroup() as tasks:
        progress = tasks.create_task(_report(ledger, trouble, begun, tell))
        lives = [tasks.create_task(live(guest, habit, done), name=guest.name) for guest, habit in guests]
        await trouble.work(killer.plan(kills, draw), seconds)
        done.set()
        _, stuck = await asyncio.wait(lives, timeout=REST_SECONDS)
        waiting = [task.get_name() for task in stuck if task.cancel()]
        await asyncio.to_thread(_wait_until_quiet, place, ledger)
        silent = await _silent(ledger, {guest.name: guest for guest, _ in guests})
        progress.cancel()
    return Play(ledger, trouble, silent, waiting, monotonic() - begun)


@asynccontextmanager
async def _guests(place: House, ledger: Ledger, draw: random.Random) -> AsyncIterator[list[tuple[Guest, Habit]]]:
    """Of two tenants."""
    people = [await asyncio.to_thread(new_person, place.processes.urls[0]) for _ in range(2)]
    guests = []
    for name, (habit, count) in HABITS.items():
        for number in range(count):
            person, own = people[number % len(people)], random.Random(draw.getrandbits(64))
            doors = Doors(place.processes.urls, person.token, ledger, own)
            guests.append((Guest(f"{name}-{number}", doors, ledger, own, person.knowledge_base_id), habit))
    try:
        yield guests
    finally:
        for guest, _ in guests:
            await guest.doors.aclose()


def _wait_until_ready(place: House) -> None:
    deadline = monotonic() + READY_SECONDS
    for url in place.processes.urls:
        while not _is_ready(url):
            if monotonic() > deadline:
                raise TimeoutError(f"{url} was not ready after {READY_SECONDS:.0f} s; see its log")
            sleep(LOOK_SECONDS)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=2).is_success
    except httpx.TransportError:
        return False


def _wait_until_quiet(place: House, ledger: Ledger) -> None:
    """Nobody wants anything any more: what is under way may end."""
    deadline = monotonic() + REST_SECONDS
    with place.owner() as owner:
        while monotonic() < deadline and (audit.endless_runs(owner) or audit.unready_documents(owner, ledger)):
            sleep(LOOK_SECONDS)


async def _silent(ledger: Ledger, guests: dict[str, Guest]) -> list[str]:
    """Threads on which one more question is not answered."""
    places = asyncio.Semaphore(AT_ONCE)

    async def answers(thread_id: str, guest: Guest) -> bool:
        async with places:
            if guest.name.startswith("chats"):
                path, body = "/v1/chat", _chat(thread_id)
            else:
                path, body = f"/threads/{thread_id}/runs/wait", _run(f"last-{thread_id} 3 5")
            try:
                answer = await guest.doors.insist("POST", path, json=body, headers={"Accept": "application/json"})
            except TimeoutError:
                return False
            return answer.is_success and "__error__" not in answer.json()

    answered = await asyncio.gather(*(answers(id_, guests[name]) for id_, name in ledger.threads.items()))
    return [thread_id for thread_id, heard in zip(ledger.threads, answered, strict=True) if not heard]


def _chat(thread_id: str) -> dict[str, object]:
    return {"message": QUESTION.format(1), "thread_id": thread_id}


def _run(question: str) -> dict[str, object]:
    return {"assistant_id": GRAPH, "input": {"messages": [{"role": "user", "content": question}]}}


async def _report(ledger: Ledger, trouble: Killer, begun: float, tell: Tell) -> None:
    while True:
        kills = trouble.done.count("kill")
        tell(
            f"{monotonic() - begun:5.0f} s  {kills} kills, {len(trouble.done) - kills} other troubles, "
            f"{len(ledger.runs)} runs on {len(ledger.threads)} threads, {len(ledger.documents)} documents, "
            f"{sum(map(len, ledger.seen.values()))} events seen, {ledger.hung_up} hang-ups"
        )
        await asyncio.sleep(1)
