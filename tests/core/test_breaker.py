"""The breaker against a clock that moves only when told to."""

import pytest

from core.breaker import Breaker
from core.llm.breakers import MODEL_OUTCOMES, model_breakers
from core.llm.errors import ModelRejectedRequest, ModelTimeout, ModelUnavailable


class FakeClock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> Breaker:
    return Breaker(MODEL_OUTCOMES, clock=clock)


def succeed(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        with breaker.call():
            pass


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(ModelTimeout), breaker.call():
            raise ModelTimeout("too slow")


def test_stays_closed_below_ten_calls(breaker: Breaker) -> None:
    fail(breaker, 9)
    assert breaker.state() == "closed"


def test_opens_when_half_of_ten_calls_failed(breaker: Breaker) -> None:
    succeed(breaker, 5)
    fail(breaker, 4)
    assert breaker.state() == "closed"
    fail(breaker)
    assert breaker.state() == "open"


def test_stays_closed_when_fewer_than_half_failed(breaker: Breaker) -> None:
    succeed(breaker, 11)
    fail(breaker, 9)
    assert breaker.state() == "closed"


def test_outcomes_older_than_a_minute_do_not_count(breaker: Breaker, clock: FakeClock) -> None:
    fail(breaker, 9)
    clock.now += 60
    fail(breaker)
    assert breaker.state() == "closed"


def test_open_breaker_refuses_without_calling(breaker: Breaker) -> None:
    fail(breaker, 10)
    called = False
    with pytest.raises(ModelUnavailable), breaker.call():
        called = True
    assert not called


def test_one_probe_at_a_time_after_thirty_seconds(breaker: Breaker, clock: FakeClock) -> None:
    fail(breaker, 10)
    clock.now += 29.9
    assert breaker.state() == "open"
    clock.now += 0.1
    with breaker.call(), pytest.raises(ModelUnavailable), breaker.call():
        pass


def test_successful_probe_closes(breaker: Breaker, clock: FakeClock) -> None:
    fail(breaker, 10)
    clock.now += 30
    succeed(breaker)
    assert breaker.state() == "closed"
    fail(breaker, 9)  # what was before the rest is forgotten
    assert breaker.state() == "closed"


def test_failed_probe_opens_for_another_thirty_seconds(breaker: Breaker, clock: FakeClock) -> None:
    fail(breaker, 10)
    clock.now += 30
    fail(breaker)
    clock.now += 29
    assert breaker.state() == "open"
    clock.now += 1
    succeed(breaker)
    assert breaker.state() == "closed"


def test_abandoned_probe_lets_the_next_one_through(breaker: Breaker, clock: FakeClock) -> None:
    fail(breaker, 10)
    clock.now += 30
    with pytest.raises(GeneratorExit), breaker.call():
        raise GeneratorExit
    assert breaker.state() == "half_open"
    succeed(breaker)
    assert breaker.state() == "closed"


def test_straggler_from_before_does_not_close_an_open_breaker(breaker: Breaker) -> None:
    with breaker.call():
        fail(breaker, 10)
    assert breaker.state() == "open"


def test_refused_requests_are_not_the_endpoints_failure(breaker: Breaker) -> None:
    for _ in range(20):
        with pytest.raises(ModelRejectedRequest), breaker.call():
            raise ModelRejectedRequest("no such model")
    assert breaker.state() == "closed"


def test_registry_shares_a_breaker_per_key(clock: FakeClock) -> None:
    registry = model_breakers(clock=clock)
    fail(registry.get("a"), 10)
    assert registry.get("a").state() == "open"
    assert registry.get("b").state() == "closed"
