"""Data files of coverage that were never finished are not combined; all others are."""

import gc
import subprocess
import sys
import warnings
from pathlib import Path

import coverage
import pytest

from tests.unfinished import drop_unfinished

WRITE = """
import os, signal, sys
from coverage import CoverageData
data = CoverageData(sys.argv[1], suffix=True)
data.add_lines({sys.argv[2]: [1, 2, 3]})
if sys.argv[3] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
data.write()
"""


def write(data_file: Path, source: str, end: str) -> None:
    """A process that leaves a data file behind, whole or not."""
    subprocess.run([sys.executable, "-c", WRITE, str(data_file), source, end], check=False, timeout=60)


def combined(data_file: Path) -> set[str]:
    """The names of the measured files; a warning is an error."""
    cover = coverage.Coverage(data_file=str(data_file), config_file=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cover.combine([str(data_file.parent)])
        return {Path(name).name for name in cover.get_data().measured_files()}


def damage(data_file: Path) -> Path:
    """Make the one file that is not whole one that cannot be read, as a kill in the midst of a page does."""
    (path,) = (path for path in data_file.parent.iterdir() if ".H" not in path.name)
    path.write_bytes(path.read_bytes()[:5000].ljust(20_000, b"\x07"))
    return path


def test_what_a_killed_process_left_is_dropped_and_nothing_else(tmp_path: Path) -> None:
    data_file = tmp_path / ".coverage"
    write(data_file, "one.py", "whole")
    write(data_file, "two.py", "killed")
    write(data_file, "three.py", "whole")
    half = damage(data_file)
    assert drop_unfinished(data_file) == [half.name]
    assert combined(data_file) == {"one.py", "three.py"}


def test_such_a_file_would_be_a_warning(tmp_path: Path) -> None:
    """Else there is no need for any of this any more."""
    data_file = tmp_path / ".coverage"
    write(data_file, "one.py", "whole")
    write(data_file, "two.py", "killed")
    damage(data_file)
    with pytest.raises(coverage.exceptions.CoverageWarning):
        combined(data_file)
    with warnings.catch_warnings():  # it stays open, of which Python 3.13 warns in the midst of some later test
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_what_somebody_may_still_write_and_what_has_another_name_stays(tmp_path: Path) -> None:
    data_file = tmp_path / ".coverage"
    data = coverage.CoverageData(str(data_file), suffix=True)
    data.add_lines({"mine.py": [1]})
    for name in (".coverage", ".coverage.gw0", ".coverage-old.host.pid999999999.Xabcdefx", "notes"):
        (tmp_path / name).write_text("…")
    names = {path.name for path in tmp_path.iterdir()}
    assert any(".pid" in name and ".H" not in name for name in names)
    assert drop_unfinished(data_file) == []
    assert {path.name for path in tmp_path.iterdir()} == names
    data.close()
