"""Sweeps: from YAML and from the command line, every fault at once, and strictly through the store."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.protocol import MeasureProtocol
from orchestrator.errors import ConfigError
from orchestrator.farm import EXAMPLE_SWEEP
from orchestrator.store.rows import sweep_from_json, sweep_to_json
from orchestrator.sweep import PROFILES, PROTOCOLS, QUICK, STANDARD, Purpose, RuntimeChoice, Sweep
from orchestrator.sweep_files import load_sweep, override_sweep, sweep_from_options

RUNTIMES = "litert, ai-edge-litert, tflite-runtime, onnxruntime, openvino, executorch, iree, mnn, ncnn, fake"
AXES = "device, model, runtime, version, threads, delegate"
KEYS = (
    "name, models, on, runtimes, threads, delegates, options, protocol, repeats, seed, sample_hz, deadline, "
    "exclude, reference, energy, profile, teacher, claims, task, notes"
)
MODELS = "a list of names or patterns of models"
THREADS = "a list of whole numbers from 1 to 1024"
PROTOCOLS_ALLOWED = "quick, standard, mlperf-like"
MANY = "threads: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]\noptions: {a: [1, 2, 3, 4], b: [1, 2, 3]}\nrepeats: 1000\n"
DURATION = "a duration from 1s to 24h, such as 90s or 10m"


def load(tmp_path: Path, text: str) -> Sweep:
    path = tmp_path / "bert.yaml"
    path.write_text(text)
    return load_sweep(path)


def faults_of(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert caught.value.hint
    return [line.removeprefix(f"{tmp_path}/") for line in caught.value.message.splitlines()]


def faults_of_options(**options: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        sweep_from_options(**{"models": ["bert"], **options})
    assert caught.value.hint == "see: dynofarm run --help"
    return caught.value.message.splitlines()


def test_one_line_is_a_sweep(tmp_path: Path) -> None:
    assert load(tmp_path, "models: bert\n") == Sweep("bert", ("bert",), ("all",))


def test_every_key_arrives_in_the_sweep(tmp_path: Path) -> None:
    text = """
name: night
models: [bert, "mini*"]
on: [tag:arm64, kitchen, no]
runtimes:
  - litert
  - tflite-runtime@2.14.0
  - {name: onnxruntime, version: ["1.19.2", "1.23.2"]}
threads: [1, 2, 4]
delegates: [xnnpack, none]
options: {fast: [true, false], level: 3}
protocol: quick
repeats: 5
seed: 7
sample_hz: 2
deadline: 10m
exclude:
  - {runtime: onnxruntime, threads: [2, 4]}
  - {runtime: tflite-runtime@2.14.0, options.fast: true}
