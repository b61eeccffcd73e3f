"""Further runs for undecided cases: how many, in which order, and that looking again and again finds nothing false."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from orchestrator.comparing import Answer, compare
from orchestrator.comparing.pairing import Terms
from orchestrator.comparing.replicating import (
    LOOK_CONFIDENCE,
    LOOKS,
    blocks_within,
    interleave,
    undecided,
)
from orchestrator.comparing.verdicts import Compared, compare_sides
from orchestrator.runs import Job, Role
from tests.comparisons import runs_of
from tests.making import make_job


def look(first: Sequence[float], second: Sequence[float], sweep_id: int = 1) -> Compared:
    sides = runs_of(*first, sweep_id=sweep_id), runs_of(*second, sweep_id=sweep_id, digest="e" * 64)
    return compare_sides(
        ("A", sides[0]), ("B", sides[1]), Terms(), floors={}, threshold=0.02, confidence=LOOK_CONFIDENCE
    )


def follow(dice: random.Random, ratio: float, spread: float) -> tuple[Answer, int]:
    """A case as `replicate` follows it: the answer, and the runs a side that it took."""
    sides: tuple[list[float], list[float]] = ([], [])
    wanted = 5
    for _ in range(LOOKS):
        for side, level in zip(sides, (10.0, 10.0 * ratio), strict=True):
            side.extend(level * dice.lognormvariate(0, spread) for _ in range(wanted))
        compared = look(*sides)
        left = undecided(compared)
        if not left:
            break
        wanted = left[0].runs
    return compared.cases[0].comparison.answer, len(sides[0])


@pytest.mark.parametrize("spread", [0.01, 0.03])
def test_equals_that_are_looked_at_again_and_again_hardly_ever_alarm(spread: float) -> None:
    """Of 2,000 it was 4 %; eleven of a hundred would come from 5 % once in two hundred times."""
    dice = random.Random(11)
    found = Counter(follow(dice, 1.0, spread)[0] for _ in range(100))
    assert found[Answer.SLOWER] + found[Answer.FASTER] <= 11


def test_five_per_cent_that_five_runs_do_not_show_are_found_by_further_ones() -> None:
    dice = random.Random(12)
    followed = [follow(dice, 1.05, 0.03) for _ in range(100)]
    assert sum(answer is Answer.SLOWER for answer, _ in followed) >= 90
    assert sum(runs == 5 for _, runs in followed) < 50
    assert max(runs for _, runs in followed) <= 5 * 2 ** (LOOKS - 1)


def test_a_case_wants_as_many_as_it_has_or_what_five_lack() -> None:
    noise = [10.0, 13.0, 8.0, 11.0, 9.0, 12.0, 10.0, 7.0]
    wanted = {n: undecided(look(noise[:n], noise[::-1][:n]))[0].runs for n in (1, 2, 4, 5, 8)}
    assert wanted == {1: 4, 2: 3, 4: 4, 5: 5, 8: 8}
    assert undecided(look([10.0, 10.01, 9.99], [20.0, 20.01, 19.99])) == []


def test_only_as_many_blocks_begin_as_fit_on_the_slowest_board() -> None:
    assert blocks_within({"kitchen": 10.0, "attic": 3.0}, 7, 45.0) == 4
    assert blocks_within({"kitchen": 10.0}, 3, 45.0) == 3
    assert blocks_within({"kitchen": 10.0}, 3, 9.0) == 0
    assert blocks_within({"kitchen": 10.0}, 3, -1.0) == 0
    assert blocks_within({}, 3, 0.0) == 3


def planned(seed: int = 7) -> tuple[list[Job], dict[str, int]]:
    ids = iter(f"{number:032x}" for number in range(1000))
    pairs = [
        (make_job("a" * 32, model="bert"), make_job("b" * 32, model="roberta", skip_reason="then"), 3),
        (make_job("c" * 32, model="bert", threads=4), make_job("d" * 32, model="roberta", threads=4), 1),
    ]

    def looks(block: int) -> list[Job]:
        return [make_job(f"r{block}", model="reference", role=Role.REFERENCE, block=block)]

    return interleave(pairs, looks, blocks=3, seed=seed, new_id=lambda: next(ids))


def test_every_block_has_both_sides_of_what_still_wants_runs_between_two_looks_at_the_board() -> None:
    jobs, sides = planned()
    assert [job.block for job in jobs] == sorted(job.block for job in jobs)
    assert [job.model for job in jobs if job.role is Role.REFERENCE] == ["reference"] * 4
    assert jobs[0].role is jobs[-1].role is Role.REFERENCE
    cases = [job for job in jobs if job.role is Role.CASE]
    counted = Counter((job.block, job.model, job.threads) for job in cases)
    assert set(counted.values()) == {1}
    assert Counter((job.model, job.threads) for job in cases) == {
        ("bert", 1): 3, ("roberta", 1): 3, ("bert", 4): 1, ("roberta", 4): 1,
    }  # fmt: skip
    assert {job.job_id: ("bert", "roberta").index(job.model) for job in cases} == sides
    assert all(job.seed == 7 and job.skip_reason is None for job in cases)


def test_the_order_is_that_of_the_seed() -> None:
    orders = {seed: [(job.model, job.threads) for job in planned(seed)[0]] for seed in (7, 8, 9)}
    assert orders[7] == [(job.model, job.threads) for job in planned(7)[0]]
    assert len({tuple(order) for order in orders.values()}) > 1


def test_a_stricter_interval_is_wider_and_alarms_later() -> None:
    before, after = [10.0, 10.2, 9.9, 10.1], [10.5, 10.2, 10.6, 10.4]
    usual, strict = (compare(before, after, threshold=0.01, confidence=level) for level in (0.95, 0.999))
    assert strict.low < usual.low < usual.ratio < usual.high < strict.high
    assert (usual.answer, strict.answer) == (Answer.SLOWER, Answer.INCONCLUSIVE)
    assert strict.p_value == usual.p_value
