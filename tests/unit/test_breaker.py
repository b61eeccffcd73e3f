"""When a board is tried again and when it is left alone, with time and chance in the test's hands."""

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.breaker import Breaker, Limits, State

LIMITS = Limits(faults=3, first_s=1.0, longest_s=8.0, attempts=10, patience_s=100.0)


class World:
    """A clock that a test moves, and a die that always falls the same way: `share` of the bound."""

    def __init__(self, share: float = 1.0) -> None:
        self.now = 1000.0
        self.share = share
        self.bounds: list[float] = []

    def clock(self) -> float:
        return self.now

    def dice(self, low: float, high: float) -> float:
        assert low == 0.0, "full jitter begins at nothing"
        self.bounds.append(high)
        return self.share * high

    def breaker(self, limits: Limits = LIMITS) -> Breaker:
        return Breaker(limits, self.clock, self.dice)


def fail(breaker: Breaker, world: World, times: int) -> None:
    """Faults, each at the moment at which the breaker lets the next try through."""
    for _ in range(times):
        world.now += breaker.wait_s
        assert breaker.admit()
        breaker.fault()


def test_a_new_breaker_lets_everything_through() -> None:
    breaker = World().breaker()
    assert (breaker.state, breaker.wait_s, breaker.is_hopeless) == (State.CLOSED, 0.0, False)
    assert breaker.admit()
    assert breaker.admit()


def test_the_third_fault_in_a_row_opens_it() -> None:
    world = World()
    breaker = world.breaker()
    fail(breaker, world, 2)
    assert breaker.state is State.CLOSED
    fail(breaker, world, 1)
    assert {breaker.state} == {State.OPEN}
    assert not breaker.admit()


def test_three_losses_in_a_row_open_it_although_the_board_could_be_reached_between_them() -> None:
    breaker = World().breaker()
    for _ in range(3):
        assert breaker.state is State.CLOSED
        breaker.fault()
        breaker.reached()
    assert breaker.attempt == 3
    breaker = World().breaker()
    breaker.fault()
    breaker.reached()
    breaker.fault()
    breaker.reached()
    breaker.fault()
    assert breaker.state is State.OPEN


def test_progress_between_faults_keeps_it_closed() -> None:
    breaker = World().breaker()
    for _ in range(50):
        breaker.fault()
        breaker.reached()
        breaker.progress()
    assert (breaker.state, breaker.attempt, breaker.is_hopeless) == (State.CLOSED, 0, False)


def test_an_open_one_lets_one_probe_through_when_its_pause_is_over() -> None:
    world = World()
    breaker = world.breaker()
    fail(breaker, world, 3)
    assert not breaker.admit()
    world.now += breaker.wait_s
    assert breaker.admit()
    assert breaker.state is State.HALF_OPEN
    assert not breaker.admit()
    breaker.fault()
    assert {breaker.state} == {State.OPEN}
    world.now += breaker.wait_s
    assert breaker.admit()
    breaker.reached()
    assert {breaker.state} == {State.CLOSED}


def test_the_bounds_of_the_pauses_double_up_to_the_longest() -> None:
    world = World()
    fail(world.breaker(), world, 6)
    assert world.bounds == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_a_board_that_is_reached_and_lost_again_and_again_is_left_alone_in_the_end() -> None:
    world = World(share=0.0)
    breaker = world.breaker()
    for number in range(1, LIMITS.attempts + 1):
        assert not breaker.is_hopeless
        breaker.fault()
        assert breaker.attempt == number
        if number < LIMITS.attempts:
            assert breaker.admit()
            breaker.reached()
            world.now += 3600.0  # it worked for an hour: no time in which it did not answer
    assert breaker.is_hopeless


def test_a_board_that_does_not_answer_is_left_alone_when_its_time_is_over() -> None:
    world = World(share=0.0)
    breaker = world.breaker()
    breaker.fault()
    world.now += LIMITS.patience_s - 0.1
    assert not breaker.is_hopeless
    world.now += 0.2
    assert breaker.is_hopeless


def test_a_board_whose_power_was_switched_off_and_on_has_all_its_time_anew() -> None:
    world = World(share=0.0)
    breaker = world.breaker()
    for _ in range(LIMITS.attempts):
        breaker.fault()
    world.now += LIMITS.patience_s
    assert breaker.is_hopeless
    breaker.renew()
    assert (breaker.is_hopeless, breaker.attempt, breaker.state) == (False, 0, State.OPEN)
    breaker.fault()
    assert (breaker.state, world.bounds[-1]) == (State.OPEN, LIMITS.first_s)


STEPS = st.lists(st.sampled_from(["fault", "reached", "progress", "renew", "admit", "wait"]), max_size=60)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.floats(0.0, 1.0))
def test_whatever_happens_it_lets_one_probe_through_at_most_and_never_waits_longer_than_the_longest(
    steps: list[str], share: float
) -> None:
    world = World(share)
    breaker = world.breaker()
    out = False
    for step in steps:
        if step == "wait":
            world.now += 1.0
        elif step == "admit":
            before, waits = breaker.state, breaker.wait_s > 0
            admitted = breaker.admit()
            assert not (admitted and waits)
            assert not (admitted and before is State.HALF_OPEN and out)
            out = admitted
        else:
            getattr(breaker, step)()
            out = out and step == "renew"
        assert 0.0 <= breaker.wait_s <= LIMITS.longest_s
        assert breaker.attempt >= 0
        if step == "progress":
            assert (breaker.state, breaker.is_hopeless, breaker.wait_s) == (State.CLOSED, False, 0.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 10), st.integers(1, 30), st.floats(0.0, 1.0))
def test_a_board_that_never_answers_is_always_given_up_after_the_same_number_of_tries_or_before(
    faults: int, attempts: int, share: float
) -> None:
    world = World(share)
    limits = Limits(faults=faults, attempts=attempts, patience_s=100.0)
    breaker = world.breaker(limits)
    breaker.fault()
    while not breaker.is_hopeless:
        world.now += breaker.wait_s
        assert breaker.admit()
        breaker.fault()
    assert breaker.attempt <= attempts
    assert world.now <= 1000.0 + limits.patience_s + limits.longest_s


def test_a_thousand_faults_are_no_overflow() -> None:
    world = World()
    breaker = world.breaker(Limits(attempts=5000, patience_s=1e9))
    fail(breaker, world, 2000)
    assert world.bounds[-1] == 60.0
