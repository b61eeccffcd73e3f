"""Governor and clock: set when asked, on all policies or on none, and only to what the board knows."""

from pathlib import Path

import pytest

from agent import tuning, writing
from agent.places import Places
from agent.protocol import Bye, Probe, Probed, Tune, Tuned
from tests.agent.clocks import (
    ALL_FAST,
    ALL_FIXED,
    CPUFREQ,
    FAST,
    FIXED,
    FOUND,
    GOVERNOR,
    MAX,
    MIN,
    clock_file,
    lay_out_clocks,
    now,
    start,
)
from tests.agent.serving import FolderBoard
from tests.agent.trees import write


@pytest.fixture
def root(tmp_path: Path) -> str:
    return lay_out_clocks(tmp_path / "board")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(str(tmp_path / "work"))
    found.make()
    return found


def test_a_governor_and_a_clock_are_set_on_all_policies_and_put_back_at_the_end(
    other_board: FolderBoard, root: str
) -> None:
    talk = start(other_board, root)
    assert talk.ask(FIXED, Tuned) == Tuned({"governor": "performance", "clock_khz": "1036800"})
    assert now(root) == ALL_FIXED
    assert talk.ask(Probe(), Probed).conditions.governor == "performance"
    talk.say(Bye())
    assert talk.exit_code() == 0
    assert now(root) == FOUND
    assert not (other_board.work / "restore.json").exists()


def test_nothing_is_touched_unless_it_is_asked_for(board: FolderBoard, root: str) -> None:
    talk = start(board, root)
    assert talk.ask(Tune(None, None), Tuned) == Tuned({})
    assert not (board.work / "restore.json").exists()
    assert now(root) == FOUND


@pytest.mark.parametrize("clock_khz", [115200, 1036800, 1510400])
@pytest.mark.parametrize(("least", "greatest"), [("115200", "115200"), ("1510400", "1510400"), ("600000", "1200000")])
def test_the_least_clock_never_passes_the_greatest_on_the_way(
    root: str, monkeypatch: pytest.MonkeyPatch, clock_khz: int, least: str, greatest: str
) -> None:
    """Older kernels refuse a step that would make the least clock higher than the greatest."""
    begin = {MIN: least, MAX: greatest}
    for file, value in begin.items():
        for policy in ("policy0", "policy4"):
            write(root, f"{CPUFREQ}/{policy}/{file}", value)
    policies = [f"{CPUFREQ}/policy0", f"{CPUFREQ}/policy4"]
    there = {policy: {MIN: str(clock_khz), MAX: str(clock_khz)} for policy in policies}
    back = dict.fromkeys(policies, begin)
    for wanted in (there, back):
        for path, value in tuning._steps(root, wanted):
            write(root, path, value)
            for policy in policies:
                low, high = (int(Path(f"{root}{policy}/{file}").read_text()) for file in (MIN, MAX))
                assert low <= high, f"{path} = {value}"
    assert {Path(f"{root}{policy}/{MIN}").read_text() for policy in policies} == {least}


def test_what_holds_already_needs_no_rights(places: Places, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    tuning.tune(places, FAST, root)
    monkeypatch.setattr(writing, "_write", lambda *_: pytest.fail("nothing needs to be written"))
    assert tuning.tune(places, FAST, root) == Tuned({"governor": "performance"})


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Tune("turbo", None), "policy0 knows performance, schedutil, userspace; ask for one of these"),
        (Tune("a b\n", None), "it is no governor; correct the profile"),
        (Tune(None, 50), "policy0 goes from 115200 to 1510400 kHz; ask for a clock in between"),
        (Tune(None, 2200000), "policy0 goes from 115200 to 1510400 kHz; ask for a clock in between"),
        (Tune(None, -1), "it is no clock_khz; correct the profile"),
    ],
)
def test_what_the_board_does_not_know_is_refused_with_what_it_knows(
    places: Places, root: str, request_: Tune, words: str
) -> None:
    tuned = tuning.tune(places, request_, root)
    assert tuned.applied == {}
    assert tuned.refused.endswith(words)
    assert now(root) == FOUND


def test_of_two_wishes_one_may_hold(places: Places, root: str) -> None:
    write(root, f"{CPUFREQ}/policy4/scaling_available_frequencies", "600000 1200000 1036800\n")
    write(root, f"{CPUFREQ}/policy0/scaling_available_frequencies", "600000 900000 1200000\n")
    tuned = tuning.tune(places, FIXED, root)
    assert tuned.applied == {"governor": "performance"}
    assert tuned.refused == "not set: clock_khz 1036800: policy0 knows 600000, 900000, 1200000; ask for one of these"
    assert now(root) == ALL_FAST


def test_a_board_without_cpufreq_says_so(places: Places, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    assert tuning.tune(places, FIXED, str(tmp_path / "bare")) == Tuned(
        {}, "this board has no cpufreq, its clock sets itself: take governor and clock_khz out"
    )


def test_a_setting_that_one_policy_cannot_have_is_taken_back_from_the_others(places: Places, root: str) -> None:
    clock_file(root, "policy4", GOVERNOR).unlink()
    tuned = tuning.tune(places, FAST, root)
    assert tuned.applied == {}
    assert "the kernel made nothing of it on policy4" in tuned.refused
    assert clock_file(root, "policy0", GOVERNOR).read_text() == "schedutil"


def test_a_file_that_is_none_is_refused_and_the_others_are_put_back(places: Places, root: str) -> None:
    path = clock_file(root, "policy4", GOVERNOR)
    path.unlink()
    path.mkdir()
    tuned = tuning.tune(places, FAST, root)
    assert tuned.applied == {}
    assert "Is a directory" in tuned.refused
    assert clock_file(root, "policy0", GOVERNOR).read_text() == "schedutil"
    path.rmdir()
    tuning.restore(places, root)
    assert not Path(places.restore).exists()


def test_without_a_place_to_note_what_was_there_nothing_is_changed(places: Places, root: str) -> None:
    Path(places.incoming).rmdir()
    tuned = tuning.tune(places, FAST, root)
    assert tuned.applied == {}
    assert "cannot be noted first (No such file or directory)" in tuned.refused
    assert now(root) == FOUND
