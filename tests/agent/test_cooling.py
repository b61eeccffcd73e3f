"""The thermal gate of a real agent, on recorded boards whose temperature changes while it waits."""

from pathlib import Path

import pytest

from agent.protocol import Acknowledge, JobResult, Probe, Probed, Result, RunJob, ThermalGate
from tests.agent.serving import FolderBoard, make_job
from tests.agent.trees import lay_out, write

ZONE = "/sys/class/thermal/thermal_zone0"
POLL_S = 0.05


@pytest.fixture
def root(tmp_path: Path) -> str:
    """A Raspberry Pi at 48.3 °C."""
    return lay_out("raspberry-pi-4", tmp_path / "pi")


def gate(start_c: float | None, limit_s: float = 60.0) -> ThermalGate:
    return ThermalGate(start_c, poll_s=POLL_S, limit_s=limit_s)


def measured(board: FolderBoard, root: str, thermal: ThermalGate) -> tuple[JobResult, list[str]]:
    talk = board.serve(root)
    result: JobResult = talk.run(make_job(thermal=thermal), Result).result
    return result, [stage.name for stage in talk.stages]


@pytest.mark.parametrize(("start_c", "state"), [(48.312, "cool"), (50.0, "cool"), (None, "off")])
def test_a_cool_board_is_not_kept_waiting(board: FolderBoard, root: str, start_c: float | None, state: str) -> None:
    result, stages = measured(board, root, gate(start_c))
    assert "cooling" not in stages
    assert result.thermal_wait_s < POLL_S
    assert result.details["thermal_gate"] == state


def test_a_warm_board_waits_until_it_is_cool_and_still_hears_its_orchestrator(
    other_board: FolderBoard, root: str
) -> None:
    talk = other_board.serve(root, heartbeat_s=0.05)
    talk.say(RunJob(make_job(thermal=gate(45.0))))
    talk.wait_for_stage("cooling")
    before = len(talk.heartbeats)
    write(root, f"{ZONE}/temp", "46000\n")
    while len(talk.heartbeats) < before + 5:
        talk.process.poll()
    assert [stage.name for stage in talk.stages] == ["cooling"], "46 is not yet 45"
    write(root, f"{ZONE}/temp", "44900\n")
    result = talk.hear(Result).result
    assert result.details["thermal_gate"] == "cool"
    assert result.thermal_wait_s >= POLL_S
    assert result.conditions_before.temperatures_c == {"cpu-thermal": 44.9}


def test_a_board_that_stays_warm_is_measured_all_the_same_and_says_so(board: FolderBoard, root: str) -> None:
    result, stages = measured(board, root, gate(20.0, limit_s=0.3))
    assert stages[0] == "cooling"
    assert result.thermal_wait_s >= 0.3
    assert result.details["thermal_gate"] == "gave up"


def test_a_board_without_a_sensor_is_not_kept_waiting_and_says_so(board: FolderBoard, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for thermal in (gate(20.0), gate(None)):
        result, stages = measured(board, str(bare), thermal)
        assert "cooling" not in stages
        assert result.details["thermal_gate"] == "no sensor"
        assert result.conditions_before.temperatures_c == {}
        board.talks[-1].close()


def test_a_sensor_that_falls_silent_ends_the_wait(board: FolderBoard, root: str) -> None:
    talk = board.serve(root)
    talk.say(RunJob(make_job(thermal=gate(20.0))))
    talk.wait_for_stage("cooling")
    Path(f"{root}{ZONE}/temp").unlink()
    result = talk.hear(Result).result
    assert result.details["thermal_gate"] == "no sensor"
    assert result.thermal_wait_s > 0


def test_a_job_that_still_waits_is_given_up_at_no_loss_when_the_orchestrator_leaves(
    board: FolderBoard, root: str
) -> None:
    talk = board.serve(root)
    talk.say(RunJob(make_job(thermal=gate(20.0))))
    talk.wait_for_stage("cooling")
    talk.hang_up()
    assert talk.exit_code() == 0
    assert board.spooled() == []


def test_the_recorded_board_is_the_one_that_is_probed(board: FolderBoard, root: str) -> None:
    probed = board.serve(root).ask(Probe(), Probed)
    assert probed.facts.board == "Raspberry Pi 4 Model B Rev 1.4"
    assert probed.conditions.temperatures_c == {"cpu-thermal": 48.312}


def test_the_processors_that_a_job_ran_on_stand_in_its_details(board: FolderBoard, root: str) -> None:
    talk = board.serve(root)
    usable = talk.ask(Probe(), Probed).facts.usable_cpus
    assert talk.run(make_job("free"), Result).result.details["cpus"] == usable
    pinned = talk.run(make_job("pinned", cpu_affinity=[usable[-1]]), Result).result
    assert pinned.details["cpus"] == [usable[-1]]


def test_what_was_confirmed_behind_a_job_that_waits_still_counts_when_the_link_ends(
    board: FolderBoard, root: str
) -> None:
    (board.work / "spool" / "former.json").write_bytes(b"a result")
    talk = board.serve(root)
    talk.say(RunJob(make_job(thermal=gate(20.0))))
    talk.wait_for_stage("cooling")
    for message in (Acknowledge("former"), RunJob(make_job("next", thermal=gate(20.0)))):
        talk.say(message)
    talk.hang_up()
    assert talk.exit_code() == 0
    assert board.spooled() == []
