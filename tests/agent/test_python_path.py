"""Where a board's Python looks for packages: asked once, and again when anything changed that it depends on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent import python_path
from agent.blobs import clear_incoming
from agent.places import Places
from agent.python_path import find_python_path
from tests.agent.serving import ROOT, names_in

MINUTE_AGO = time.time() - 60


def breathe() -> None:
    pass


@pytest.fixture
def kept(tmp_path: Path) -> str:
    for name in ("work", "incoming"):
        (tmp_path / name).mkdir()
    return str(tmp_path / "work" / "python_path.json")


def temporary(kept: str) -> str:
    return str(Path(kept).parents[1] / "incoming" / "python_path.1")


class Board:
    """A virtual environment of this Python; `look` is what an agent on it finds, `asks` how often it asked."""

    def __init__(self, folder: Path, kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
        monkeypatch.setattr(python_path.sys, "executable", str(folder / "bin" / "python"))
        monkeypatch.setenv("HOME", str(folder / "home"))
        ask = python_path._ask
        monkeypatch.setattr(python_path, "_ask", lambda breathe: self._count(ask(breathe)))
        self.folder, self.kept, self.asks = folder, kept, 0
        (self.site,) = folder.glob("lib/python3*/site-packages")
        self.custom = folder / "custom"
        self.custom.mkdir()
        (self.site / "__editable__.custom.pth").write_text(f"import sys; sys.path.insert(0, {str(self.custom)!r})\n")
        self.age()

    def _count(self, told: "python_path._Told | None") -> "python_path._Told | None":
        self.asks += 1
        return told

    def age(self) -> None:
        """What was written just now is a minute old, as it is on most visits."""
        for path in self.folder.rglob("*"):
            if path.is_dir() or path.suffix in (".pth", ".py", ".cfg"):
                os.utime(path, (MINUTE_AGO, MINUTE_AGO))

    def look(self) -> list[str]:
        return find_python_path(self.kept, temporary(self.kept), breathe)


@pytest.fixture
def board(tmp_path: Path, kept: str, monkeypatch: pytest.MonkeyPatch) -> Board:
    return Board(tmp_path / "board", kept, monkeypatch)


def test_it_is_asked_once(board: Board, kept: str) -> None:
    first = board.look()
    assert str(board.site) in first
    assert [board.look(), board.look()] == [first, first]
    assert board.asks == 1
    assert names_in(Path(kept).parent) == ["python_path.json"]
    assert names_in(Path(temporary(kept)).parent) == []


def install(board: Board) -> str:
    """Something that adds a folder of its own, as an editable install does."""
    added = board.folder / "added"
    added.mkdir()
    (board.site / "added.pth").write_text(f"{added}\n")
    return str(added)


def edit(board: Board) -> str:
    """The file was there, empty; the folder does not change with it."""
    before = board.site.stat()
    added = board.folder / "added"
    added.mkdir()
    (board.site / "there.pth").write_text(f"{added}\n")
    os.utime(board.site, ns=(before.st_atime_ns, before.st_mtime_ns))
    return str(added)


def customize(board: Board) -> str:
    """Before the one that Debian's Python has in its library."""
    (board.custom / "sitecustomize.py").write_text(f"import sys\nsys.path.append({str(board.folder)!r})\n")
    return str(board.folder)


def customize_as_a_package(board: Board) -> str:
    """In a folder that was there, empty; what it lies in does not change with it."""
    text = f"import sys\nsys.path.append({str(board.folder)!r})\n"
    (board.custom / "sitecustomize" / "__init__.py").write_text(text)
    return str(board.folder)


def come_into_being(board: Board) -> str:
    """A folder that a `.pth` file named all the while: a disk that is mounted later, a build."""
    added = board.folder / "later"
    added.mkdir()
    return str(added)


def come_into_being_nearby(board: Board) -> str:
    added = board.folder / "nearby"
    added.mkdir()
    return str(added)


def configure(board: Board) -> str:
    """The environment takes the packages of the Python that it was made of, too."""
    settings = board.folder / "pyvenv.cfg"
    settings.write_text(settings.read_text().replace("system-site-packages = false", "system-site-packages = true"))
    script = "import site, sys; print([path for path in site.getsitepackages([sys.base_prefix])][0])"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


CHANGES = [install, edit, customize, customize_as_a_package, come_into_being, come_into_being_nearby, configure]


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_asked_again_when_that_may_have_changed(board: Board, change: Callable[[Board], str]) -> None:
    (board.site / "there.pth").touch()
    (board.site / "later.pth").write_text(f"# a comment\n\n{board.folder / 'later'}  \n../../../nearby\na\0b\n")
    (board.custom / "sitecustomize").mkdir()
    board.age()
    before = board.look()
    added = change(board)
    after = board.look()
    assert added in after
    assert added not in before
    assert board.asks == 2


