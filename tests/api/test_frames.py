"""`from dynofarm.results import runs, latencies, samples`: DataFrames with the right types, also when empty."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dynofarm.results import latencies, runs, samples
from orchestrator.errors import StoreError, UnknownName, UsageError
from orchestrator.export.columns import LATENCY_COLUMNS, SAMPLE_COLUMNS, run_columns
from orchestrator.farm import init_farm
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from tests.making import MOMENT, make_job, make_model, make_run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def farm(tmp_path: Path) -> Path:
    """Three runs: two models, one of them crashed once."""
    root = tmp_path / "farm"
    init_farm(root)
    mini = make_model("mini")
    jobs = [
        make_job("a" * 32),
        make_job("b" * 32, model="mini", model_digest=mini.digest),
        make_job("c" * 32, model="mini", model_digest=mini.digest, block=1),
    ]
    with Store.open(root / "results.db", create=True) as store:
        store.create_sweep(Sweep("nightly", ("bert", "mini"), ("all",)), jobs, [make_model(), mini], MOMENT)
        for job in jobs[:2]:
            store.save_run(make_run(job))
        store.save_run(make_run(jobs[2], RunStatus.CRASHED, message="SIGSEGV"))
    return root


def test_a_run_is_a_row_with_types(farm: Path) -> None:
    found = runs(farm=farm)
    assert list(found.columns) == list(run_columns())
    assert len(found) == 3
    assert found["median_ns"].dtype == pd.Float64Dtype()
    assert found["n"].dtype == pd.Int64Dtype()
    assert found["steady"].dtype == pd.BooleanDtype()
    assert isinstance(found["model"].dtype, pd.StringDtype)
    assert str(found["started"].dtype) == "datetime64[us, UTC]"
    assert found["p99_ns"].isna().all(), "a hundred inferences support none, and that is not 0"
    assert found.set_index("job_id").loc["c" * 32, "message"] == "SIGSEGV"


def test_a_row_an_inference_and_a_row_a_reading(farm: Path) -> None:
    every, sampled = latencies("model=mini", farm=farm), samples("model=mini", farm=farm)
    assert list(every.columns) == list(LATENCY_COLUMNS)
    assert every["latency_ns"].tolist() == [1_000_000 + 1000 * index for index in range(100)]
    assert every["inference"].tolist() == list(range(100))
    assert list(sampled.columns) == list(SAMPLE_COLUMNS)
    rss = sampled[sampled["channel"] == "worker_rss_bytes"]
    assert rss["value"].tolist() == [1.0, 2.0]
    assert sampled[sampled["channel"] == "temp_c"]["value"].isna().all()


@pytest.mark.parametrize("read", [runs, latencies, samples])
def test_nothing_is_an_empty_frame_with_all_columns_and_types(farm: Path, read: Callable[..., pd.DataFrame]) -> None:
    empty, full = read("status=lost", farm=farm), read(farm=farm)
    assert len(empty) == 0
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()


@pytest.mark.parametrize(
    "where",
    ["model=mini,status=ok", {"model": ["mini"], "status": "ok"}, {"model": "m*", "status": ["ok"], "threads": 1}],
)
def test_a_text_and_a_mapping_mean_the_same(farm: Path, where: object) -> None:
    assert runs(where, farm=farm)["job_id"].tolist() == ["b" * 32]


def test_tables_join_by_their_run(farm: Path) -> None:
    joined = latencies(farm=farm).merge(runs(farm=farm), on=["job_id", "attempt"], suffixes=("", "_of_run"))
    assert len(joined) == 200
    assert (joined["latency_ns"] <= joined["max_ns"]).all()


def test_what_cannot_be_asked_is_an_error_of_ours(farm: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="there is no model 'gpt'"):
        runs("model=gpt", farm=farm)
    with pytest.raises(UsageError, match="there is no word 'speed'"):
        latencies("speed=4", farm=farm)
    with pytest.raises(UsageError, match="there is no farm"):
        samples(farm=tmp_path)
    with pytest.raises(StoreError, match="no results database"):
        runs(farm=farm, database=tmp_path / "none.db")


@pytest.mark.parametrize("missing", ["pandas", "pyarrow"])
def test_without_the_extra_the_error_names_it(farm: Path, missing: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from dynofarm.results import runs; from orchestrator.errors import UsageError\n"
        f"try: runs(farm={str(farm)!r})\n"
        "except UsageError as error: print(error.message, '/', error.hint)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, timeout=60, check=True, capture_output=True, text=True
    )
    assert said.stdout == (
        f"DataFrames need pandas and pyarrow, and {missing} is not installed / pip install 'dynofarm[export]'\n"
    )


def test_pandas_is_imported_when_it_is_needed() -> None:
    code = "import sys, dynofarm.results, orchestrator.api; print('pandas' in sys.modules, 'pyarrow' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, timeout=60, check=True, capture_output=True, text=True
    )
    assert said.stdout == "False False\n"
