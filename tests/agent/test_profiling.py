"""What operators take: from passes to one table, on LiteRT's profiler and onnxruntime's trace, and through a worker."""

import gc
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, save

from agent import profiling, worker
from agent.outcome import Failed, Measured
from agent.profiling import LEAST, MOST, Operator, Timed, count_inferences, mean_operators, middle_half, own_times
from agent.protocol import Result
from agent.runtimes import Engine, Profiling, Span, Traced, Unsupported
from agent.runtimes.onnx_trace import read_trace
from tests.agent.serving import MODEL, FolderBoard, make_job
from tests.agent.tiny_tflite import Cast, write_cast_model

MODELS = Path(__file__).resolve().parents[2] / "examples" / "models"
TOKENS = [
    {"name": "ids", "dtype": "int32", "shape": [1, 128], "fill": "integers", "low": 0.0, "high": 1000.0},
    {"name": "mask", "dtype": "int32", "shape": [1, 128], "fill": "ones"},
]
IMAGE = [{"name": "input", "dtype": "float32", "shape": [1, 128, 128, 3], "fill": "uniform", "low": -1.0, "high": 1.0}]
SCALAR = [{"name": "x", "dtype": "float32", "shape": [1, 4], "fill": "uniform", "low": 0.0, "high": 1.0}]


# From passes to a table -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("latency_ns", "count"), [(0.0, MOST), (1e3, MOST), (40e6, 50), (500e6, 4), (2e9, LEAST), (3600e9, LEAST)]
)
def test_the_pass_is_two_seconds_long_within_limits(latency_ns: float, count: int) -> None:
    assert count_inferences(latency_ns) == count


def test_an_inference_with_an_interrupt_in_it_is_left_out() -> None:
    traced = [Traced(wall_ns, []) for wall_ns in (100, 9000, 102, 101, 99, 103, 5, 100)]
    assert sorted(one.wall_ns for one in middle_half(traced)) == [100, 100, 101, 102]


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=30))
def test_there_is_always_an_inference_in_the_middle(walls_ns: list[int]) -> None:
    middle = middle_half([Traced(wall_ns, []) for wall_ns in walls_ns])
    assert 1 <= len(middle) <= len(walls_ns)
    assert min(walls_ns) <= middle[0].wall_ns <= middle[-1].wall_ns <= max(walls_ns)


def test_times_and_calls_are_those_of_one_inference() -> None:
    twice = [Span("a", "ADD", "cpu", 1.0), Span("b", "MUL", "cpu", 5.0), Span("a", "ADD", "cpu", 2.0)]
    once = [Span("a", "ADD", "cpu", 3.0), Span("b", "MUL", "cpu", 6.0)]
    assert mean_operators([twice, once]) == [
        Operator("a", "ADD", "cpu", 1.5, 3.0),
        Operator("b", "MUL", "cpu", 1.0, 5.5),
    ]


def test_one_node_in_two_places_is_two_operators() -> None:
    spans = [Span("a", "ADD", "litert", 1.0), Span("a", "ADD", "xnnpack", 1.0)]
    assert [operator.where for operator in mean_operators([spans])] == ["litert", "xnnpack"]


def test_a_body_is_no_part_of_its_operators_own_time() -> None:
    loop, first, second, behind = Timed(10, 100), Timed(20, 30), Timed(50, 40), Timed(110, 7)
    assert own_times([loop, first, second, behind]) == [30, 30, 40, 7]
    assert own_times([first, second, behind, loop]) == [30, 40, 7, 30]


def test_a_loop_in_a_loop_is_counted_once() -> None:
    assert own_times([Timed(0, 100), Timed(10, 60), Timed(20, 5)]) == [40, 55, 5]


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), max_size=30))
def test_operators_one_behind_the_other_keep_their_times(times_us: list[int]) -> None:
    starts = [sum(times_us[:index]) for index in range(len(times_us))]
    stretches = [Timed(start, us) for start, us in zip(starts, times_us, strict=True)]
    assert own_times(stretches) == times_us


class Told(Profiling):
    """A model that tells what it was made with."""

    source = "a test"

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = list(spans)

    def trace(self, inferences: int) -> list[Traced]:
        return [Traced(10_000, self._spans) for _ in range(inferences)]


