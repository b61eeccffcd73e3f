from dataclasses import replace
from pathlib import Path

import pytest

from agent.litert_versions import DEFAULT_VERSION, KNOWN_BUILDS
from agent.runtimes import RUNTIMES as AGENTS_RUNTIMES
from agent.runtimes.executorch_capi import KNOWN_VERSIONS
from orchestrator.errors import UnknownName, UsageError
from orchestrator.models import Model
from orchestrator.runtimes import (
    RUNTIMES,
    check_choice,
    find_runtime,
    objection,
    profile_objection,
    requirements_for,
    uses_own_copy,
    usual_delegate,
    version_for,
)
from orchestrator.runtimes.targets import Target, target_of
from orchestrator.sweep import RuntimeChoice
from tests.facts import a_board

TFLITE = Model("tiny", "0" * 64, Path("tiny.tflite"), "tflite", 4_000_000, (), (), ())
ONNX = replace(TFLITE, name="tiny-onnx", format="onnx")
LITERT = RuntimeChoice("litert")
OLD_PI = {"architecture": "armv7l", "bits": 32, "modules": {"numpy": "1.24.2"}}


def why(choice, model=TFLITE, delegate="none", threads=1, **changes):
    return objection(choice, delegate, threads, model, a_board(**changes))


def test_every_runtime_of_the_agent_is_in_the_catalogue_and_the_other_way_round():
    assert set(RUNTIMES) == set(AGENTS_RUNTIMES)


@pytest.mark.parametrize("delegate", ["xnnpack", "none"])
def test_nothing_is_said_against_litert_on_a_pi(delegate):
    assert why(LITERT, delegate=delegate, threads=4) is None


def test_an_unknown_runtime_is_answered_with_the_known_ones():
    assert why(RuntimeChoice("tensorrt")) == (
        "there is no runtime 'tensorrt'; known: litert, ai-edge-litert, tflite-runtime, onnxruntime, openvino, "
        "executorch, iree, mnn, ncnn, fake"
    )


@pytest.mark.parametrize(
    ("choice", "model", "changes", "expected"),
    [
        ("litert", ONNX, {}, "litert runs tflite files, and tiny-onnx is onnx"),
        ("onnxruntime", TFLITE, {}, "onnxruntime runs onnx files, and tiny is tflite"),
        ("onnxruntime", ONNX, {"delegate": "xnnpack"}, "onnxruntime knows the delegate none, not xnnpack"),
        ("litert", TFLITE, {"delegate": "gpu"}, "litert knows the delegate xnnpack or none, not gpu"),
        ("litert", TFLITE, {"threads": 5}, "5 threads on a board that has 4 usable CPUs"),
        ("litert", TFLITE, {"threads": 2, "usable_cpus": [3]}, "2 threads on a board that has 1 usable CPU"),
        ("litert", TFLITE, OLD_PI, "litert is built for aarch64 or x86_64, and the board is armv7l"),
        (
            "litert",
            TFLITE,
            {"bits": 32},
            "litert is built for aarch64 or x86_64, and the board is armv7l",
        ),
        (
            "onnxruntime",
            ONNX,
            {"architecture": "riscv64"},
            "onnxruntime is built for aarch64 or x86_64, and the board is 64-bit riscv64",
        ),
        (
            "litert",
            TFLITE,
            {"libc": "glibc 2.26"},
            "litert needs glibc 2.27 or newer, and the board has 2.26",
        ),
        ("litert", TFLITE, {"libc": "musl 1.2.4"}, "litert is built for glibc, and the board has musl 1.2.4"),
        (
            "litert",
            TFLITE,
            {"libstdcxx": False},
            "litert needs libstdc++, which the board lacks (apt install libstdc++6)",
        ),
        (
            "ai-edge-litert",
            TFLITE,
            {"python": "3.8.10"},
            "ai-edge-litert has wheels for Python 3.9 or newer, and the board has 3.8",
        ),
        (
            "tflite-runtime",
            TFLITE,
            {"python": "3.12.1"},
            "tflite-runtime has wheels for Python 3.8 to 3.11, and the board has 3.12",
        ),
        (
            "tflite-runtime",
            TFLITE,
            {"libc": "glibc 2.31"},
            "no build of tflite-runtime is known for Python 3.11, aarch64, glibc 2.31; "
            "the nearest is 2.14.0, which needs glibc 2.34 or newer",
        ),
        (
            "ai-edge-litert",
            TFLITE,
            {"python": "3.15.0"},
            "no build of ai-edge-litert is known for Python 3.15, aarch64, glibc 2.36; "
            "the nearest is 2.3.0, for Python 3.10 to 3.14",
        ),
        (
            "tflite-runtime",
            TFLITE,
            {**OLD_PI, "modules": {}},
            "tflite-runtime on armv7l needs the board's own numpy: apt install python3-numpy",
        ),
        (
            "tflite-runtime",
            TFLITE,
            {**OLD_PI, "modules": {"numpy": "2.2.1"}},
            "tflite-runtime needs numpy older than 2, and the board's own is 2.2.1",
        ),
    ],
)
def test_an_objection_is_one_sentence_that_names_both_sides(choice, model, changes, expected):
    assert why(RuntimeChoice(choice), model, **changes) == expected


