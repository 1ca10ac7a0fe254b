"""What stands in the place of the call itself, behind the wrappers that are tested."""

import asyncio

from tools.calling.attempt import Attempt
from tools.calls import Answer


class Made:
    """The innermost step: counts, and answers or raises what it is given."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.attempts: list[Attempt] = []

    async def __call__(self, attempt: Attempt) -> Answer:
        self.attempts.append(attempt)
        answer = self.answers.pop(0) if self.answers else Answer("ok", 2)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Waiting:
    """The innermost step: stays inside until `leave`."""

    def __init__(self) -> None:
        self.inside = asyncio.Semaphore(0)
        self.leave = asyncio.Event()

    async def __call__(self, attempt: Attempt) -> Answer:
        self.inside.release()
        await self.leave.wait()
        return Answer("ok", 2)
