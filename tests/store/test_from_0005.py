"""A database that the last dynofarm of revision 0005 made, opened by this one: latencies and samples lie elsewhere and
are packed otherwise, and nothing that readers see has changed.

`databases/0005.db.gz` was written by that code: the database of `test_from_0002.py` upgraded, and a sweep of runs with
five sensors, with gaps in their readings, with floats of every kind, with a clock that went back, with none at all.
Never make it anew: it is what users have.
"""

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.runs import RunStatus
from orchestrator.store import Store
from orchestrator.store.packing import pack_clock, pack_readings
from orchestrator.store.read_only import run_sql
from orchestrator.store.series import unpack, unpack_readings
from orchestrator.store.views import VIEWS

MADE = Path(__file__).with_name("databases") / "0005.db.gz"


@pytest.fixture
def before(tmp_path: Path) -> Path:
    path = tmp_path / "before.db"
    path.write_bytes(gzip.decompress(MADE.read_bytes()))
    return path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "results.db"
    path.write_bytes(gzip.decompress(MADE.read_bytes()))
    return path


def rows_of(path: Path, view: str) -> list[str]:
    """Rows as text, with what is packed unpacked: in text 0.0 and -0.0 are two things."""
    columns, found = run_sql(path, f"SELECT * FROM {view}", 1000)
    rows = [dict(zip(columns, row, strict=True)) for row in found]
    for row in rows:
        for prefix in ("", "t_"):
            if f"{prefix}codec" in row:
                packed = [row.pop(f"{prefix}{part}") for part in ("codec", "base", "data")]
                row[f"{prefix}values"] = unpacked(path, packed)
    return sorted(map(str, rows))


def unpacked(path: Path, packed: list[Any]) -> Any:
    codec, base, data = packed
    _, [(text,)] = run_sql(path, f"SELECT unpack('{codec}', {base}, x'{data.hex()}')", 1)
    return json.loads(text)


NEWER = {"answers_view", "baselines_view", "sittings_view"}


@pytest.mark.parametrize("view", [view.name for view in VIEWS if view.name not in NEWER])
def test_every_view_says_what_it_said(store: Store, before: Path, view: str) -> None:
    assert rows_of(store.path, view) == rows_of(before, view)


def test_the_new_file_is_sound_and_lists_no_name_that_nobody_uses(store: Store) -> None:
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("SELECT DISTINCT kind FROM channel ORDER BY kind").fetchall() == [
            ("clock",),
            ("sample",),
        ]


def test_samples_are_packed_as_new_ones_are(store: Store) -> None:
    query = (
        "SELECT channel.kind, codec.name, series.base, series.data FROM series "
        "JOIN channel ON channel.id = series.channel JOIN codec ON codec.id = series.codec"
    )
    with closing(sqlite3.connect(store.path)) as connection:
        found = connection.execute(query).fetchall()
    assert len(found) > 30
    for kind, codec, base, data in found:
        if kind == "clock":
            fresh = pack_clock(unpack(codec, base, data))
        else:
            fresh = pack_readings(unpack_readings(codec, base, data))
        items, fresh_items = ([step for step in one.split("+") if step[0] not in "sdz"] for one in (codec, fresh.codec))
        assert (items, base) == (fresh_items, fresh.base)
        assert len(data) <= len(fresh.data) + 12, codec


def test_samples_of_before_take_about_half_of_their_bytes(store: Store, before: Path) -> None:
    query = "SELECT sum(length(data)) FROM samples_view WHERE channel IN ('temp_c', 'clock_khz', 'worker_cpu_percent')"
    (_, [(then,)]), (_, [(now,)]) = run_sql(before, query, 1), run_sql(store.path, query, 1)
    assert now < 0.6 * then


def test_runs_come_back_whole(store: Store) -> None:
    runs = [one.run for one in store.whole_runs(store.sweep("later").sweep_id)]
    assert [run.status for run in runs if run.result is None] == [RunStatus.CRASHED]
    usual, gaps, long, odd_clock, bare, empty = [run.result for run in runs if run.result is not None]
    assert usual is not None
    assert (len(usual.timing.latencies_ns), usual.samples.channels["clock_khz"]) == (1000, [1_500_000.0] * 20)
    assert gaps is not None
    assert gaps.samples.channels["temp_c"] == [48.5, None, 49.0, None, None, 48.0, 48.5, 49.0]
    assert str(gaps.samples.channels["current_a"][:2]) == "[-0.0, 0.0]"
    assert gaps.samples.channels["nothing"] == [None] * 8
    assert long is not None
    assert len(long.timing.latencies_ns) == 5000
    assert odd_clock is not None
    assert odd_clock.samples.t_ns == [10**9, 10**9 - 5, 2 * 10**9]
    assert bare is not None
    assert (bare.timing.latencies_ns, bare.samples.channels) == ([7 * 10**12] * 10, {})
    assert empty is not None
    assert empty.samples.channels == {"temp_c": []}
