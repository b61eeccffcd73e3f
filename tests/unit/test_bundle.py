import ast
import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

import agent
from agent.protocol import FRAME, PROTOCOL_VERSION, Bye, Hello, Ready, Received, decode, encode
from orchestrator.bundle import agent_zipapp, boot_script
from tests.pythons import NEWEST, OLDEST, find_python

SOURCE = Path(agent.__file__).parent
ROOT = SOURCE.parent
DIGEST_OF = "from orchestrator.bundle import agent_zipapp; print(agent_zipapp().digest)"


def names() -> list[str]:
    return zipfile.ZipFile(io.BytesIO(agent_zipapp().data)).namelist()


def test_the_agent_is_named_by_the_hash_of_its_bytes():
    archive = agent_zipapp()
    assert archive.digest == hashlib.sha256(archive.data).hexdigest()


def test_it_is_built_once_per_process():
    assert agent_zipapp() is agent_zipapp()


def test_it_holds_every_source_of_the_agent_and_nothing_else():
    sources = {f"agent/{path.relative_to(SOURCE).as_posix()}" for path in SOURCE.rglob("*.py")}
    assert set(names()) == sources | {"__main__.py"}
    assert len(names()) == len(set(names()))


def test_its_entries_are_sorted_and_bear_no_trace_of_this_machine():
    entries = zipfile.ZipFile(io.BytesIO(agent_zipapp().data)).infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    traces = {(entry.date_time, entry.external_attr >> 16, entry.create_system, entry.extra) for entry in entries}
    assert traces == {((1980, 1, 1, 0, 0, 0), 0o100644, 3, b"")}


def digest_elsewhere(*path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", DIGEST_OF],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("COV")},
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        cwd=path[0].parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


def test_a_copy_with_other_dates_modes_and_caches_gives_the_same_bytes(tmp_path):
    copy = tmp_path / "site" / "agent"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "orchestrator", tmp_path / "site" / "orchestrator")
    for path in copy.rglob("*.py"):
        path.chmod(0o600)
        os.utime(path, (1, 1_000_000_000))
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__" / "wire.cpython-38.pyc").write_bytes(b"stale")
    (copy / "notes.txt").write_text("left behind by an editor")
    assert digest_elsewhere(tmp_path / "site") == agent_zipapp().digest


def test_an_agent_that_lies_in_a_zip_itself_gives_the_same_bytes(tmp_path):
    shutil.copytree(ROOT / "orchestrator", tmp_path / "site" / "orchestrator")
    shutil.copytree(SOURCE, tmp_path / "zipped" / "agent")
    wheel = shutil.make_archive(str(tmp_path / "wheel"), "zip", tmp_path / "zipped")
    assert digest_elsewhere(tmp_path / "site", Path(wheel)) == agent_zipapp().digest


@pytest.mark.parametrize("version", [OLDEST, "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"])
def test_it_starts_alone_under_every_python_that_boards_have(version, tmp_path):
    python = find_python(version)
    if python is None:
        pytest.skip(f"this machine has no Python {version}")
    archive = tmp_path / f"{agent_zipapp().digest}.pyz"
    archive.write_bytes(agent_zipapp().data)
    work = tmp_path / "work"
    done = subprocess.run(
        [python, "-I", "-S", str(archive), "serve", "--work", str(work)],
        input=encode(Hello(PROTOCOL_VERSION, "test")) + encode(Bye()),
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    ready = decode(done.stdout.splitlines(keepends=True)[0])
    assert isinstance(ready, Ready)
    assert ready.agent_digest == agent_zipapp().digest


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_its_receiving_verb_works_alone(version, tmp_path):
    python = find_python(version)
    if python is None:
        pytest.skip(f"this machine has no Python {version}")
    archive = tmp_path / f"{agent_zipapp().digest}.pyz"
    archive.write_bytes(agent_zipapp().data)
    digest = hashlib.sha256(b"a model").hexdigest()
    done = subprocess.run(
        [python, "-I", "-S", archive, "receive", "--work", tmp_path / "work", "--digest", digest, "--size", "7"],
        input=FRAME.pack(0, 7, 7) + b"a model",
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    received = decode(done.stdout.splitlines(keepends=True)[-1])
    assert isinstance(received, Received)
    assert received.digest == digest


def test_the_boot_script_is_two_of_the_agents_own_files_and_fits_a_command_line():
    start, boot = ((SOURCE / name).read_text(encoding="utf-8") for name in ("start.py", "boot.py"))
    assert ast.dump(ast.parse(boot_script())) == ast.dump(ast.parse(f"{start}\n\n{boot}"))
    assert not [line for line in boot_script().splitlines() if line.lstrip().startswith("#")]
    assert len(boot_script()) < 32_000


def test_what_is_sent_is_the_archive_behind_its_length():
    archive = agent_zipapp()
    assert (int(archive.plain[:8], 16), archive.plain[8:]) == (len(archive.data), archive.data)
    assert (int(archive.packed[:8], 16), zlib.decompress(archive.packed[8:])) == (len(archive.packed) - 8, archive.data)
    assert len(archive.packed) < 0.4 * len(archive.data)
