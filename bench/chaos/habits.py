"""What clients do, over and over: each habit is one turn of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import httpx

from bench.chaos.doors import PAUSE_SECONDS, Unanswered, frames
from bench.chaos.guests import Guest

Habit = Callable[[Guest], Awaitable[None]]

QUESTION = "How many lamps are lit at dusk in hall {}?"
UPLOAD_EVERY_SECONDS = 3.0


async def streams(guest: Guest) -> None:
    thread_id = await guest.thread()
    if run_id := await guest.start_stream(thread_id):
        await guest.follow(thread_id, run_id)


async def leaves(guest: Guest) -> None:
    """Runs in the background, to some of which it comes back."""
    thread_id = await guest.thread()
    run_id = await guest.start(thread_id)
    await asyncio.sleep(guest.draw.uniform(0.2, 2))
    if run_id and guest.draw.random() < 0.5:
        await guest.follow(thread_id, run_id)


async def chats(guest: Guest) -> None:
    thread_id = guest.draw.choice([None, *guest.threads[-2:]])
    body = {"message": QUESTION.format(guest.draw.randint(1, 9)), "thread_id": thread_id}
    started = await _asked(guest, body)
    if started is None:
        return
    run_id, thread_id = started
    guest.ledger.threads[thread_id] = guest.name
    guest.ledger.promised(run_id, thread_id, None)
    if thread_id not in guest.threads:
        guest.threads.append(thread_id)
    await guest.follow(thread_id, run_id, "/v1/threads/{}/runs/{}/events")


async def cancels(guest: Guest) -> None:
    thread_id = await guest.thread()
    run_id = await guest.start(thread_id)
    if run_id is None:
        return
    await asyncio.sleep(guest.draw.uniform(0, 2))
    action = guest.draw.choice(["interrupt", "rollback"])
    _expect(guest, thread_id, action)
    await guest.doors.insist("POST", f"/threads/{thread_id}/runs/{run_id}/cancel", params={"action": action})
    await guest.follow(thread_id, run_id)


async def texts_twice(guest: Guest) -> None:
    """A second question on a thread while the first is being answered."""
    thread_id = await guest.thread()
    await guest.start(thread_id)
    await asyncio.sleep(guest.draw.uniform(0, 1.5))
    strategy = guest.draw.choice(["enqueue", "interrupt", "rollback", "reject"])
    _expect(guest, thread_id, strategy)
    if second := await guest.start(thread_id, multitask_strategy=strategy):
        await guest.follow(thread_id, second)


async def uploads(guest: Guest) -> None:
    guest.asked += 1
    text = f"# Hall {guest.asked}\n\n" + f"Lamp {guest.asked} of {guest.name} is lit at dusk. " * 20
    files = {"files": (f"{guest.name}-{guest.asked}.md", text.encode())}
    path = f"/v1/knowledge-bases/{guest.knowledge_base_id}/documents"
    answer = await guest.doors.insist("POST", path, files=files, headers={"Idempotency-Key": guest.new_id()})
    for document in answer.raise_for_status().json()["documents"]:
        guest.ledger.documents.add(document["document_id"])
    await asyncio.sleep(UPLOAD_EVERY_SECONDS)


HABITS: dict[str, tuple[Habit, int]] = {
    "streams": (streams, 5),
    "leaves": (leaves, 3),
    "chats": (chats, 2),
    "cancels": (cancels, 2),
    "texts-twice": (texts_twice, 2),
    "uploads": (uploads, 1),
}


async def live(guest: Guest, habit: Habit, done: asyncio.Event) -> None:
    """Until it is `done`; an answer that no client should get is written down."""
    while not done.is_set():
        try:
            await habit(guest)
        except httpx.HTTPStatusError as error:
            request = error.request
            guest.ledger.unclean[f"{habit.__name__}: {request.method} {error.response.status_code}"] += 1
            await asyncio.sleep(PAUSE_SECONDS)


async def _asked(guest: Guest, body: dict[str, str | None]) -> tuple[str, str] | None:
    """Run and thread. The key makes it one question, however often it is asked because nothing came back."""
    headers = {"Idempotency-Key": guest.new_id()}
    while True:
        try:
            async with guest.doors.once("POST", "/v1/chat", json=body, headers=headers) as response:
                if response.status_code == httpx.codes.CONFLICT:
                    return None
                async for frame in frames(response.raise_for_status()):
                    if frame.name == "run_started":
                        started = json.loads(frame.data)
                        return started["run_id"], started["thread_id"]
        except Unanswered:
            pass
        await asyncio.sleep(PAUSE_SECONDS)


def _expect(guest: Guest, thread_id: str, asked: str) -> None:
    """Noted before it is asked: a question without an answer may have been heard."""
    if asked == "rollback":
        guest.ledger.may_be_rolled_back(thread_id)
    if asked in ("rollback", "interrupt"):
        guest.ledger.may_be_interrupted(thread_id)
