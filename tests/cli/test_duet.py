"""`dynofarm duet` on this machine as a board: a real agent, the fake runtime."""

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.protocol import MeasureProtocol
from orchestrator.cli import duet as duet_verb
from orchestrator.duet import PlayedDuet, compare_duets
from orchestrator.errors import BoardLost
from orchestrator.report.duet import duet_sentence
from orchestrator.session import AgentSession
from orchestrator.visits import duet as visit
from orchestrator.visits.duet import Performance
from tests.cli.conftest import Dynofarm
from tests.making import make_job

BRIEF = ("--on", "local", "--seconds", "0.5", "--slice-ms", "2", "--duets", "3", "--runtime-a", "fake")


@pytest.fixture(autouse=True)
def brief_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "WARM_UP", MeasureProtocol("duet", 2, 0.0, 0.05, 1, 0.0, 0.0))


@pytest.fixture
def bench(dynofarm: Dynofarm, farm: Path, fake_model: Path, tmp_path: Path) -> Path:
    """A farm with this machine and the fake model."""
    dynofarm("device", "edit", "local", "--set", f"work_dir={tmp_path / 'work'}").ok()
    dynofarm("model", "add", str(fake_model), "--no-reference").ok()
    return farm


def test_the_faster_of_two_is_said_and_every_duet_is_shown(dynofarm: Dynofarm, bench: Path) -> None:
    said = dynofarm("duet", "fake", "fake", *BRIEF, "--option-a", "sleep_ms=2", "--option-b", "sleep_ms=0.5").ok()
    assert "B (fake, fake 1, xnnpack, 1 thread, sleep_ms=0.5) is faster than A (fake, fake 1, xnnpack" in said.err
    assert said.err.rstrip().endswith("3 duets")
    lines = said.out.splitlines()
    assert lines[0].split()[:2] == ["duet", "A"]
    assert len(lines) == 4


def test_json_holds_sides_duets_and_answer_and_nothing_is_stored(dynofarm: Dynofarm, bench: Path) -> None:
    said = dynofarm("duet", "fake", "fake", *BRIEF, "--option-b", "sleep_ms=3", "--json", "--quiet").ok()
    told = said.json
    assert said.err == ""
    assert told["device"] == "local"
    assert told["sides"]["A"]["options"] == {}
    assert told["sides"]["B"]["options"] == {"sleep_ms": 3}
    assert told["sides"]["B"]["runtime_version"] == "1"
    assert told["comparison"]["answer"] == "slower"
    assert told["comparison"]["ratio"] > 1.5
    assert told["failure"] is None
    assert [set(one) for one in told["duets"]] == [{"ratio", "low", "high", "rounds", "a_ns", "b_ns"}] * 3
    assert len(told["cpus"]) == 1
    assert dynofarm("sweeps", "--json").ok().json == []


def test_models_that_take_other_inputs_are_compared_and_it_is_told(
    dynofarm: Dynofarm, bench: Path, fake_model: Path
) -> None:
    wider = fake_model.with_name("wider.json")
    wider.write_text(fake_model.read_text().replace("[1, 4]", "[1, 16]"))
    dynofarm("model", "add", str(wider), "--no-reference").ok()
    told = "the inputs differ: A takes float32 1x4; B takes float32 1x16"
    assert f"note: {told}" in dynofarm("duet", "fake", "wider", *BRIEF, "--threshold", "50%").ok().err
    found = dynofarm("duet", "fake", "fake", *BRIEF, "--json", "--threshold", "0.5").ok().json
    assert (found["notes"], found["comparison"]["threshold"]) == ([], 0.5)


def test_a_side_that_fails_is_an_exit_code_and_a_sentence(dynofarm: Dynofarm, bench: Path) -> None:
    said = dynofarm("duet", "fake", "fake", *BRIEF, "--option-b", "crash=exit").failed(1)
    assert "duet 1: B failed: crashed, the worker ended with exit code 3" in said.err
    assert said.out == ""
    told = dynofarm("duet", "fake", "fake", *BRIEF, "--option-a", "rejected=true", "--json").failed(1).json
    assert told["comparison"] is None
    assert "duet 1: A failed: rejected" in told["failure"]