reference: false
energy: true
profile: ops
notes: why
"""
    assert load(tmp_path, text) == Sweep(
        name="night",
        models=("bert", "mini*"),
        on=("tag:arm64", "kitchen", "no"),
        runtimes=(
            RuntimeChoice("litert"),
            RuntimeChoice("tflite-runtime", "2.14.0"),
            RuntimeChoice("onnxruntime", "1.19.2"),
            RuntimeChoice("onnxruntime", "1.23.2"),
        ),
        threads=(1, 2, 4),
        delegates=("xnnpack", "none"),
        options=({"fast": True, "level": 3}, {"fast": False, "level": 3}),
        protocol=QUICK,
        repeats=5,
        seed=7,
        sample_hz=2.0,
        deadline_s=600.0,
        exclude=(
            {"runtime": "onnxruntime", "threads": [2, 4]},
            {"runtime": "tflite-runtime", "version": "2.14.0", "options.fast": True},
        ),
        reference=False,
        energy=True,
        profile="ops",
        notes="why",
    )


def test_options_may_be_rows(tmp_path: Path) -> None:
    sweep = load(tmp_path, "models: m\noptions: [{}, {a: 1}, {a: true}, {a: x, b: 2.5}]\n")
    assert sweep.options == ({}, {"a": 1}, {"a": True}, {"a": "x", "b": 2.5})


@pytest.mark.parametrize("word", ["maybe", "1", "'yes'", "[true]"])
def test_whether_the_reference_model_runs_is_true_or_false(tmp_path: Path, word: str) -> None:
    for key in ("reference", "energy"):
        (line,) = faults_of(tmp_path, f"models: m\n{key}: {word}\n")
        assert line.startswith(f"bert.yaml:2:{len(key) + 3}: {key}: found ")
        assert line.endswith("allowed: true or false")


@pytest.mark.parametrize("word", ["true", "operators", "[ops]", "1"])
def test_what_is_profiled_is_ops_or_none(tmp_path: Path, word: str) -> None:
    (line,) = faults_of(tmp_path, f"models: m\nprofile: {word}\n")
    assert line.startswith("bert.yaml:2:10: profile: found ")
    assert line.endswith("allowed: ops or none")
    assert load(tmp_path, "models: m\nprofile: none\n").profile == "none"


def test_a_protocol_takes_from_its_base_what_it_does_not_say(tmp_path: Path) -> None:
    sweep = load(tmp_path, "models: m\nprotocol: {base: quick, min_s: 2s, max_s: 1m, min_inferences: 200}\n")
    assert sweep.protocol == MeasureProtocol("custom", 5, 0.5, 2.0, 200, 2.0, 60.0)
    named = load(tmp_path, "models: m\nprotocol: {name: mine, warmup_s: 0, warmup_limit_s: 0, warmup_inferences: 0}\n")
    assert named.protocol == MeasureProtocol("mine", 0, 0.0, 0.0, 662, 5.0, 60.0)
    assert load(tmp_path, "models: m\nprotocol: {base: quick}\n").protocol == QUICK
    assert load(tmp_path, "models: m\nprotocol: {}\n").protocol == STANDARD


def test_the_example_that_init_writes_is_a_sweep(tmp_path: Path) -> None:
    sweep = load(tmp_path, EXAMPLE_SWEEP)
    assert sweep.protocol == QUICK
    uncommented = EXAMPLE_SWEEP.replace("# exclude", "exclude").replace("#   -", "  -").replace("# notes", "notes")
    for key in ("delegates", "seed", "deadline", "reference", "energy", "profile"):
        uncommented = uncommented.replace(f"# {key}:", f"{key}:")
    full = load(tmp_path, uncommented)
    assert full.deadline_s == 600
    assert len(full.exclude) == 2
    assert (full.reference, full.energy, full.profile) == (True, True, "ops")
    assert (sweep.reference, sweep.energy, sweep.profile) == (True, False, "none")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("on: all\n", [f"bert.yaml:1:1: models: is missing, allowed: {MODELS}"]),
        ("models:\n", [f"bert.yaml:1:1: models: is missing, allowed: {MODELS}"]),
        ("models: []\n", [f"bert.yaml:1:9: models: found a list, allowed: {MODELS}"]),
        (
            "models: [a, 5]\n",
            [f"bert.yaml:1:13: models[1]: found 5 (in quotes it is text), allowed: {MODELS}"],
        ),
        (
            "models: [a, b, a]\n",
            [f"bert.yaml:1:9: models: found a list (the value a is there twice), allowed: {MODELS}"],
        ),
        ("models: m\nthread: 4\n", [f"bert.yaml:2:1: thread: unknown key; did you mean threads? allowed: {KEYS}"]),
        (
            "models: m\nthreads: [0, 2, 2000, two, 1.5]\n",
            [
                f"bert.yaml:2:{column}: threads[{index}]: found {found}, allowed: {THREADS}"
                for column, index, found in [(11, 0, 0), (17, 2, 2000), (23, 3, "'two'"), (28, 4, 1.5)]
            ],
        ),
        ("models: m\nrepeats: 1001\n", ["bert.yaml:2:10: repeats: found 1001, allowed: a whole number from 1 to 1000"]),
        ("models: m\nseed: -1\n", ["bert.yaml:2:7: seed: found -1, allowed: a whole number from 0 to 4294967295"]),
        ("models: m\nsample_hz: -1\n", ["bert.yaml:2:12: sample_hz: found -1, allowed: a number from 0 to 100"]),
        (
            "models: m\ndeadline: never\n",
            [f"bert.yaml:2:11: deadline: found 'never' ('never' is not a duration), allowed: {DURATION}"],
        ),
        ("models: m\ndeadline: 2d\n", [f"bert.yaml:2:11: deadline: found '2d', allowed: {DURATION}"]),
        (
            "models: m\nruntimes: [litrt]\n",
            [
                f"bert.yaml:2:11: runtimes: found a list (there is no runtime 'litrt'; known: {RUNTIMES}), "
                f"allowed: a list of {RUNTIMES}, each with @version or not"
            ],
        ),
        (
            "models: m\nruntimes: {name: onnxruntime, version: 1.10}\n",
            [
                "bert.yaml:2:11: runtimes: found a mapping (a version stands in quotes: 2.10 would lose its zero), "
                f"allowed: a list of {RUNTIMES}, each with @version or not"
            ],
        ),
        (
            "models: m\nruntimes: litert@\n",
            [
                "bert.yaml:2:11: runtimes: found 'litert@' ('litert@' names no version behind the @), "
                f"allowed: a list of {RUNTIMES}, each with @version or not"
            ],
        ),
        (
            "models: m\nruntimes: [litert, litert]\n",
            [
                "bert.yaml:2:11: runtimes: found a list (the runtime litert is there twice), "
                f"allowed: a list of {RUNTIMES}, each with @version or not"
            ],
        ),
        (
            "models: m\ndelegates: [xnnpak]\n",
            [
                "bert.yaml:2:13: delegates[0]: found 'xnnpak' (did you mean xnnpack?), "
                "allowed: a list of usual, xnnpack, none"
            ],
        ),
        (
            "models: m\noptions: [1]\n",
            [
                "bert.yaml:2:10: options: found a list (not a mapping of options), "
                "allowed: a list of mappings, or a mapping of lists (their product)"
            ],
        ),
        (
            "models: m\nprotocol: fast\n",
            [f"bert.yaml:2:11: protocol: found 'fast' (no such protocol), allowed: {PROTOCOLS_ALLOWED}, or a mapping"],
        ),
        (
            "models: m\nprotocol: {base: quik, min_s: 20m, mins: 3}\n",
            [
                f"bert.yaml:2:18: protocol.base: found 'quik' (did you mean quick?), allowed: {PROTOCOLS_ALLOWED}",
                "bert.yaml:2:31: protocol.min_s: found '20m', allowed: a duration, 0 to 10m",
                "bert.yaml:2:36: protocol.mins: unknown key; did you mean min_s? allowed: base, name, "
                "warmup_inferences, warmup_s, warmup_limit_s, min_inferences, min_s, max_s",
            ],
        ),
        (
            "models: m\nprotocol: {base: quick, min_s: 20s, warmup_s: 9}\n",
            [
                "bert.yaml:2:32: protocol.min_s: found 20, allowed: at most max_s, which is 10",
                "bert.yaml:2:47: protocol.warmup_s: found 9, allowed: at most warmup_limit_s, which is 2",
            ],
        ),
        (
            "models: m\nprotocol: {name: quick, min_s: 1}\n",
            ["bert.yaml:2:18: protocol.name: found 'quick' with other values than its own, allowed: a name of its own"],
        ),
        (
            "models: m\nexclude: [{rutime: x}]\n",
            [
                f"bert.yaml:2:10: exclude: found a list (unknown key rutime; allowed: {AXES}, options.NAME), "
                f"allowed: a list of mappings with {AXES} or options.NAME"
            ],
        ),
        (
            "models: m\nexclude: {version: 2.14}\n",
            [
                "bert.yaml:2:10: exclude: found a mapping (version needs a pattern or a whole number; "
                f"versions stand in quotes), allowed: a list of mappings with {AXES} or options.NAME"
            ],
        ),
        (
            "models: m\n" + MANY,
            ["bert.yaml:1:1: found 132000 jobs a board (product of all axes and repeats), allowed: at most 100000"],
        ),
        (
            "models: m\nmodels: n\n",
            ["bert.yaml:2:1: models: found the key a second time, allowed: once; the first is in line 1"],
        ),
    ],
)
def test_a_wrong_sweep_is_told_line_by_line(tmp_path: Path, text: str, lines: list[str]) -> None:
    assert faults_of(tmp_path, text) == lines


def test_all_faults_of_a_sweep_come_at_once(tmp_path: Path) -> None:
    text = "models: []\nthreads: 0\nrepeats: x\nnote: 1\npassword: x\nexclude: 5\n"
    assert [line.split(": ")[1] for line in faults_of(tmp_path, text)] == [
        "models",
        "threads[0]",
        "repeats",
        "note",
        "password",
        "exclude",
    ]


@pytest.mark.parametrize(
    "rule", ["{}", "5", "{threads: }", "{threads: []}", "{options.: 1}", "{device: {a: 1}}", "{device: true}"]
)
def test_a_rule_that_could_never_match_is_refused(tmp_path: Path, rule: str) -> None:
    (line,) = faults_of(tmp_path, f"models: m\nexclude: [{rule}]\n")
    assert line.startswith("bert.yaml:2:10: exclude: found a list (")


@pytest.mark.parametrize("model", ["-x", " ", "a\\nb", "", "x" * 300])
def test_a_model_is_named_by_one_line_of_text(tmp_path: Path, model: str) -> None:
    (line,) = faults_of(tmp_path, f'models: ["{model}"]\n')
    assert line.startswith("bert.yaml:1:10: models[0]: found ")


def test_options_of_the_command_line_are_a_sweep() -> None:
    assert sweep_from_options(
        models=["bert", "mini*"],
        on=["kitchen,tag:desk", "attic"],
        runtimes="litert, tflite-runtime@2.14.0",
        threads="1,2,4",
        delegates="xnnpack,none",
        options=["fast=true,false", "level=3"],
        protocol="quick",
        repeats=2,
        seed=9,
        sample_hz=5,
        deadline="90s",
        exclude=["runtime=onnxruntime,threads=4", "options.fast=true"],
        reference=False,
        energy=True,
        profile="ops",
        name="mine",
        notes="n",
    ) == Sweep(
        name="mine",
        models=("bert", "mini*"),
        on=("kitchen", "tag:desk", "attic"),
        runtimes=(RuntimeChoice("litert"), RuntimeChoice("tflite-runtime", "2.14.0")),
        threads=(1, 2, 4),
        delegates=("xnnpack", "none"),
        options=({"fast": True, "level": 3}, {"fast": False, "level": 3}),
        protocol=QUICK,
        repeats=2,
        seed=9,
        sample_hz=5.0,
        deadline_s=90.0,
        exclude=({"runtime": "onnxruntime", "threads": 4}, {"options.fast": True}),
        reference=False,
        energy=True,
        profile="ops",
        notes="n",
    )


def test_models_alone_are_a_sweep() -> None:
    assert sweep_from_options(models=["bert"]) == Sweep("command-line", ("bert",), ("all",))


def test_a_version_in_a_rule_of_the_command_line_stays_text() -> None:
    sweep = sweep_from_options(models=["m"], exclude=["version=2.10", "runtime=litert@2.3.0"])
    assert sweep.exclude == ({"version": "2.10"}, {"runtime": "litert", "version": "2.3.0"})


def test_options_override_a_file_and_leave_the_rest() -> None:
    base = Sweep(
        "f", ("bert",), ("all",), threads=(8,), protocol=QUICK, repeats=9, exclude=({"threads": 8},), deadline_s=5.0
    )
    changed = override_sweep(base, {"on": ["kitchen"], "threads": "1,2", "deadline": "1m"})
    assert changed == Sweep(
        "f",
        ("bert",),
        ("kitchen",),
        threads=(1, 2),
        protocol=QUICK,
        repeats=9,
        exclude=({"threads": 8},),
        deadline_s=60.0,
    )
    assert override_sweep(base, {}) == base


def test_an_override_of_a_whole_sweep_is_checked_as_a_whole() -> None:
    base = Sweep("f", ("bert",), ("all",), threads=tuple(range(1, 201)), options=tuple({"a": n} for n in range(10)))
    with pytest.raises(ConfigError, match="found 2000000 jobs a board"):
        override_sweep(base, {"repeats": 1000})


def test_faults_of_options_name_the_option() -> None:
    assert faults_of_options(
        models=["-x"],
        threads="1,x,0",
        protocol="quik",
        repeats=0,
        delegates="xnnpak",
        runtimes="litrt",
        deadline="never",
        sample_hz=1000,
        exclude=["threads"],
        options=["a"],
    ) == [
        f"--deadline: found 'never' ('never' is not a duration), allowed: {DURATION}",
        "--delegates[0]: found 'xnnpak' (did you mean xnnpack?), allowed: a list of usual, xnnpack, none",
        "--exclude: found 'threads', allowed: KEY=VALUE,KEY=VALUE",
        f"--exclude: found a list (not a mapping such as {{runtime: onnxruntime, threads: 4}}), "
        f"allowed: a list of mappings with {AXES} or options.NAME",
        "--option: found 'a', allowed: KEY=VALUE,VALUE, each key once",
        f"--protocol: found 'quik' (no such protocol), allowed: {PROTOCOLS_ALLOWED}, or a mapping",
        "--repeats: found 0, allowed: a whole number from 1 to 1000",
        f"--runtimes: found a list (there is no runtime 'litrt'; known: {RUNTIMES}), "
        f"allowed: a list of {RUNTIMES}, each with @version or not",
        "--sample-hz: found 1000, allowed: a number from 0 to 100",
        f"--threads[1]: found 'x', allowed: {THREADS}",
        f"--threads[2]: found 0, allowed: {THREADS}",
        f"MODEL[0]: found '-x', allowed: {MODELS}",
    ]


@pytest.mark.parametrize(
    "options", [{"threads": ""}, {"on": [","]}, {"runtimes": "litert,"}, {"exclude": [""]}, {"options": ["a=["]}]
)
def test_an_empty_or_broken_option_is_refused(options: dict[str, Any]) -> None:
    assert faults_of_options(**options)


WORD = st.text("abcxyz*-_.", min_size=1, max_size=8).filter(lambda word: word[0] not in "-")
SCALAR = st.integers(-100, 100) | st.booleans() | st.floats(-10, 10) | WORD | st.none()
NUMBERS = st.floats(0.1, 600)
STORED = st.builds(
    Sweep,
    name=WORD,
    models=st.lists(WORD, min_size=1).map(tuple),
    on=st.lists(WORD, min_size=1).map(tuple),
    runtimes=st.lists(st.builds(RuntimeChoice, WORD, st.none() | WORD), min_size=1).map(tuple),
    threads=st.lists(st.integers(1, 1024), min_size=1).map(tuple),
    delegates=st.lists(WORD, min_size=1).map(tuple),
    options=st.lists(st.dictionaries(WORD, SCALAR, max_size=3), min_size=1, max_size=3).map(tuple),
    protocol=st.sampled_from(list(PROTOCOLS.values()))
    | st.builds(MeasureProtocol, WORD, st.integers(0, 9), NUMBERS, NUMBERS, st.integers(1, 9), NUMBERS, NUMBERS),
    repeats=st.integers(1, 1000),
    seed=st.integers(0, 2**32 - 1),
    sample_hz=st.floats(0.1, 100),
    deadline_s=st.none() | NUMBERS,
    exclude=st.lists(st.dictionaries(WORD, SCALAR | st.lists(SCALAR), max_size=2), max_size=2).map(tuple),
    notes=st.text(max_size=20),
    reference=st.booleans(),
    energy=st.booleans(),
    profile=st.sampled_from(PROFILES),
    teacher=st.none() | WORD,
    claims=st.lists(WORD, max_size=2).map(tuple),
    purpose=st.sampled_from(list(Purpose)),
)


@settings(deadline=None)
@given(STORED)
def test_a_sweep_comes_back_from_the_store_as_it_went(sweep: Sweep) -> None:
    found = sweep_from_json(sweep_to_json(sweep))
    assert found == sweep
    assert repr(found) == repr(sweep)


def test_a_sweep_of_an_older_version_takes_defaults_for_what_it_lacks() -> None:
    plain = json.loads(sweep_to_json(Sweep("s", ("m",), ("all",))))
    del plain["sample_hz"]
    assert sweep_from_json(json.dumps(plain)) == Sweep("s", ("m",), ("all",))


def test_a_sweep_that_was_planned_before_there_was_a_reference_model_has_none() -> None:
    """Resuming it must not bring jobs that its plan never had."""
    plain = json.loads(sweep_to_json(Sweep("s", ("m",), ("all",))))
    assert plain["reference"] is True
    for key in ("reference", "energy", "profile", "purpose"):
        del plain[key]
    old = sweep_from_json(json.dumps(plain))
    assert (old.reference, old.energy, old.profile, old.purpose) == (False, False, "none", Purpose.RESULTS)


def test_an_option_can_leave_out_what_a_file_asks_for() -> None:
    base = Sweep("f", ("bert",), ("all",), energy=True)
    assert override_sweep(base, {"reference": False}) == Sweep("f", ("bert",), ("all",), energy=True, reference=False)
    assert override_sweep(base, {"energy": False}) == Sweep("f", ("bert",), ("all",))
    profiled = Sweep("f", ("bert",), ("all",), profile="ops")
    assert override_sweep(profiled, {"profile": "none"}) == Sweep("f", ("bert",), ("all",))
    assert override_sweep(Sweep("f", ("bert",), ("all",)), {"profile": "ops"}) == profiled


def test_the_runtimes_named_here_are_those_of_the_agent() -> None:
    from agent.runtimes import RUNTIMES as OF_AGENT

    assert set(RUNTIMES.split(", ")) == set(OF_AGENT)
