"""Circuit breaker: stop calling what keeps failing, try again with a single probe.

The pattern is M. Nygard's (Release It!, 2007). No state change awaits, so one event loop needs no lock.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal

Clock = Callable[[], float]
MOST_KEYS = 10_000

State = Literal["closed", "open", "half_open"]


@dataclass(frozen=True)
class BreakerPolicy:
    """Opens when at least `failure_ratio` (0 to 1) of at least `min_calls` in `window_seconds` failed."""

    failure_ratio: float = 0.5
    min_calls: int = 10
    window_seconds: float = 60.0
    open_seconds: float = 30.0


@dataclass(frozen=True)
class Outcomes:
    """What counts as a failure of the other side, what does not although it is one, and what is raised at rest."""

    failure: type[Exception]
    excused: type[Exception] | tuple[type[Exception], ...]
    resting: Callable[[], Exception]


class Breaker:
    """Counts the outcomes of the calls made inside `with breaker.call():`."""

    def __init__(self, outcomes: Outcomes, policy: BreakerPolicy | None = None, clock: Clock = monotonic) -> None:
        self._of = outcomes
        self._policy = policy or BreakerPolicy()
        self._clock = clock
        self._outcomes: deque[tuple[float, bool]] = deque()  # (when, failed), oldest first
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    def state(self) -> State:
        if self._opened_at is None:
            return "closed"
        rested = self._clock() - self._opened_at >= self._policy.open_seconds
        return "half_open" if rested else "open"

    @contextmanager
    def call(self) -> Iterator[None]:
        """Raises what `resting` makes at once while open, and while another call is probing."""
        probe = self._admit()
        try:
            yield
        except self._of.excused:
            self._record(failed=False, probe=probe)  # an endpoint that refuses is up
            raise
        except self._of.failure:
            self._record(failed=True, probe=probe)
            raise
        else:
            self._record(failed=False, probe=probe)
        finally:
            if probe:  # also when the caller went away, which says nothing about the other side
                self._probing = False

    def _admit(self) -> bool:
        state = self.state()
        if state == "open" or (state == "half_open" and self._probing):
            raise self._of.resting()
        self._probing = state == "half_open"
        return self._probing

    def _record(self, *, failed: bool, probe: bool) -> None:
        if probe:
            self._opened_at = self._clock() if failed else None
        elif self._opened_at is None:
            self._count(failed)
            if self._too_many_failures():
                self._open()

    def _count(self, failed: bool) -> None:
        now = self._clock()
        self._outcomes.append((now, failed))
        self._failures += failed
        while self._outcomes[0][0] <= now - self._policy.window_seconds:
            self._failures -= self._outcomes.popleft()[1]

    def _too_many_failures(self) -> bool:
        calls = len(self._outcomes)
        return calls >= self._policy.min_calls and self._failures >= self._policy.failure_ratio * calls

    def _open(self) -> None:
        self._opened_at = self._clock()
        self._outcomes.clear()
        self._failures = 0


@dataclass(frozen=True)
class BreakerRegistry:
    """One breaker per key, shared by everything that is given this registry; of many keys the oldest is forgotten."""

    outcomes: Outcomes
    policy: BreakerPolicy = field(default_factory=BreakerPolicy)
    clock: Clock = monotonic
    _breakers: dict[Hashable, Breaker] = field(default_factory=dict, repr=False)

    def get(self, key: Hashable) -> Breaker:
        if key not in self._breakers:
            while len(self._breakers) >= MOST_KEYS:
                del self._breakers[next(iter(self._breakers))]
            self._breakers[key] = Breaker(self.outcomes, self.policy, self.clock)
        return self._breakers[key]