def test_the_sum_stands_beside_the_loop_that_was_not_profiled() -> None:
    found = profiling.take(Told([Span("a", "ADD", "cpu", 4.0), Span("b", "MUL", "cpu", 2.5)]), [7_000, 8_000, 90_000])
    assert (found.sum_us, found.wall_us, found.loop_us) == (6.5, 10.0, 8.0)
    assert (found.source, found.of, found.inferences) == ("a test", MOST, MOST // 2)


def test_a_runtime_that_tells_nothing_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="a test told of no operator"):
        profiling.take(Told([]), [1])


def test_a_runtime_without_a_profiler_says_so_before_it_loads_anything() -> None:
    with pytest.raises(Unsupported, match="does not tell what its operators take"):
        Engine().load_to_profile("absent", 1, "none", {})


# LiteRT ---------------------------------------------------------------------------------------------


@pytest.fixture
def litert(run_once: Any, litert_library: Path) -> Any:
    def run(model: Path, recipes: Any, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = run_once("litert", model, recipes, carrier=litert_library, inferences=5, **more)
        return answer

    return run


def kinds_in(profile: dict[str, Any], where: str) -> list[str]:
    return [one["kind"] for one in profile["operators"] if one["where"] == where]


def check_sums(profile: dict[str, Any]) -> None:
    """Whatever the board does meanwhile, the parts are no more than the whole."""
    total_us = sum(one["us"] for one in profile["operators"])
    assert total_us == pytest.approx(profile["sum_us"], abs=0.01)
    assert 0 < total_us <= profile["wall_us"]
    assert LEAST <= profile["of"] <= MOST
    assert profile["inferences"] >= profile["of"] // 2


def test_litert_tells_of_the_operators_inside_xnnpack_and_of_those_outside(litert: Any) -> None:
    profile = litert(MODELS / "bert-tiny.tflite", TOKENS, profile=True)["profile"]
    check_sums(profile)
    assert profile["source"] == "LiteRT's profiler"
    outside, inside = kinds_in(profile, "litert"), kinds_in(profile, "xnnpack")
    assert "EMBEDDING_LOOKUP" in outside
    assert len(inside) > len(outside) > 0
    assert any(kind.startswith("Fully Connected") for kind in inside)
    names = [one["name"] for one in profile["operators"]]
    assert len(set(names)) == len(names)
    assert {one["calls"] for one in profile["operators"]} == {1.0}


@pytest.mark.parametrize(("name", "recipes"), [("bert-tiny-int8", TOKENS), ("face-detection", IMAGE)])
def test_without_a_delegate_every_operator_of_the_file_is_told_once(litert: Any, name: str, recipes: Any) -> None:
    answer = litert(MODELS / f"{name}.tflite", recipes, delegate="none", profile=True)
    check_sums(answer["profile"])
    assert len(kinds_in(answer["profile"], "litert")) == answer["details"]["operators"]
    assert kinds_in(answer["profile"], "xnnpack") == []


def test_what_a_delegate_takes_whole_leaves_nothing_outside(litert: Any) -> None:
    answer = litert(MODELS / "face-detection.tflite", IMAGE, profile=True)
    assert answer["details"]["fully_delegated"]
    assert kinds_in(answer["profile"], "litert") == []


@pytest.mark.parametrize("delegate", ["xnnpack", "none"])
def test_a_profiled_model_computes_the_same(litert: Any, delegate: str) -> None:
    model = MODELS / "bert-tiny.tflite"
    plain = litert(model, TOKENS, delegate=delegate)
    profiled = litert(model, TOKENS, delegate=delegate, profile=True, threads=2)
    assert [one.shape for one in plain["outputs"]] == [one.shape for one in profiled["outputs"]]
    same = litert(model, TOKENS, delegate=delegate, profile=True)
    assert [one.tobytes() for one in plain["outputs"]] == [one.tobytes() for one in same["outputs"]]
    assert "profile" not in plain


def test_any_python_profiles_without_any_package(litert: Any, other_python: str) -> None:
    answer = litert(MODELS / "face-detection.tflite", IMAGE, profile=True, python=other_python)
    assert answer["modules"] == []
    check_sums(answer["profile"])


def test_of_thousands_of_operators_none_is_lost(litert: Any, tmp_path: Path) -> None:
    casts = [Cast(f"x{index}", "float32", "int32") for index in range(2500)]
    model = write_cast_model(tmp_path / "m.tflite", casts)
    recipes = [{"name": f"x{index}", "dtype": "float32", "shape": [1, 4], "fill": "uniform"} for index in range(2500)]
    profile = litert(model, recipes, delegate="none", profile=True)["profile"]
    assert [one["name"] for one in profile["operators"]] == [f"CAST #{index}" for index in range(2500)]


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"delegate": "gpu"}, "Unsupported"), ({"options": {"x": 1}}, "Unsupported"), ({"threads": 0}, "Unsupported")],
)
def test_what_cannot_be_loaded_cannot_be_profiled(litert: Any, changes: Any, error: str) -> None:
    assert litert(MODELS / "face-detection.tflite", IMAGE, profile=True, **changes)["error"] == error