NONSENSE = (
    (("fake", "fake", "--on", "kitchn"), "no board matches 'kitchn'"),
    (("fake", "nothing", "--on", "local"), "there is no model 'nothing'"),
    (("fake", "fake", "--on", "local", "--runtime-b", "fake,litert"), "means 2 cases"),
    (("fake", "fake", "--on", "local", "--option-a", "sleep_ms=1,2"), "means 2 cases"),
    (("fake", "fake", "--on", "local", "--option-a", "sleep_ms"), "KEY=VALUE"),
    (("fake", "fake", "--on", "local", "--delegate-b", "xnnpack,none"), "B: fake with these options means 2 cases"),
    (("fake", "fake", "--on", "local", "--delegate-b", "gpu"), "B: --delegates"),
    (("fake", "fake", "--on", "local", "--runtime-a", "no-such"), "no-such"),
    (("fake", "fake", "--on", "local", "--duets", "2"), "--duets"),
    (("fake", "fake", "--on", "local", "--seconds", "0"), "--seconds"),
    (("fake", "fake", "--on", "local", "--threshold", "5"), "is not a share"),
    (("fake", "fake", "--on", "local", "--threshold=-5%"), "is not a share"),
    (("fake", "fake", "--on", "local", "--wait", "soon"), "--wait: 'soon' is not a duration"),
    (("fake", "fake", "--on", "local"), "A, fake, cannot run on local"),
    (("fake", "fake"), "--on"),
    (("fake", "--on", "local"), "B"),
)


def test_what_makes_no_sense_is_said(dynofarm: Dynofarm, bench: Path) -> None:
    for words, told in NONSENSE:
        assert told in dynofarm("duet", *words).failed(2).err, words


def test_a_duet_is_played_on_one_board(dynofarm: Dynofarm, bench: Path) -> None:
    (bench / "device_profiles" / "attic.yaml").write_text("host: 10.0.0.9\nuser: pi\n")
    assert "--on all means attic, local" in dynofarm("duet", "fake", "fake", "--on", "all").failed(2).err


def test_a_duet_that_is_stopped_says_what_there_is(
    dynofarm: Dynofarm, bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, asked = AgentSession.duet, []

    def duet(session: AgentSession, wanted: Any, on_stage: Any) -> Any:
        asked.append(wanted)
        if len(asked) == 2:
            signal.raise_signal(signal.SIGINT)
        return whole(session, wanted, on_stage)

    monkeypatch.setattr(AgentSession, "duet", duet)
    said = dynofarm("duet", "fake", "fake", *BRIEF).failed(duet_verb.STOPPED)
    assert "stopping" in said.err
    assert len(said.out.splitlines()) == 2


@pytest.mark.parametrize("lost_at", [1, 2])
def test_a_lost_board_is_not_answered_with_going_on_with_some_sweep(
    dynofarm: Dynofarm, bench: Path, monkeypatch: pytest.MonkeyPatch, lost_at: int
) -> None:
    whole, asked = AgentSession.duet, []

    def duet(session: AgentSession, wanted: Any, on_stage: Any) -> Any:
        asked.append(wanted)
        if len(asked) == lost_at:
            raise BoardLost("local", "local: gone", "look at its power and network, then: dynofarm run --resume")
        return whole(session, wanted, on_stage)

    monkeypatch.setattr(AgentSession, "duet", duet)
    said = dynofarm("duet", "fake", "fake", *BRIEF).failed(4)
    assert "local: gone" in said.err
    assert "next: look at its power and network, then: dynofarm duet …" in said.err
    assert len(said.out.splitlines()) == (2 if lost_at == 2 else 0)


@pytest.mark.parametrize(
    ("ratios", "told"),
    [
        ((1.0, 1.001, 0.999), "is as fast as A (bert, litert, xnnpack, 1 thread) within 5 %: B/A 1.000 ["),
        ((1.2, 1.21, 1.19), "is slower than A"),
        ((0.8, 0.81, 0.79), "is faster than A"),
        ((0.8, 1.3, 1.0), "it is not clear whether B"),
        ((1.0, 1.0, 1.0), "[1.000, 1.000], 3 duets"),
    ],
)
def test_each_answer_has_a_sentence(ratios: tuple[float, ...], told: str) -> None:
    duets = tuple(PlayedDuet(ratio, None, None, 5, 1e6, 1e6 * ratio) for ratio in ratios)
    performance = Performance((make_job(), make_job()), duets=duets)
    assert told in duet_sentence("kitchen", performance, compare_duets(duets, 0.05))
    emulated = replace(performance, emulated="qemu")
    assert duet_sentence("kitchen", emulated, compare_duets(duets, 0.05)).find("emulated (qemu)") > 0


def test_a_board_that_would_need_a_thousand_duets_is_told_so() -> None:
    duets = tuple(PlayedDuet(ratio, None, None, 5, 1e6, 1e6) for ratio in (0.01, 100.0, 1.0))
    performance = Performance((make_job(), make_job()), duets=duets)
    assert "more of them would not tell" in duet_sentence("kitchen", performance, compare_duets(duets, 0.05))