def test_a_model_is_too_large_only_when_its_file_alone_exceeds_the_memory():
    assert why(LITERT, memory_bytes=4_000_000) is None
    assert why(LITERT, memory_bytes=3_000_000) == "tiny has 4 MB, and the board has 3 MB of memory"
    limited = why(LITERT, memory_bytes=8_000_000_000, memory_limit_bytes=2_000_000)
    assert limited == "tiny has 4 MB, and the board has 2 MB of memory"


def test_what_a_board_does_not_tell_is_not_held_against_it():
    assert why(LITERT, memory_bytes=None, memory_limit_bytes=None, libc=None) is None


@pytest.mark.parametrize("version", ["9.9", "2.2.0", "latest", "2.3.0; rm -rf ~", "--pre", ""])
def test_a_version_of_litert_that_cannot_be_called_is_refused_at_once(version):
    with pytest.raises(UsageError) as caught:
        check_choice(RuntimeChoice("litert", version))
    assert "known: 2.3.0" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("version", ["latest", "2.14.0 --pre", "-r/etc/passwd", "1.0\n2.0", "", "2.14.0\n"])
def test_what_is_no_version_never_reaches_the_package_index(version):
    with pytest.raises(UsageError):
        check_choice(RuntimeChoice("tflite-runtime", version))
    assert why(RuntimeChoice("tflite-runtime", version)) is not None


@pytest.mark.parametrize(
    "choice",
    [
        RuntimeChoice("litert"),
        RuntimeChoice("litert", "2.3.0"),
        RuntimeChoice("onnxruntime", "1.19.2"),
        RuntimeChoice("ai-edge-litert", "2.4.0rc1"),
        RuntimeChoice("fake"),
    ],
)
def test_a_sound_choice_passes(choice):
    check_choice(choice)


def test_an_unknown_runtime_is_an_unknown_name():
    with pytest.raises(UnknownName):
        check_choice(RuntimeChoice("tflight"))


def test_fake_has_no_versions():
    with pytest.raises(UsageError, match="has no versions"):
        check_choice(RuntimeChoice("fake", "1.0"))


@pytest.mark.parametrize(
    ("name", "board", "version"),
    [
        ("litert", {"python": "3.8.10", "libc": "glibc 2.31"}, DEFAULT_VERSION),
        ("ai-edge-litert", {}, "2.3.0"),
        ("ai-edge-litert", {"python": "3.9.2", "libc": "glibc 2.31"}, "2.1.0"),
        ("tflite-runtime", {}, "2.14.0"),
        ("tflite-runtime", {"python": "3.9.2", "libc": "glibc 2.31"}, "2.13.0"),
        ("tflite-runtime", {"python": "3.8.10", "libc": "glibc 2.31"}, "2.13.0"),
        ("tflite-runtime", {"architecture": "x86_64", "libc": "glibc 2.31"}, "2.14.0"),
        ("tflite-runtime", OLD_PI, "2.14.0"),
        ("onnxruntime", {}, "1.31.1"),
        ("onnxruntime", {"libc": "glibc 2.27"}, "1.28.0"),
        ("onnxruntime", {"python": "3.10.12"}, "1.23.2"),
        ("onnxruntime", {"python": "3.8.10", "libc": "glibc 2.31"}, "1.19.2"),
        ("onnxruntime", {"python": "3.8.10", "libc": "glibc 2.17"}, "1.16.3"),
        ("openvino", {}, "2026.4.1"),
        ("openvino", {"libc": "glibc 2.31"}, "2025.2.0"),
        ("openvino", {"python": "3.9.2", "libc": "glibc 2.31"}, "2025.2.0"),
        ("openvino", {"python": "3.8.10", "libc": "glibc 2.31"}, "2024.4.0"),
        ("openvino", {"python": "3.10.12", "libc": "glibc 2.27"}, "2024.0.0"),
        ("openvino", {"architecture": "x86_64", "libc": "glibc 2.31"}, "2026.4.1"),
        ("openvino", {"architecture": "x86_64", "libc": "glibc 2.17"}, "2025.4.1"),
        ("openvino", {"architecture": "x86_64", "python": "3.9.2"}, "2025.3.0"),
        ("openvino", {"architecture": "x86_64", "python": "3.8.10"}, "2024.4.0"),
        ("executorch", {}, "1.5.1"),
        ("executorch", {"python": "3.8.10", "libc": "glibc 2.28"}, "1.5.1"),
        ("executorch", {"libc": "glibc 2.27"}, None),
        ("iree", {"libc": "glibc 2.27"}, "3.13.0"),
        ("iree", {"architecture": "x86_64", "libc": "glibc 2.27"}, None),
        ("iree", {"python": "3.14.0"}, "3.13.0"),
    ],
)
def test_each_board_is_given_the_newest_version_that_runs_there(name, board, version):
    target = target_of(a_board(**board))
    assert version_for(find_runtime(name), RuntimeChoice(name), target) == version


