"""The farm's folder: found from below, made once, never overwritten."""

import os
from pathlib import Path

import pytest

from orchestrator.devices import Link
from orchestrator.errors import UsageError
from orchestrator.farm import Farm, find_farm, init_farm
from orchestrator.profiles import load_profiles
from orchestrator.sweep_files import load_sweep


@pytest.fixture(autouse=True)
def no_database_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DYNOFARM_DB", raising=False)


def test_a_farm_is_made_with_an_example_of_everything(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "farm"
    made = [str(path.relative_to(root)) for path in init_farm(root)]
    assert made == [
        ".",
        "device_profiles",
        "sweeps",
        "device_profiles/README.md",
        "device_profiles/local.yaml",
        "sweeps/example.yaml",
    ]
    (device,) = load_profiles(root / "device_profiles")
    assert (device.name, device.link) == ("local", Link.LOCAL)
    assert load_sweep(root / "sweeps" / "example.yaml").on == ("all",)


def test_a_second_init_makes_nothing_and_touches_nothing(tmp_path: Path) -> None:
    init_farm(tmp_path)
    for path in tmp_path.rglob("*.*"):
        path.write_text("mine")
    assert init_farm(tmp_path) == []
    assert {path.read_text() for path in tmp_path.rglob("*.*")} == {"mine"}


def test_an_example_that_was_removed_does_not_come_back_beside_others(tmp_path: Path) -> None:
    init_farm(tmp_path)
    (tmp_path / "device_profiles" / "local.yaml").rename(tmp_path / "device_profiles" / "kitchen.yaml")
    (tmp_path / "sweeps" / "example.yaml").rename(tmp_path / "sweeps" / "mine.yaml")
    (tmp_path / "device_profiles" / "README.md").unlink()
    assert init_farm(tmp_path) == [tmp_path / "device_profiles" / "README.md"]


def test_a_dangling_link_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "device_profiles").mkdir()
    (tmp_path / "device_profiles" / "README.md").symlink_to(tmp_path / "nowhere")
    assert tmp_path / "device_profiles" / "README.md" not in init_farm(tmp_path)
    assert not (tmp_path / "nowhere").exists()


def test_a_file_in_place_of_a_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "device_profiles").write_text("")
    with pytest.raises(UsageError) as caught:
        init_farm(tmp_path)
    assert caught.value.message == "device_profiles: found something that is not a folder"


def test_a_farm_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be made: Not a directory"):
        init_farm(tmp_path / "file" / "farm")


def test_a_farm_is_found_from_any_folder_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    init_farm(tmp_path)
    below = tmp_path / "sweeps" / "old" / "2026"
    below.mkdir(parents=True)
    wanted = Farm(
        root=tmp_path,
        profiles=tmp_path / "device_profiles",
        sweeps=tmp_path / "sweeps",
        database=tmp_path / "results.db",
        known_hosts=tmp_path / "known_hosts",
        cache=tmp_path / "cache" / "dynofarm" / "orchestrator",
    )
    assert find_farm(tmp_path) == find_farm(below) == wanted


def test_the_nearest_farm_wins(tmp_path: Path) -> None:
    init_farm(tmp_path)
    init_farm(tmp_path / "inner")
    assert find_farm(tmp_path / "inner" / "sweeps").root == tmp_path / "inner"


def test_a_file_named_like_the_folder_is_no_farm(tmp_path: Path) -> None:
    init_farm(tmp_path)
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "device_profiles").write_text("")
    assert find_farm(inner).root == tmp_path


def test_no_farm_is_told_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no farm in .* nor in any folder above it") as caught:
        find_farm(tmp_path)
    assert caught.value.hint == "make one here with: dynofarm init"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: there is no such folder"):
        find_farm(tmp_path / "nowhere")


def test_the_database_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init_farm(tmp_path)
    monkeypatch.setenv("DYNOFARM_DB", "from_environment.db")
    assert find_farm(tmp_path).database == tmp_path / "from_environment.db"
    assert find_farm(tmp_path / "sweeps", "own.db").database == tmp_path / "sweeps" / "own.db"
    assert find_farm(tmp_path, "/else/where.db").database == Path("/else/where.db")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert find_farm(tmp_path, "~/x.db").database == tmp_path / "home" / "x.db"
    monkeypatch.setenv("DYNOFARM_DB", "")
    assert find_farm(tmp_path).database == tmp_path / "results.db"


def test_a_farm_of_another_user_is_used_only_when_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init_farm(tmp_path)
    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    if tmp_path.stat().st_uid == 0:
        assert find_farm(below).root == tmp_path, "what belongs to root is trusted"
        os.chown(tmp_path, 65534, 65534)
    with pytest.raises(UsageError, match="belongs to another user") as caught:
        find_farm(below)
    assert f"dynofarm -C {tmp_path}" in caught.value.hint
    assert find_farm(tmp_path).root == tmp_path
