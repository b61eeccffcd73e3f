"""When what a board measured is committed: while the next job starts, unless somebody waits for it."""

import pytest

from orchestrator.conversation import Stopped
from orchestrator.devices import Link
from orchestrator.errors import BoardLost, StoreError
from orchestrator.runs import Job, Run
from tests.making import make_result
from tests.unit.scheduling import FakeLink, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


def diary_of(stage: Stage, link: FakeLink, *others: FakeLink, jobs: int = 3) -> list[str]:
    stage.ledger.diaries = [link.diary]
    stage.play(link, *others, jobs=jobs)
    return link.diary


OVERLAPPED = [
    "order a-0",
    "result a-0",
    "order a-1",
    "save a-0",
    "result a-1",
    "acknowledge a-0",
    "order a-2",
    "save a-1",
    "result a-2",
    "save a-2",
    "acknowledge a-1",
    "acknowledge a-2",
]
ONE_BY_ONE = [f"{what} a-{number}" for number in range(3) for what in ("order", "result", "save", "acknowledge")]


def test_a_result_is_committed_while_the_worker_of_the_next_job_starts(stage: Stage) -> None:
    assert diary_of(stage, FakeLink("a")) == OVERLAPPED


def test_nothing_is_said_to_a_board_between_an_order_and_its_result(stage: Stage) -> None:
    diary = diary_of(stage, FakeLink("a"), jobs=6)
    for number in range(6):
        between = diary[diary.index(f"order a-{number}") + 1 : diary.index(f"result a-{number}")]
        assert not [line for line in between if line.startswith("acknowledge")]


@pytest.mark.parametrize(
    "changes",
    [{"relay": True, "site": "lab"}, {"push_while_measuring": True}, {"link": Link.LOCAL}],
    ids=["a relay", "a board that is pushed to meanwhile", "this machine"],
)
def test_a_board_whose_processors_have_other_work_is_committed_for_before_the_next_job(
    stage: Stage, changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.schedule.drive.Drive._look_ahead", lambda *_: None)
    assert diary_of(stage, FakeLink("a", **changes)) == ONE_BY_ONE


def test_boards_of_one_machine_are_committed_for_before_the_next_has_its_turn(stage: Stage) -> None:
    diary = diary_of(stage, FakeLink("a", group="one"), FakeLink("b", group="one"), jobs=2)
    ours = [line for line in diary if " a-" in line]
    assert ours == ONE_BY_ONE[:8]


def test_what_tells_the_next_thermal_gate_something_is_committed_first(stage: Stage) -> None:
    link = FakeLink("a")
    link.details = {"thermal_gate": "gave up"}
    assert diary_of(stage, link) == ONE_BY_ONE


def test_before_a_push_it_is_committed(stage: Stage) -> None:
    stage.lacks = {"a-1": [5_000_000]}
    diary = diary_of(stage, FakeLink("a"))
    assert diary.index("save a-0") < diary.index("acknowledge a-0") < diary.index("order a-1")


@pytest.mark.parametrize("cause", [BoardLost("a", "a: the link broke"), Stopped()], ids=["lost", "stopped"])
def test_what_was_measured_is_committed_when_the_next_job_is_not_ordered(stage: Stage, cause: Exception) -> None:
    link = FakeLink("a")
    ordered = link.order

    def order(job: Job) -> None:
        if job.job_id == "a-1" and link.opened == 1:
            stage.stop.set()
            raise cause
        ordered(job)

    link.order = order
    diary = diary_of(stage, link)
    assert "save a-0" in diary
    assert ("acknowledge a-0" in diary) == isinstance(cause, Stopped), "a lost board tells of it once more"


def test_a_board_that_does_not_hear_the_acknowledgement_is_lost_only_by_its_next_job(stage: Stage) -> None:
    link = FakeLink("a")

    def acknowledge(_job_id: str) -> None:
        raise BoardLost("a", "a: the link broke")

    link.acknowledge = acknowledge
    diary = diary_of(stage, link)
    assert [line for line in diary if line.startswith("save")] == ["save a-0", "save a-1", "save a-2"]
    assert stage.ledger.faults == []


def test_a_store_that_is_full_ends_the_sweep_and_the_board_is_told_nothing(stage: Stage) -> None:
    link = FakeLink("a")

    def save_run(_run: Run) -> bool:
        raise StoreError("no room", "free some")

    stage.ledger.save_run = save_run
    with pytest.raises(StoreError, match="no room"):
        stage.play(link, jobs=3)
    assert link.diary == ["order a-0", "result a-0", "order a-1"]
    assert make_result("a-0").job_id == "a-0"