def test_the_users_own_version_goes_before_the_recommended_one():
    row = find_runtime("onnxruntime")
    assert version_for(row, RuntimeChoice("onnxruntime", "1.22.0"), target_of(a_board())) == "1.22.0"


@pytest.mark.parametrize(
    ("name", "version", "architecture", "expected"),
    [
        ("tflite-runtime", "2.14.0", "aarch64", ["tflite-runtime==2.14.0", "numpy>=1.21.2,<2", "psutil"]),
        ("tflite-runtime", "2.14.0", "armv7l", ["tflite-runtime==2.14.0"]),
        ("onnxruntime", "1.31.1", "x86_64", ["onnxruntime==1.31.1", "numpy>=1.21.6", "psutil"]),
        ("onnxruntime", "1.16.3", "x86_64", ["onnxruntime==1.16.3", "numpy>=1.21.6,<2", "psutil"]),
        ("ai-edge-litert", "2.3.0", "aarch64", ["ai-edge-litert==2.3.0", "numpy>=1.23.2", "psutil"]),
        ("openvino", "2024.0.0", "aarch64", ["openvino==2024.0.0", "numpy>=1.16.6,<2", "psutil"]),
        ("openvino", "2026.4.1", "x86_64", ["openvino==2026.4.1", "numpy>=1.16.6,<2.6", "psutil"]),
        ("executorch", "1.5.1", "aarch64", ["executorch==1.5.1"]),
        ("iree", "3.13.0", "aarch64", ["iree-base-runtime==3.13.0", "ml_dtypes", "numpy>=1.23.2", "psutil"]),
    ],
)
def test_a_bundle_pins_what_its_runtime_was_built_against(name, version, architecture, expected):
    assert requirements_for(find_runtime(name), version, Target((3, 9), architecture, (2, 31))) == expected


PROGRAM = replace(TFLITE, name="tiny-pte", format="pte", operators={"aten::relu.out": 1})
WITH_XNNPACK = replace(PROGRAM, operators={"DELEGATE:XnnpackBackend": 2})
WITH_QNN = replace(PROGRAM, operators={"DELEGATE:QnnBackend": 1})
MODULE = replace(TFLITE, name="tiny-vmfb", format="vmfb", operators={"CODE:aarch64": 1})
EXECUTORCH, IREE = RuntimeChoice("executorch"), RuntimeChoice("iree")


@pytest.mark.parametrize(
    ("model", "delegate", "expected"),
    [
        (PROGRAM, "none", None),
        (WITH_XNNPACK, "xnnpack", None),
        (PROGRAM, "xnnpack", "tiny-pte has no part for xnnpack: export it with its partitioner, or ask for none"),
        (
            WITH_XNNPACK,
            "none",
            "parts of tiny-pte are made for xnnpack: export it without them, or ask for xnnpack",
        ),
        (WITH_QNN, "xnnpack", "parts of tiny-pte are made for QnnBackend, and executorch brings XnnpackBackend"),
        (WITH_QNN, "none", "parts of tiny-pte are made for QnnBackend, and executorch brings XnnpackBackend"),
    ],
)
def test_what_a_program_hands_over_was_decided_when_it_was_exported(model, delegate, expected):
    assert why(EXECUTORCH, model, delegate=delegate) == expected


def test_versions_of_executorch_are_those_that_the_agent_is_bound_to():
    assert {one.version for one in RUNTIMES["executorch"].recommended} == set(KNOWN_VERSIONS)
    with pytest.raises(UsageError, match=r"executorch 1\.4\.0 is not one that dynofarm can call; known: 1\.5\.1"):
        check_choice(RuntimeChoice("executorch", "1.4.0"))


