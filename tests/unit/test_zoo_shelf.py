"""The folder of artifacts, and the process that fills it, when things go wrong. No torch is needed."""

import hashlib
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from orchestrator.apart.steps import Failed
from orchestrator.errors import DiskFull, DynofarmError, ModelError, RuntimeUnavailable
from orchestrator.zoo.lineage import to_json
from orchestrator.zoo.orders import Artifact, Order
from orchestrator.zoo.shelf import SCRATCH, Busy, find_whole, hold_shelf, put
from orchestrator.zoo.steps import Finished, Making, Step, to_line
from orchestrator.zoo.workshop import check_room, needed_bytes, run_builder
from tests.unit.zoo_orders import make_lineage, make_order


def keep(order: Order, artifact: Artifact, data: bytes, parent: str | None = None) -> str:
    """Put an artifact and its lineage on the shelf, as the builder does; give its digest."""
    digest = hashlib.sha256(data).hexdigest()
    lineage = make_lineage(
        name=artifact.name,
        digest=digest,
        size_bytes=len(data),
        form=artifact.form,
        format=artifact.format,
        parent=parent,
        shape=asdict(order.shape),
        length=order.length,
    )
    (order.folder / artifact.file_name).write_bytes(data)
    (order.folder / artifact.lineage_name).write_text(to_json(lineage, indent=2))
    return digest


def whole_shelf(folder: Path) -> Order:
    order = make_order(folder)
    first, second = order.artifacts
    keep(order, second, b"int8", parent=keep(order, first, b"float32"))
    return order


def test_what_was_made_by_the_same_words_is_whole(tmp_path: Path) -> None:
    order = whole_shelf(tmp_path)
    assert list(find_whole(order)) == ["bert-tiny-l64-fp32", "bert-tiny-l64-int8"]


@pytest.mark.parametrize("change", [{"seed": 2}, {"length": 65}, {"checkpoint_digest": "1" * 64}])
def test_other_words_make_it_again(tmp_path: Path, change: dict[str, int | str]) -> None:
    assert find_whole(replace(whole_shelf(tmp_path), **change)) == {}


def test_a_changed_file_is_made_again_and_so_is_what_came_from_it(tmp_path: Path) -> None:
    order = whole_shelf(tmp_path)
    (tmp_path / order.artifacts[0].file_name).write_bytes(b"another")
    assert find_whole(order) == {}


def test_a_child_of_another_parent_is_made_again(tmp_path: Path) -> None:
    order = whole_shelf(tmp_path)
    keep(order, order.artifacts[0], b"made again")
    assert list(find_whole(order)) == ["bert-tiny-l64-fp32"]


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"{}" * 1000])
def test_a_broken_lineage_makes_it_again(tmp_path: Path, data: bytes) -> None:
    order = whole_shelf(tmp_path)
    (tmp_path / order.artifacts[1].lineage_name).write_bytes(data)
    assert list(find_whole(order)) == ["bert-tiny-l64-fp32"]


def test_a_file_without_a_lineage_is_made_again(tmp_path: Path) -> None:
    order = whole_shelf(tmp_path)
    (tmp_path / order.artifacts[1].lineage_name).unlink()
    assert list(find_whole(order)) == ["bert-tiny-l64-fp32"]


def test_an_empty_folder_has_nothing(tmp_path: Path) -> None:
    assert find_whole(make_order(tmp_path / "nowhere")) == {}


def test_two_builders_do_not_share_a_folder(tmp_path: Path) -> None:
    with hold_shelf(tmp_path), pytest.raises(Busy, match="another build is at work here"), hold_shelf(tmp_path):
        raise AssertionError


def test_what_a_killed_builder_left_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / SCRATCH / "folder"
    left.mkdir(parents=True)
    (left / "half.tflite").write_bytes(b"half")
    (tmp_path / SCRATCH / "link").symlink_to(tmp_path)
    with hold_shelf(tmp_path) as scratch:
        assert list(scratch.iterdir()) == []
    assert not (tmp_path / SCRATCH).exists()
    assert tmp_path.exists()