def test_a_damaged_model_is_rejected_when_it_is_to_be_profiled(litert: Any, tmp_path: Path) -> None:
    model = tmp_path / "m.tflite"
    model.write_bytes((MODELS / "face-detection.tflite").read_bytes()[:100_000])
    assert litert(model, IMAGE, profile=True)["error"] == "Rejected"


# onnxruntime ----------------------------------------------------------------------------------------


@pytest.fixture
def onnx(run_once: Any, unpacked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """onnxruntime with a folder for temporary files that must be empty when the run is over."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    paths = [unpacked("onnxruntime==1.23.2"), unpacked("numpy==2.3.5")]

    def run(model: Path, recipes: Any, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = run_once(
            "onnxruntime", model, recipes, paths=paths, delegate="none", profile=True, inferences=5, **more
        )
        assert list(temporary.iterdir()) == []
        return answer

    return run


@pytest.mark.parametrize("name", ["bert-tiny", "bert-tiny-int8"])
def test_onnxruntime_tells_of_every_node_and_leaves_no_trace_behind(onnx: Any, name: str) -> None:
    profile = onnx(MODELS / f"{name}.onnx", TOKENS)["profile"]
    check_sums(profile)
    assert profile["source"] == "onnxruntime's trace"
    assert {one["where"] for one in profile["operators"]} == {"CPU"}
    products = {"MatMul", "Gemm", "FusedMatMul", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"}
    assert products & {one["kind"] for one in profile["operators"]}


def branching_model(path: Path) -> Path:
    """One `If`, whose branches are a node each."""
    branches = [
        helper.make_graph(
            [helper.make_node(kind, ["x"], ["z"], name=f"inner-{kind}")],
            kind,
            [],
            [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 4])],
        )
        for kind in ("Relu", "Neg")
    ]
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [-1.0])
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0, name="most"),
        helper.make_node("Greater", ["most", "zero"], ["positive"], name="greater"),
        helper.make_node("If", ["positive"], ["y"], then_branch=branches[0], else_branch=branches[1], name="branch"),
    ]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", [ports[0]], [ports[1]], [zero])
    save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), str(path))
    return path


def test_an_operator_with_a_body_is_told_beside_what_is_in_it(onnx: Any, tmp_path: Path) -> None:
    profile = onnx(branching_model(tmp_path / "m.onnx"), SCALAR, options={"graph_optimization": "disabled"})["profile"]
    kinds = {one["kind"] for one in profile["operators"]}
    assert {"If", "Relu", "Greater"} <= kinds
    assert "Neg" not in kinds


def event(name: str, start_us: int, dur_us: int, **args: Any) -> str:
    told = {"cat": "Node", "name": f"{name}_kernel_time", "ts": start_us, "dur": dur_us}
    return json.dumps({**told, "args": {"op_name": "Add", "provider": "CPUExecutionProvider", **args}})


RUN = json.dumps({"cat": "Session", "name": "model_run", "ts": 0, "dur": 9})


def test_a_trace_is_read_inference_by_inference() -> None:
    lines = ["[", event("a", 1, 5) + ",", RUN + ",", event("a", 11, 7) + ",", RUN, "]", ""]
    assert list(read_trace(io.StringIO("\n".join(lines)))) == [
        [Span("a", "Add", "CPU", 5.0)],
        [Span("a", "Add", "CPU", 7.0)],
    ]


@pytest.mark.parametrize(
    "text",
    ["", "[", "]", "null", "[1, 2]", "\x00\ufffd", "{" * 100_000, '{"cat": "Node"}', '{"name": 5}', "[[[[", '"' * 9],
)
def test_what_is_no_trace_tells_of_no_inference(text: str) -> None:
    assert list(read_trace(io.StringIO(text))) == []


def test_a_trace_that_is_cut_off_tells_of_whole_inferences_only() -> None:
    whole = "\n".join(["[" + event("a", 1, 5) + ",", RUN + ",", event("a", 11, 7) + ",", RUN])
    assert len(list(read_trace(io.StringIO(whole[:-9])))) == 1


@pytest.mark.parametrize(
    "node",
    [
        {"cat": "Node", "name": "a_kernel_time"},
        {"cat": "Node", "name": "a_kernel_time", "ts": "soon", "dur": 1, "args": {}},
        {"cat": "Node", "name": "a_kernel_time", "ts": 1, "dur": 1, "args": None},
    ],
)
def test_a_trace_of_another_form_is_unsupported_and_shows_where(node: dict[str, Any]) -> None:
    with pytest.raises(Unsupported, match="not of a form that is known here"):
        list(read_trace(io.StringIO(f"{json.dumps(node)}\n{RUN}\n")))


def test_a_runtime_whose_operators_cannot_be_told_is_unsupported(run_once: Any, unpacked: Any) -> None:
    paths = [unpacked("tflite-runtime==2.14.0"), unpacked("numpy==1.26.4")]
    answer = run_once("tflite-runtime", MODELS / "face-detection.tflite", IMAGE, paths=paths, profile=True)
    assert answer["error"] == "Unsupported"
    assert "does not tell what its operators take" in answer["message"]


# In a worker ----------------------------------------------------------------------------------------


@pytest.fixture
def usual_garbage_collection() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


@pytest.mark.usefixtures("usual_garbage_collection")
def test_a_job_to_be_profiled_keeps_its_loop_and_its_operators(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.write_bytes(MODEL)
    job = make_job(profile_ops=True, delegate="xnnpack", options={"sleep_ms": 0.2})
    heard: list[Any] = []
    measured = worker.attempt(job, str(model), None, heard.append)
    assert isinstance(measured, Measured)
    assert [report.stage for report in heard[:3]] == ["checking", "timing", "finishing"]
    assert heard[1].quiet_s > 2 * (job.protocol.max_s + job.protocol.warmup_limit_s)
    profile = measured.details["operator_profile"]
    assert [(one["kind"], one["where"]) for one in profile["operators"]] == [("SLEEP", "xnnpack"), ("FILL", "fake")]
    assert len(measured.timing.latencies_ns) >= 5
    assert min(measured.timing.latencies_ns) / 1e3 <= profile["loop_us"] <= max(measured.timing.latencies_ns) / 1e3


@pytest.mark.usefixtures("usual_garbage_collection")
def test_an_ordinary_job_is_not_profiled(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.write_bytes(MODEL)
    measured = worker.attempt(make_job(options={"sleep_ms": 0.2}), str(model), None, lambda _report: None)
    assert isinstance(measured, Measured)
    assert "operator_profile" not in measured.details


@pytest.mark.usefixtures("usual_garbage_collection")
def test_a_model_that_breaks_while_it_is_profiled_is_no_result(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.write_bytes(MODEL)
    job = make_job(profile_ops=True, options={"sleep_ms": 0.2, "unsupported": "not this one"})
    failed = worker.attempt(job, str(model), None, lambda _report: None)
    assert (type(failed), failed.reason, failed.message) == (Failed, "unsupported", "not this one")


def test_a_profile_comes_home_from_a_board(board: FolderBoard) -> None:
    result = board.serve().run(make_job(profile_ops=True, options={"sleep_ms": 0.2}), Result).result
    assert result.details["operator_profile"]["source"] == "the fake runtime"
    assert result.details["operator_profile"]["of"] >= LEAST
