"""What this side cannot have now leaves its jobs owed; what there is not, or what changed, is skipped for good."""

import os
import platform
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.protocol import Facts, RuntimeOnBoard
from orchestrator import supply
from orchestrator.carriers import Carrier
from orchestrator.errors import DynofarmError, FileOutOfReach, RuntimeOutOfReach, RuntimeUnavailable
from orchestrator.events import Fetching
from orchestrator.launch import Outcome
from orchestrator.model_files import read_model
from orchestrator.records import RunFilter
from orchestrator.runs import Role, RunStatus
from orchestrator.supply import Supply
from orchestrator.sweep import RuntimeChoice
from tests.leaks import no_leaks
from tests.unit.this_machine import Bench

FACE = Path(__file__).parents[2] / "examples" / "models" / "face-detection.tflite"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with no_leaks():
        made = Bench.below(tmp_path)
        with made.store:
            yield made


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="LiteRT is built for two architectures")
def test_a_runtime_that_cannot_be_fetched_now_leaves_its_job_owed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [one for one in os.environ if one.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    model = read_model(FACE, "face")
    bench.store.add_model(model)
    sweep = bench.sweep(model, runtimes=(RuntimeChoice("litert"),), options=({},), repeats=2, reference=True)
    outcome = bench.launcher().launch(sweep, [model], [bench.device()])
    assert (outcome.counts, outcome.owed, outcome.exit_code) == ({RunStatus.LOST: 2}, 2, 1)
    (told,) = {run.message for run in bench.store.runs()}
    assert "is not in the cache, and no package index can be reached (PIP_NO_INDEX forbids it)" in told
    assert all("PIP_FIND_LINKS" in bench.store.run(run.job_id).run.detail for run in bench.store.runs())
    looks = bench.store.runs(RunFilter(roles=(Role.REFERENCE,)))
    assert {look.status for look in looks} == {RunStatus.SKIPPED}, "a look is about its moment"
    assert len(bench.told(Fetching)) == 1


def test_a_model_file_whose_disk_comes_back_is_measured_by_the_next_resume(bench: Bench) -> None:
    away, here = bench.model("away"), bench.model("here", note="another content, another hash")
    away.path.rename(bench.root / "elsewhere")
    outcome = bench.launcher().launch(bench.sweep(away, models=("away", "here")), [away, here], [bench.device()])
    assert outcome == Outcome(1, {RunStatus.OK: 1, RunStatus.LOST: 1}, 1)
    (lost,) = [run for run in bench.store.runs() if run.status is RunStatus.LOST]
    assert lost.message == f"{away.path}: No such file or directory"
    assert "dynofarm model add" in bench.store.run(lost.job_id).run.detail
    (bench.root / "elsewhere").rename(away.path)
    again = bench.launcher().resume(1, [bench.device()])
    assert (again, again.exit_code) == (Outcome(1, {RunStatus.OK: 2}, 0), 0)


def test_a_model_file_that_changed_is_skipped_for_good(bench: Bench) -> None:
    model = bench.model()
    model.path.write_text(model.path.read_text().replace("output", "outpux"))
    outcome = bench.launcher().launch(bench.sweep(model), [model], [bench.device()])
    assert (outcome, outcome.exit_code) == (Outcome(1, {RunStatus.SKIPPED: 1}, 0), 0)


class ScriptedShelf:
    """Has what its script says, one answer a question; the last for good."""

    def __init__(self, *answers: DynofarmError | Carrier) -> None:
        self._answers, self.asked = list(answers), 0

    def fetch(self, _choice: RuntimeChoice, _facts: Facts) -> Carrier:
        self.asked += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Carrier):
            return answer
        raise answer


AWAY = RuntimeOutOfReach("fake is not in the cache", "connect this machine once")
CARRIER = Carrier(RuntimeOnBoard("fake", None, "none"), None)


def outfit_often(bench: Bench, shelf: ScriptedShelf, times: int) -> list[str]:
    """What came of one job after another on one board: `ok`, or the message."""
    model, link = bench.model(), bench.link(bench.device())
    supplied, found = Supply([model], shelf, bench.notify), []
    session = link.open(0.0)
    assert link.facts is not None
    for number in range(times):
        job = bench.job(model, job_id=f"{number:032x}")
        try:
            supplied.outfit(session, link.facts, job, [job])
            found.append("ok")
        except RuntimeUnavailable as error:
            found.append(error.message)
    link.close(politely=True)
    return found


def test_what_is_out_of_reach_is_not_asked_for_again_within_the_minute(bench: Bench) -> None:
    shelf = ScriptedShelf(AWAY, CARRIER)
    assert outfit_often(bench, shelf, 3) == [AWAY.message] * 3
    assert shelf.asked == 1


def test_what_is_out_of_reach_is_asked_for_again_after_a_while(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supply, "ASK_AGAIN_S", 0.0)
    monkeypatch.setattr(supply, "ASK_AGAIN_TIMES", 0)
    shelf = ScriptedShelf(AWAY, AWAY, CARRIER)
    assert outfit_often(bench, shelf, 5) == [AWAY.message, AWAY.message, "ok", "ok", "ok"]
    assert shelf.asked == 3


def test_what_there_is_not_is_asked_for_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supply, "ASK_AGAIN_S", 0.0)
    monkeypatch.setattr(supply, "ASK_AGAIN_TIMES", 0)
    shelf = ScriptedShelf(RuntimeUnavailable("there is no wheel of fake"))
    assert outfit_often(bench, shelf, 3) == ["there is no wheel of fake"] * 3
    assert shelf.asked == 1


@pytest.mark.parametrize("fault", [FileNotFoundError(2, "No such file"), PermissionError(13, "Permission denied"),
                                   OSError(5, "Input/output error"), OSError(116, "Stale file handle")])  # fmt: skip
def test_a_file_that_cannot_be_opened_is_out_of_reach(fault: OSError) -> None:
    error = supply._unreadable(Path("/mnt/models/a.tflite"), fault)
    assert isinstance(error, FileOutOfReach)
    assert error.message == f"/mnt/models/a.tflite: {fault.strerror}"