def test_a_users_packages_are_found_when_there_are_some(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a Python that is no virtual environment, since those take none of the user's."""
    monkeypatch.setattr(python_path.sys, "executable", os.path.realpath(sys.executable))
    before = board.look()
    script = "import site; print(site.getusersitepackages())"
    argv = [python_path.sys.executable, "-E", "-c", script]
    user_site = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    assert user_site.startswith(os.environ["HOME"])
    Path(user_site).mkdir(parents=True)
    assert user_site not in before
    assert user_site in board.look()


def test_another_home_another_boot_or_another_python_is_asked_anew(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.look()
    monkeypatch.setenv("HOME", "/nowhere")
    board.look()
    assert board.asks == 2
    monkeypatch.setattr(python_path, "read_text", lambda _root, _path: "another boot")
    board.look()
    assert board.asks == 3
    monkeypatch.setattr(python_path.sys, "executable", str(board.folder / "bin" / "python3"))
    board.look()
    board.look()
    assert board.asks == 4


@pytest.mark.parametrize("word", ["import ", "import\t"])
def test_what_code_in_a_pth_file_says_is_not_remembered(board: Board, kept: str, word: str) -> None:
    (board.site / "code.pth").write_text(f"/nowhere\n{word}os, sys; sys.path.extend(os.environ.get('MORE', ''))\n")
    board.age()
    assert board.look() == board.look()
    assert board.asks == 2
    assert not Path(kept).exists()


@pytest.mark.parametrize(
    "name", ["distutils-precedence.pth", "__editable___a_1_0_finder.pth", "_virtualenv.pth", "zope-3.8-nspkg.pth"]
)
def test_the_code_that_setuptools_leaves_everywhere_is_no_reason_to_ask_again(board: Board, name: str) -> None:
    (board.site / name).write_text("import os\n")
    board.age()
    assert board.look() == board.look()
    assert board.asks == 1


def test_what_an_agent_left_that_was_killed_while_it_kept_is_removed(board: Board, tmp_path: Path) -> None:
    places = Places(str(tmp_path / "killed"))
    places.make()
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nimport os, signal\n"
    script += "from agent.answering import answer; from agent.places import Places; from agent.protocol import Probe\n"
    script += "os.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
    script += f"answer(Places({places.root!r}), Probe(), lambda: None)"
    argv = [str(board.folder / "bin" / "python"), "-I", "-S", "-c", script]
    assert subprocess.run(argv, timeout=60, check=False).returncode == -signal.SIGKILL
    assert len(names_in(places.incoming)) == 1
    clear_incoming(places)
    assert names_in(places.incoming) == []
    assert not [name for name in names_in(places.root) if name.startswith("python_path")]


def test_what_changed_just_now_is_not_relied_on(board: Board, kept: str) -> None:
    (board.site / "new.pth").touch()
    board.look()
    assert not Path(kept).exists()
    board.age()
    board.look()
    assert Path(kept).exists()


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\xff\0", b"[]", b"7", b"{}", b'{"marks": {}, "path": [7]}', b'{"marks": [], "path": []}', b"[" * 200_000],
)
def test_garbage_is_nothing(board: Board, kept: str, garbage: bytes) -> None:
    Path(kept).write_bytes(garbage)
    assert str(board.site) in board.look()
    assert json.loads(Path(kept).read_bytes())["path"] == board.look()
    assert board.asks == 1


@pytest.mark.parametrize("path", [7, "a", [7], None])
def test_garbage_that_has_the_right_marks_is_nothing(board: Board, kept: str, path: object) -> None:
    board.look()
    said = json.loads(Path(kept).read_bytes())
    Path(kept).write_text(json.dumps({**said, "path": path}))
    assert str(board.site) in board.look()
    assert board.asks == 2


def test_where_nothing_can_be_kept_it_is_asked_each_time(board: Board, kept: str) -> None:
    Path(kept).mkdir()
    assert board.look() == board.look()
    assert board.asks == 2
    assert names_in(Path(kept).parent) == ["python_path.json"]


def test_a_name_that_is_no_utf_8_is_a_name(board: Board) -> None:
    added = f"{board.folder}/caf\udce9"
    Path(added).mkdir()
    (board.site / "__editable__.added.pth").write_bytes(b"import sys; sys.path.append(%a)\n" % added)
    board.age()
    assert [added in board.look() for _ in range(2)] == [True, True]
    assert board.asks == 1


def test_an_agent_without_site_packages_finds_them(other_python: str, kept: str) -> None:
    script = "import sys; sys.path.insert(0, sys.argv[1])\nfrom agent.python_path import find_python_path\n"
    script += "print(find_python_path(*sys.argv[2:], lambda: None))"
    for _ in range(2):
        argv = [other_python, "-I", "-S", "-c", script, str(ROOT), kept, temporary(kept)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.startswith("['")


def test_what_a_package_prints_at_the_start_is_passed_over(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = f"print('hello', flush=True)\n{python_path._SCRIPT}\nprint('bye')"
    monkeypatch.setattr(python_path, "_SCRIPT", noisy)
    assert str(board.site) in board.look()


@pytest.mark.parametrize("executable", ["/nowhere/python3", "/bin/false"])
def test_a_python_that_does_not_answer_has_none(monkeypatch: pytest.MonkeyPatch, kept: str, executable: str) -> None:
    monkeypatch.setattr(python_path.sys, "executable", executable)
    assert find_python_path(kept, temporary(kept), breathe) == []
    assert not Path(kept).exists()


def test_a_python_that_hangs_is_given_up_and_the_caller_breathes(
    tmp_path: Path, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python3"
    program.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    program.chmod(0o755)
    monkeypatch.setattr(python_path.sys, "executable", str(program))
    monkeypatch.setattr(python_path, "LIMIT_S", 0.3)
    breaths: list[int] = []
    assert find_python_path(kept, temporary(kept), lambda: breaths.append(1)) == []
    assert breaths