def test_a_file_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    made, place = tmp_path / "made", tmp_path / "place"
    made.write_bytes(b"whole")
    place.write_bytes(b"former")
    put(made, place)
    assert place.read_bytes() == b"whole"
    assert not made.exists()


def test_too_little_room_is_said_before_anything_is_begun(tmp_path: Path) -> None:
    order = make_order(tmp_path / "deep" / "models", ("fp32", "int8"))
    assert 4.386e6 * 4 < needed_bytes(order) < 4.4e6 * 15
    huge = replace(order, shape=replace(order.shape, vocabulary=10**15))
    with pytest.raises(DiskFull, match="GB are needed"):
        check_room(huge)


# ------------------------------------------------------------------------------------------- the builder's process


def stand_in(folder: Path, body: str) -> str:
    """A program in the place of the builder's Python."""
    path = folder / "python"
    path.write_text(f"#!{sys.executable}\nimport os, signal, sys\n{body}\n")
    path.chmod(0o755)
    return str(path)


def run(folder: Path, body: str) -> list[Step]:
    heard: list[Step] = []
    run_builder(make_order(folder / "models"), heard.append, stand_in(folder, body))
    return heard


def test_the_steps_of_a_builder_are_heard_and_its_chatter_is_not(tmp_path: Path) -> None:
    steps = [Making("bert", 1, 1, "float32"), Finished(1)]
    lines = "\n".join(f"print({to_line(step)!r}, flush=True)" for step in steps)
    assert run(tmp_path, f"sys.stdin.read(); print('hello'); {lines.splitlines()[0]}\n{lines.splitlines()[1]}") == steps


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("missing", RuntimeUnavailable, "models are built with torch, which is not installed here"),
        ("disk_full", DiskFull, "/.*/models: no room left while a model was built; it needs about"),
        ("memory", RuntimeUnavailable, "bert-tiny: the builder was killed or found no memory; it needs about 1.0 GB"),
        ("busy", Busy, "torch"),
        ("refused", ModelError, "torch"),
        ("of tomorrow", ModelError, "torch"),
    ],
)
def test_what_a_builder_says_last_becomes_one_sentence(
    tmp_path: Path, kind: str, error: type[DynofarmError], said: str
) -> None:
    line = to_line(Failed(kind, "torch", "next"))
    with pytest.raises(error, match=f"^{said}"):
        run(tmp_path, f"print({line!r}); sys.exit(1)")


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", RuntimeUnavailable, "found no memory; it needs about"),
        ("sys.exit('terminate called after std::bad_alloc')", RuntimeUnavailable, "found no memory"),
        ("sys.exit('OSError: No space left on device')", DiskFull, "no room left while a model was built"),
        ("sys.exit('No module named orchestrator')", RuntimeUnavailable, "built with orchestrator"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", ModelError, "ended by signal SIGSEGV: it said nothing"),
        ("sys.exit('a\\nstrange end')", ModelError, "ended with status 1: strange end"),
        ("sys.exit(0)", ModelError, "ended with status 0: it said nothing"),
        ("print('\\xff' * 100_000); sys.stderr.write('\\0' * 9000); sys.exit(3)", ModelError, "ended with status 3"),
    ],
)
def test_a_builder_that_dies_is_one_sentence(tmp_path: Path, body: str, error: type[DynofarmError], said: str) -> None:
    with pytest.raises(error, match=said) as found:
        run(tmp_path, body)
    assert found.value.hint


def test_a_python_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RuntimeUnavailable, match="cannot be started"):
        run_builder(make_order(tmp_path), lambda _: None, str(tmp_path / "nothing"))


def test_the_builder_says_what_is_missing_and_leaves_no_scratch(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    order = make_order(tmp_path / "models")
    # -S leaves every installed package out: the farm's own modules are enough to say so.
    found = subprocess.run(
        [sys.executable, "-S", "-m", "orchestrator.zoo"],
        input=order.to_json(),
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 1, found.stderr
    assert '"kind": "missing"' in found.stdout
    assert not order.folder.exists()
