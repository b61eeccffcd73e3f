"""A sweep written as a file asks for the same sweep."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.protocol import MeasureProtocol
from orchestrator.assignment import TaskChoice
from orchestrator.sweep import MLPERF_LIKE, QUICK, RuntimeChoice, Sweep
from orchestrator.sweep_files import load_sweep
from orchestrator.sweep_files.writing import sweep_to_yaml

NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=12).filter(
    lambda name: not name.startswith("-")
)


def read_back(text: str, folder: Path) -> Sweep:
    path = folder / "sweep.yaml"
    path.write_text(text)
    return load_sweep(path)


@pytest.mark.parametrize(
    "sweep",
    [
        Sweep("plain", ("bert",), ("all",)),
        Sweep(
            "all", ("a*", "b"), ("tag:arm64", "pi"), protocol=QUICK, repeats=9, seed=7, sample_hz=0.0, deadline_s=90.0
        ),
        Sweep("own", ("a",), ("all",), protocol=MeasureProtocol("brief", 5, 0.5, 1.0, 20, 1.0, 3.0), reference=False),
        Sweep("axes", ("a",), ("all",), runtimes=(RuntimeChoice("litert"), RuntimeChoice("tflite-runtime", "2.14.0"))),
        Sweep("more", ("a",), ("all",), threads=(1, 4), delegates=("usual", "none"), energy=True, profile="ops"),
        Sweep("rows", ("a",), ("all",), options=({}, {"level": "all", "sleep": 1.5, "on": True, "v": "1.0"})),
        Sweep("less", ("a",), ("all",), exclude=({"device": ["x", "y"], "threads": 2}, {"options.level": "all"})),
        Sweep("said", ("a",), ("all",), claims=("p50_ms <= 50 for a",), teacher="a", notes="two\nlines: # and 'more'"),
        Sweep("task", ("a",), ("all",), protocol=MLPERF_LIKE, task=TaskChoice("tweets", "classification", "dev")),
        Sweep("both", ("a",), ("all",), task=TaskChoice("t", scopes=("model", "end_to_end"), examples=9, new_tokens=3)),
    ],
    ids=lambda sweep: sweep.name,
)
def test_it_is_read_back_as_it_was(sweep: Sweep, tmp_path: Path) -> None:
    assert read_back(sweep_to_yaml(sweep), tmp_path) == sweep


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(name=NAMES, models=st.lists(NAMES, min_size=1, max_size=4, unique=True), notes=st.text(max_size=40))
def test_whatever_the_names_and_notes(tmp_path: Path, name: str, models: list[str], notes: str) -> None:
    sweep = Sweep(name, tuple(models), ("all",), notes="".join(one for one in notes if one.isprintable()))
    assert read_back(sweep_to_yaml(sweep), tmp_path) == sweep
