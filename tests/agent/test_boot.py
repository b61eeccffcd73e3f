"""The first line on a board: have, need, or refused with a reason; then the agent on the same stream."""

import ast
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.protocol import Have, Heartbeat, Holdings, Ready, Result, decode, encode
from orchestrator.bundle import agent_zipapp, boot_argument, boot_script
from tests.agent.serving import MODEL, MODEL_DIGEST, ROOT, Talk, command_of, is_root, make_hello, make_job, names_in
from tests.pythons import NEWEST, OLDEST, find_python

FILES = [ROOT / "agent" / "start.py", ROOT / "agent" / "boot.py"]
SOURCE = boot_script()
AS_FILES = "as files"


def boot_argv(python: str, work: Path, digest: str, size: int, *flags: str) -> list[str]:
    words = [str(work), digest, str(size)]
    if python == AS_FILES:
        program = "".join(f"exec(compile(open({str(path)!r}).read(), {str(path)!r}, 'exec'))\n" for path in FILES)
        return [sys.executable, "-c", program, *words]
    return [python, *(flags or ("-I", "-S")), "-c", boot_script(), *words]


@pytest.fixture(params=[OLDEST, NEWEST, AS_FILES])
def any_python(request: pytest.FixtureRequest) -> str:
    """As boards start it, with the oldest and the newest Python; and as files, where their lines can be counted."""
    return request.param if request.param == AS_FILES else python_or_skip(request.param)


def run_boot(argv: list[str], data: bytes = b"", **more: Any) -> tuple[int, bytes]:
    done = subprocess.run(argv, input=data, capture_output=True, timeout=60, check=False, **more)
    return done.returncode, done.stdout


def python_or_skip(version: str) -> str:
    found = find_python(version)
    if found is None:
        pytest.skip(f"there is no Python {version} on this machine")
    return found


def test_a_fresh_board_takes_the_agent_and_becomes_it(tmp_path: Path, any_python: str) -> None:
    archive = agent_zipapp()
    work = tmp_path / "work"
    (work / "blobs").mkdir(parents=True)
    (work / "blobs" / MODEL_DIGEST).write_bytes(MODEL)
    data = archive.packed + encode(make_hello()) + encode(Have([MODEL_DIGEST]))
    code, output = run_boot(boot_argv(any_python, work, archive.digest, len(archive.data)), data)
    assert code == 0
    first, *rest = output.splitlines()
    assert first.startswith(b"dynofarm-boot python=3.")
    assert first.endswith(b" state=need")
    answers = [decode(line) for line in rest]
    assert isinstance(answers[0], Ready)
    assert answers[0].agent_digest == archive.digest
    assert next(one for one in answers[1:] if not isinstance(one, Heartbeat)) == Holdings([MODEL_DIGEST], [], [])
    assert archive.digest + ".pyz" in names_in(work / "agent")
    assert all(name.startswith(archive.digest) for name in names_in(work / "agent"))


def test_a_known_agent_is_not_sent_again_and_measures_from_its_archive(tmp_path: Path, any_python: str) -> None:
    archive = agent_zipapp()
    work = tmp_path / "work"
    for folder in ("agent", "blobs"):
        (work / folder).mkdir(parents=True)
    (work / "agent" / f"{archive.digest}.pyz").write_bytes(archive.data)
    (work / "blobs" / MODEL_DIGEST).write_bytes(MODEL)
    with Talk(boot_argv(any_python, work, archive.digest, len(archive.data)), skip_lines=1) as talk:
        assert talk.ask(make_hello(), Ready).agent_digest == archive.digest
        assert talk.skipped[0].endswith(b" state=have\n")
        assert len(talk.run(make_job(), Result).result.timing.latencies_ns) >= 5


def test_the_boot_script_becomes_the_agent_and_says_so_where_processes_are_listed(tmp_path: Path) -> None:
    archive = agent_zipapp()
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / f"{archive.digest}.pyz").write_bytes(archive.data)
    argv = [sys.executable, "-I", "-S", "-c", boot_argument(), str(tmp_path), archive.digest, "0"]
    with Talk(argv, skip_lines=1) as talk:
        assert talk.ask(make_hello(), Ready).agent_digest == archive.digest
        assert command_of(talk.process.pid)[3:5] == [b"-c", boot_argument().encode()]
    assert boot_argument().startswith('"dynofarm agent";')


def test_a_damaged_agent_is_needed_again(tmp_path: Path, any_python: str) -> None:
    archive = agent_zipapp()
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / f"{archive.digest}.pyz").write_bytes(archive.data[:-1])
    _, output = run_boot(boot_argv(any_python, tmp_path, archive.digest, len(archive.data)), archive.packed)
    assert output.splitlines()[0].endswith(b" state=need")
    assert (tmp_path / "agent" / f"{archive.digest}.pyz").read_bytes() == archive.data


