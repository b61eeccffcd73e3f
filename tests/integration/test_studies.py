"""The studies of examples/ in their small form: from nothing to every table, on boards of different size."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.store import Store
from tests.boards.sshd import has_sshd

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]


def study(name: str, folder: Path) -> tuple[str, list[dict[str, str]]]:
    """What it said, and the rows of its table."""
    argv = [sys.executable, str(ROOT / "scripts" / "study.py"), name, "--small", "--folder", str(folder)]
    environment = {**os.environ, "COLUMNS": "300", "NO_COLOR": "1"}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=800, check=False, env=environment)
    if "package index" in done.stderr:
        pytest.skip(f"neither data nor runtime can be had here: {done.stderr[-300:]}")
    assert (folder / "table.csv").exists(), done.stdout[-3000:] + done.stderr[-3000:]
    with (folder / "table.csv").open(encoding="utf-8", newline="") as file:
        return done.stdout, list(csv.DictReader(file))


@pytest.mark.timeout(900)
def test_tweets_from_nothing_to_the_table(tmp_path: Path) -> None:
    said, rows = study("mobilebert-tweets", tmp_path / "study")
    for suffix in ("md", "tex", "html"):
        assert "tweets-tiny-int8" in (tmp_path / "study" / f"table.{suffix}").read_text().replace("\\", "")
    with Store.open(tmp_path / "study" / "results.db") as store:
        runs = store.task_runs(1)
    digests = {
        (run.run.job.model, run.run.result.answers.digest) for run in runs if run.run.result and run.run.result.answers
    }
    assert len(digests) == 2, "one artifact answers alike on every board, in both scopes"
    answered = [row for row in rows if row["accuracy"]]
    assert {row["accuracy"] for row in answered} != set()
    assert min(float(row["accuracy"]) for row in answered) > 0.7
    assert "holds: file_bytes ratio teacher/student >= 3.4" in said
    if has_sshd():
        devices = {row["device"].partition(" ")[0]: row for row in rows}
        assert {"local", "one-core"} <= set(devices)
        assert "loopback" in json.dumps(devices["one-core"])
    _says_what_is_too_big(rows)


@pytest.mark.timeout(900)
def test_shapes_from_nothing_to_the_waterfall(tmp_path: Path) -> None:
    _, rows = study("bert-shapes", tmp_path / "study")
    assert {row["delegate"] for row in rows} == {"xnnpack", "none"}
    plot = (tmp_path / "study" / "waterfall.svg").read_text()
    assert plot.startswith("<svg")
    assert "bert-tiny" in plot
    _says_what_is_too_big(rows)


def _says_what_is_too_big(rows: list[dict[str, str]]) -> None:
    """Where a board with little memory could be made, what does not fit there is infeasible, and no crash."""
    small = [
        row
        for row in rows
        if row["device"].startswith("small") and row["model"] == "too-big" and row["delegate"] == "xnnpack"
    ]
    assert all("infeasible: out of memory" in json.dumps(row) for row in small)
