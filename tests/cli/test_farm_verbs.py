"""`init`, `device …` and `model …` where no board is needed."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import typer

from orchestrator.cli import console
from orchestrator.store import Store
from tests.cli.conftest import Dynofarm
from tests.making import MOMENT, make_conditions, make_facts, make_model


def register(farm: Path, name: str = "kitchen", text: str = "host: 10.0.0.4\nuser: pi\n") -> Path:
    path = farm / "device_profiles" / f"{name}.yaml"
    path.write_text(text)
    return path


def remember(farm: Path, name: str) -> None:
    with Store.open(farm / "results.db", create=True) as store:
        store.remember_facts(name, make_facts(), make_conditions(), MOMENT)


# -------------------------------------------------------------------------------------------------------- init


def test_init_says_what_it_made_and_what_comes_next(dynofarm: Dynofarm, empty: Path) -> None:
    said = dynofarm("init").ok()
    for made in (
        "made device_profiles\n",
        "made sweeps/example.yaml\n",
        "made results.db\n",
        "next: dynofarm device add",
    ):
        assert made in said.err
    assert said.out == ""
    assert (empty / "results.db").exists()
    again = dynofarm("init").ok()
    assert "farm is a farm already; nothing was changed" in again.err


def test_init_elsewhere_says_to_go_there(dynofarm: Dynofarm, empty: Path) -> None:
    assert "next: cd my-farm, then dynofarm device add" in dynofarm("init", "my-farm").ok().err
    assert (empty / "my-farm" / "results.db").exists()


def test_init_in_json_is_nothing_but_json(dynofarm: Dynofarm, empty: Path, tmp_path: Path) -> None:
    database = tmp_path / "elsewhere.db"
    made = dynofarm("--db", str(database), "init", "--json").ok()
    assert made.json["farm"] == str(empty)
    assert made.json["database"] == str(database)
    assert str(empty / "device_profiles") in made.json["made"]
    assert made.err == ""
    assert dynofarm("--db", str(database), "init", "--json").ok().json["made"] == []


def test_init_where_a_file_is_in_the_way_says_so(dynofarm: Dynofarm, empty: Path) -> None:
    (empty / "sweeps").write_text("mine")
    assert "found something that is not a folder" in dynofarm("init").failed(2).err


def test_the_database_may_lie_elsewhere(
    dynofarm: Dynofarm, farm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYNOFARM_DB", str(tmp_path / "other.db"))
    said = dynofarm("results").failed(4)
    assert f"there is no results database at {tmp_path / 'other.db'}" in said.err
    assert "there is no results database" in dynofarm("run", "--resume").failed(4).err
    assert not (tmp_path / "other.db").exists(), "who looks for what is stored makes no database"
    dynofarm("init").ok()
    dynofarm("results").ok()
    dynofarm("--db", str(farm / "results.db"), "results").ok()


def test_a_database_that_is_none_is_named(dynofarm: Dynofarm, farm: Path) -> None:
    (farm / "results.db").write_text("not a database, but long enough to be read")
    for words in (("results",), ("sql", "select 1")):
        assert "is not an SQLite database" in dynofarm(*words).failed(4).err


# ------------------------------------------------------------------------------------------------ list and show


def test_boards_are_listed_with_what_was_seen_of_them(dynofarm: Dynofarm, farm: Path) -> None:
    register(farm)
    assert "none was seen yet; next: dynofarm device check" in dynofarm("device", "list").ok().err
    remember(farm, "kitchen")
    said = dynofarm("device", "list").ok()
    assert "Raspberry Pi 4 Model B" in said.out
    assert said.err == ""
    rows = dynofarm("device", "list", "--json").ok().json
    assert [(row["device"], row["cores"]) for row in rows] == [("kitchen", 4), ("local", None)]


def test_a_farm_without_boards_names_the_next_step(dynofarm: Dynofarm, farm: Path) -> None:
    (farm / "device_profiles" / "local.yaml").unlink()
    assert "next: dynofarm device add NAME USER@HOST" in dynofarm("device", "list").ok().err
    assert dynofarm("device", "list", "--json").ok().json == []
    assert "no board is registered yet" in dynofarm("device", "check").failed(2).err


def test_a_farm_that_was_just_checked_out_has_no_database_and_lists_its_boards(dynofarm: Dynofarm, farm: Path) -> None:
    for path in farm.glob("results.db*"):
        path.unlink()
    assert "not seen yet" in dynofarm("device", "list").ok().out
    assert not (farm / "results.db").exists()


def test_facts_that_a_view_cannot_give_come_from_the_store(dynofarm: Dynofarm, farm: Path) -> None:
    """As an older version wrote them: a key too few."""
    remember(farm, "local")
    with closing(sqlite3.connect(farm / "results.db")) as connection, connection:
        connection.execute("UPDATE facts SET content = json_remove(content, '$.emulated')")
    connection.close()
    assert dynofarm("device", "list", "--json").ok().json[0]["board"] == "Raspberry Pi 4 Model B Rev 1.4"


def test_one_board_is_shown(dynofarm: Dynofarm, farm: Path) -> None:
    register(farm, text="host: 10.0.0.4\nnotes: '[red]x[/red]'\n")
    assert "[red]x[/red]" in dynofarm("device", "show", "kitchen").ok().out
    shown = dynofarm("device", "show", "kitchen", "--json").ok().json
    assert shown["file"].endswith("device_profiles/kitchen.yaml")
    assert (shown["profile"]["host"], shown["facts"]) == ("10.0.0.4", None)


def test_a_mistyped_board_is_answered_with_the_nearest(dynofarm: Dynofarm, farm: Path) -> None:
    assert "did you mean local?" in dynofarm("device", "show", "locla").failed(2).err
    assert "no board matches 'locla'; there are: local" in dynofarm("device", "check", "locla").failed(2).err
    said = dynofarm("device", "check", "arch:riscv").failed(2)
    assert "an architecture is known once a board was seen" in said.err
    assert "no board is named" in dynofarm("device", "check", ",").failed(2).err


def test_a_wrong_profile_is_named_with_its_line(dynofarm: Dynofarm, farm: Path) -> None:
    register(farm, text="host: 10.0.0.4\nusr: pi\n")
    said = dynofarm("device", "list").failed(2)
    assert "kitchen.yaml:2:1: usr" in said.err
    assert "user" in said.err


# -------------------------------------------------------------------------------------- add, trust, edit, remove


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("kitchen",), "where is the board? Give its address, or --local"),
        (("kitchen", "pi@h", "--local"), "an address or --local, not both"),
        (("a/b", "--local"), "'a/b' cannot name a device"),
        (("[red]", "--local"), "'[red]' cannot name a device"),
        (("all", "--local"), "'all' cannot name a device"),
        (("local", "--local"), "this profile exists already"),
        (("kitchen", "pi@h", "--kind", "toy"), "kind: found 'toy', allowed: real, loopback or emulated"),
        (("kitchen", "pi@h:99999"), "port"),
    ],
)
def test_what_cannot_be_added_is_refused_before_anything_happens(
    dynofarm: Dynofarm, farm: Path, words: tuple[str, ...], told: str
) -> None:
    before = sorted(farm.rglob("*"))
    said = dynofarm("device", "add", *words).failed(2)
    assert told in said.err
    assert "next: " in said.err
    assert sorted(farm.rglob("*")) == before


def test_a_board_may_be_added_without_asking_it(dynofarm: Dynofarm, farm: Path) -> None:
    said = dynofarm("device", "add", "bench", "--local", "--no-check", "--tag", "lab", "--json").ok()
    assert said.json == {
        "device": "bench",
        "file": str(farm / "device_profiles" / "bench.yaml"),
        "accepted": [],
        "check": None,
    }
    assert "next: dynofarm device check desk" in dynofarm("device", "add", "desk", "--local", "--no-check").ok().err


def test_this_machine_has_no_host_key_to_trust(dynofarm: Dynofarm, farm: Path) -> None:
    assert "it has no host key to accept" in dynofarm("device", "trust", "local").failed(2).err


def test_keys_are_changed_from_the_command_line(dynofarm: Dynofarm, farm: Path) -> None:
    path = register(farm, text="# my board\nhost: 10.0.0.4\n")
    said = dynofarm("device", "edit", "kitchen", "--set", "user=pi", "--set", "tags=[a, b]").ok()
    assert "profile changed; next: dynofarm device check kitchen" in said.err
    assert path.read_text().startswith("# my board\n")
    assert "nothing was changed" in dynofarm("device", "edit", "kitchen", "--set", "user=pi").ok().err
    before = path.read_bytes()
    for change in ("port=x", "nokey=1", "nothing", "tags=[a"):
        dynofarm("device", "edit", "kitchen", "--set", change).failed(2)
    assert path.read_bytes() == before


def editor(tmp_path: Path, script: str) -> str:
    """A program that edits the file it is given."""
    path = tmp_path / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_good_edit_takes_the_place_of_the_profile(
    dynofarm: Dynofarm, farm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = register(farm)
    monkeypatch.setenv("EDITOR", editor(tmp_path, 'echo "# seen" >> "$1"'))
    assert "profile changed" in dynofarm("device", "edit", "kitchen").ok().err
    assert path.read_text().endswith("# seen\n")
    monkeypatch.setenv("VISUAL", f"{editor(tmp_path, ':')} --wait")
    assert "nothing was changed" in dynofarm("device", "edit", "kitchen").ok().err


def test_a_bad_edit_is_refused_and_the_typing_is_kept(
    dynofarm: Dynofarm, farm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = register(farm)
    before = path.read_bytes()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("EDITOR", editor(tmp_path, 'echo "prot: 22" >> "$1"'))
    said = dynofarm("device", "edit", "kitchen").failed(2)
    assert "kitchen.yaml:3:1: prot" in said.err
    assert path.read_bytes() == before
    (kept,) = tmp_path.glob("dynofarm-edit-*/kitchen.yaml")
    assert kept.read_text().endswith("prot: 22\n")
    assert f"cp {kept} " in said.err


@pytest.mark.parametrize(
    ("script", "told"),
    [("exit 3", "the editor ended with status 3"), ('rm "$1"', "the editor left no file")],
)
def test_an_editor_that_fails_changes_nothing(
    dynofarm: Dynofarm, farm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str
) -> None:
    path = register(farm)
    before = path.read_bytes()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("EDITOR", editor(tmp_path, script))
    said = dynofarm("device", "edit", "kitchen").failed(2)
    assert told in said.err
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("dynofarm-edit-*"))


@pytest.mark.parametrize(
    ("name", "told"),
    [("/nowhere/editor", "cannot be started"), ("vi 'x", "cannot be read"), ("/", "cannot be started")],
)
def test_an_editor_that_cannot_start_is_named(
    dynofarm: Dynofarm, farm: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    register(farm)
    monkeypatch.setenv("EDITOR", name)
    said = dynofarm("device", "edit", "kitchen").failed(2)
    assert told in said.err
    assert "next: set EDITOR, or use --set KEY=VALUE" in said.err


def test_removing_asks_first_and_a_script_is_told_the_way(dynofarm: Dynofarm, farm: Path) -> None:
    path = register(farm)
    said = dynofarm("device", "remove", "kitchen").failed(2)
    assert "next: in a script: dynofarm device remove kitchen --yes" in said.err
    assert path.exists()


def test_no_is_an_answer_and_changes_nothing(dynofarm: Dynofarm, farm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = register(farm)
    monkeypatch.setattr(console, "is_there_anybody", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda *_args, **_options: False)
    assert dynofarm("device", "remove", "kitchen").failed(130).err == "dynofarm: stopped; nothing was changed\n"
    assert path.exists()
    monkeypatch.setattr(typer, "confirm", lambda *_args, **_options: True)
    dynofarm("device", "remove", "kitchen").ok()
    assert not path.exists()


def test_a_removed_board_is_gone_and_its_results_stay(dynofarm: Dynofarm, farm: Path) -> None:
    register(farm)
    assert "its results stay in results.db" in dynofarm("device", "remove", "kitchen", "--yes").ok().err
    dynofarm("device", "show", "kitchen").failed(2)
    register(farm)
    said = dynofarm("device", "remove", "kitchen", "-y", "--json").ok()
    assert said.json == {"removed": "kitchen", "host_key_forgotten": False}


# ------------------------------------------------------------------------------------------------------- models


def test_a_model_is_registered_shown_and_forgotten(dynofarm: Dynofarm, farm: Path, fake_model: Path) -> None:
    assert "next: dynofarm model add FILE" in dynofarm("model", "list").ok().err
    said = dynofarm(
        "model", "add", str(fake_model), "--no-reference", "--source", "me", "--license", "MIT", "--json"
    ).ok()
    assert [(row["model"], row["source"], row["licence"]) for row in said.json] == [("fake", "me", "MIT")]
    assert "float32 1x8" in dynofarm("model", "list").ok().out
    assert dynofarm("model", "list", "--json").ok().json[0]["references"] == 0
    assert "finite and not all equal" in dynofarm("model", "show", "fake").ok().out
    assert dynofarm("model", "show", "fake", "--json").ok().json["operators"] == {"FAKE": 1}
    assert "fake removed; its file and its results stay" in dynofarm("model", "remove", "fake").ok().err
    assert dynofarm("model", "list", "--json").ok().json == []
    dynofarm("model", "add", str(fake_model), "--no-reference", "--name", "mine").ok()
    (removed,) = dynofarm("model", "remove", "mine", "--json").ok().json
    assert removed["removed"] == "mine"


def test_references_of_a_fake_model_come_from_this_machine(dynofarm: Dynofarm, farm: Path, fake_model: Path) -> None:
    said = dynofarm("model", "add", str(fake_model)).ok()
    assert "2 outputs" in said.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nothere.tflite",), "there is no such file"),
        (("a.tflite", "b.tflite", "--name", "x"), "--name goes with one file"),
        (("sweeps/example.yaml",), "no known format"),
    ],
)
def test_what_is_no_model_is_refused(dynofarm: Dynofarm, farm: Path, words: tuple[str, ...], told: str) -> None:
    said = dynofarm("model", "add", *words).failed(2)
    assert told in said.err
    assert "next: " in said.err


def test_a_model_that_is_not_there_is_answered_with_the_nearest(
    dynofarm: Dynofarm, farm: Path, fake_model: Path
) -> None:
    dynofarm("model", "add", str(fake_model), "--no-reference").ok()
    for verb in ("show", "remove"):
        assert "there is no model 'fak'; near: fake" in dynofarm("model", verb, "fak").failed(2).err


def test_a_model_is_checked_against_its_parent(
    dynofarm: Dynofarm, farm: Path, fake_model: Path, tmp_path: Path
) -> None:
    dynofarm("model", "add", str(fake_model), "--name", "plain", "--no-reference").ok()
    child = tmp_path / "child.json"
    child.write_text(fake_model.read_text() + "\n")
    assert "plain has no reference outputs" in dynofarm("model", "add", str(child), "--parent", "plain").failed(2).err
    dynofarm("model", "add", str(fake_model), "--name", "checked").ok()
    (row,) = dynofarm("model", "add", str(child), "--parent", "checked", "--tolerance", "0.5", "--json").ok().json
    assert row["references"] == 2
    assert row["parent"] is not None
    other = json.loads(fake_model.read_text())
    other["outputs"][0]["shape"] = [1, 9]
    child.write_text(json.dumps(other))
    assert "its outputs have other shapes" in dynofarm("model", "add", str(child), "--parent", "checked").failed(2).err


def test_a_model_whose_references_cannot_be_had_is_registered_with_a_word(
    dynofarm: Dynofarm, farm: Path, fake_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.errors import ModelError, RuntimeUnavailable
    from orchestrator.visits import referencing

    def offline(*_args: object) -> None:
        raise RuntimeUnavailable("the package index cannot be reached")

    monkeypatch.setattr(referencing, "compute_references", offline)
    said = dynofarm("model", "add", str(fake_model)).ok()
    assert "fake: no reference outputs, so only finite and not all equal will be checked: the package" in said.err

    def broken(*_args: object) -> None:
        raise ModelError("it does not run", "look at it")

    monkeypatch.setattr(referencing, "compute_references", broken)
    assert "it does not run" in dynofarm("model", "add", str(fake_model)).failed(2).err


def test_a_models_name_with_an_escape_sequence_is_shown_harmlessly(dynofarm: Dynofarm, farm: Path) -> None:
    with Store.open(farm / "results.db") as store:
        store.add_model(make_model("[red]\x1b[2J", source="\x1b]0;owned\x07"))
    for words in (("model", "list"), ("model", "show", "[red]\x1b[2J")):
        out = dynofarm(*words).ok().out
        assert "\x1b" not in out
        assert "[red]" in out