def test_an_agent_that_arrives_with_another_hash_is_refused_and_not_kept(tmp_path: Path, any_python: str) -> None:
    code, output = run_boot(boot_argv(any_python, tmp_path, hashlib.sha256(b"a").hexdigest(), 1), b"00000001b")
    assert code == 3
    assert b"state=refused reason=corrupt" in output
    assert names_in(tmp_path / "agent") == []


def test_an_agent_that_does_not_arrive_whole_is_refused_and_not_kept(tmp_path: Path, any_python: str) -> None:
    code, output = run_boot(boot_argv(any_python, tmp_path, "a" * 64, 100), b"00000064only this")
    assert code == 3
    assert b"state=refused reason=truncated" in output
    assert names_in(tmp_path / "agent") == []


@pytest.mark.parametrize("sent", [b"only this", b"00000009only this", b"00000064" + bytes(99) + b"!"])
def test_an_agent_that_arrives_damaged_is_refused_and_not_kept(tmp_path: Path, any_python: str, sent: bytes) -> None:
    code, output = run_boot(boot_argv(any_python, tmp_path, "a" * 64, 200), sent)
    assert code == 3
    assert b"state=refused reason=corrupt" in output
    assert names_in(tmp_path / "agent") == []


def test_a_python_without_zlib_takes_the_agent_as_it_is(tmp_path: Path, any_python: str) -> None:
    archive = agent_zipapp()
    argv = boot_argv(any_python, tmp_path, archive.digest, len(archive.data))
    at = argv.index("-c") + 1
    argv[at] = f"import sys; sys.modules['zlib'] = None\n{argv[at]}"
    _, output = run_boot(argv, archive.plain + encode(make_hello()))
    assert output.splitlines()[0].endswith(b" state=need_plain")
    assert isinstance(decode(output.splitlines()[1]), Ready)
    assert (tmp_path / "agent" / f"{archive.digest}.pyz").read_bytes() == archive.data


def test_a_work_folder_that_cannot_be_made_is_refused_in_the_first_line(tmp_path: Path, any_python: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    code, output = run_boot(boot_argv(any_python, tmp_path / "file" / "work", "a" * 64, 1))
    assert code == 3
    assert b"state=refused reason=work_dir" in output.splitlines()[0]


def test_a_work_folder_that_may_not_be_written_to_is_refused(tmp_path: Path, any_python: str) -> None:
    if is_root():
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    _, output = run_boot(boot_argv(any_python, tmp_path / "work", "a" * 64, 1))
    assert b"state=refused reason=work_dir" in output.splitlines()[0]


def test_a_full_disk_is_refused_in_the_first_line(tmp_path: Path, any_python: str) -> None:
    code, output = run_boot(boot_argv(any_python, tmp_path, "a" * 64, 2**60))
    assert code == 3
    assert b"state=refused reason=disk_full" in output.splitlines()[0]
    assert b"bytes free" in output


def test_what_is_no_digest_is_refused(tmp_path: Path, any_python: str) -> None:
    _, output = run_boot(boot_argv(any_python, tmp_path, "../evil" + "a" * 57, 1))
    assert b"state=refused" in output
    assert names_in(tmp_path) == []


def test_a_tilde_is_the_home_on_the_board(tmp_path: Path, any_python: str) -> None:
    environment = {**os.environ, "HOME": str(tmp_path)}
    run_boot(boot_argv(any_python, Path("~/farm"), "a" * 64, 1), b"x", env=environment)
    assert (tmp_path / "farm" / "agent").is_dir()
    assert (tmp_path / "farm").stat().st_mode & 0o077 == 0, "nobody else's business"


@pytest.mark.parametrize("version", ["3.6", "3.7"])
def test_an_old_python_refuses_and_names_its_version(tmp_path: Path, version: str) -> None:
    code, output = run_boot(boot_argv(python_or_skip(version), tmp_path, "a" * 64, 1))
    assert code == 3
    assert output.startswith(f"dynofarm-boot python={version}.".encode())
    assert b"state=refused reason=python" in output
    assert b"3.8" in output


def test_python_2_refuses_when_it_gets_to_read_the_script(tmp_path: Path) -> None:
    python = python_or_skip("2.7")
    code, output = run_boot(boot_argv(python, tmp_path, "a" * 64, 1, "-E"))
    assert code == 3
    assert output.startswith(b"dynofarm-boot python=2.7.")
    assert b"state=refused reason=python" in output


def test_python_2_stops_at_the_flags_with_a_message(tmp_path: Path) -> None:
    python = python_or_skip("2.7")
    done = subprocess.run(
        boot_argv(python, tmp_path, "a" * 64, 1), input=b"", capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Unknown option: -I" in done.stderr


def test_the_script_parses_as_python_3_4_and_is_plain_ascii() -> None:
    assert ast.parse(SOURCE, feature_version=(3, 4)).body
    assert SOURCE.isascii()
    assert len(SOURCE) < 6000, "it travels with every connection"