def test_the_usual_delegate_of_a_program_is_the_one_in_its_file():
    assert usual_delegate("executorch", WITH_XNNPACK) == "xnnpack"
    assert usual_delegate("executorch", PROGRAM) == "none"
    assert usual_delegate("executorch") == "xnnpack"
    assert usual_delegate("litert", TFLITE) == "xnnpack"


def test_a_module_runs_on_the_architecture_that_it_was_compiled_for():
    assert why(IREE, MODULE) is None
    assert why(IREE, MODULE, architecture="x86_64") == (
        "tiny-vmfb was compiled for aarch64, and the board is x86_64; compile it for this one: dynofarm model compile"
    )
    assert why(IREE, replace(MODULE, operators={}), architecture="x86_64") is None


@pytest.mark.parametrize(
    ("choice", "model", "changes", "expected"),
    [
        (IREE, MODULE, {"python": "3.9.2"}, "iree has wheels for Python 3.10 or newer, and the board has 3.9"),
        (
            IREE,
            replace(MODULE, operators={"CODE:x86_64": 1}),
            {"architecture": "x86_64", "libc": "glibc 2.27"},
            "no build of iree is known for Python 3.11, x86_64, glibc 2.27; "
            "the nearest is 3.13.0, which needs glibc 2.28 or newer",
        ),
        (IREE, MODULE, {"bits": 32}, "iree is built for aarch64 or x86_64, and the board is armv7l"),
        (
            EXECUTORCH,
            PROGRAM,
            {"libc": "glibc 2.27"},
            "no build of executorch is known for Python 3.11, aarch64, glibc 2.27; "
            "the nearest is 1.5.1, which needs glibc 2.28 or newer",
        ),
        (EXECUTORCH, PROGRAM, {"bits": 32}, "executorch is built for aarch64 or x86_64, and the board is armv7l"),
        (EXECUTORCH, PROGRAM, {"libc": "musl 1.2.4"}, "executorch is built for glibc, and the board has musl 1.2.4"),
        (EXECUTORCH, ONNX, {}, "executorch runs pte files, and tiny-onnx is onnx"),
    ],
)
def test_a_board_without_a_build_hears_what_is_missing(choice, model, changes, expected):
    assert why(choice, model, **changes) == expected


def test_a_boards_own_runtime_is_used_only_where_none_can_be_brought():
    own = {"modules": {"onnxruntime": "1.15.1"}}
    choice = RuntimeChoice("onnxruntime")
    assert uses_own_copy(choice, a_board(**own)) is None
    assert uses_own_copy(choice, a_board(architecture="riscv64", **own)) == "1.15.1"
    assert uses_own_copy(RuntimeChoice("onnxruntime", "1.19.2"), a_board(architecture="riscv64", **own)) is None
    assert why(choice, ONNX, architecture="riscv64", **own) is None


def test_a_target_knows_every_platform_tag_below_its_glibc():
    tags = Target((3, 8), "x86_64", (2, 18)).platform_tags()
    assert tags[:3] == ["manylinux_2_18_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]
    assert {"manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"} <= set(tags)
    assert "manylinux_2_19_x86_64" not in tags
    arm = Target((3, 11), "armv7l", None).platform_tags()
    assert arm == ["manylinux_2_17_armv7l", "manylinux2014_armv7l", "linux_armv7l"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, Target((3, 11), "aarch64", (2, 36))),
        ({"architecture": "arm64", "libc": None}, Target((3, 11), "aarch64", None)),
        ({"architecture": "AMD64", "python": "3.13.0rc2"}, Target((3, 13), "x86_64", (2, 36))),
        ({"architecture": "armv8l", "bits": 32}, Target((3, 11), "armv7l", (2, 36))),
        ({"bits": 32}, Target((3, 11), "armv7l", (2, 36))),
        ({"libc": "musl 1.2.4"}, Target((3, 11), "aarch64", None)),
        ({"python": "nonsense"}, Target((0, 0), "aarch64", (2, 36))),
    ],
)
def test_a_target_is_read_from_facts(facts, expected):
    assert target_of(a_board(**facts)) == expected


def test_agent_and_orchestrator_know_the_same_libraries():
    from agent.runtimes import litert_capi

    assert litert_capi.KNOWN_BUILDS == KNOWN_BUILDS
    assert {build.architecture for build in KNOWN_BUILDS.values() if build.version == DEFAULT_VERSION} == {
        "aarch64",
        "x86_64",
    }


def test_what_has_a_profiler_is_profiled_and_the_others_name_it():
    assert [name for name in RUNTIMES if profile_objection(name) is None] == ["litert", "onnxruntime", "fake"]
    assert profile_objection("openvino") == (
        "operators are not profiled: openvino does not tell what they take; these do: litert, onnxruntime"
    )
    assert profile_objection("of another version") is None
