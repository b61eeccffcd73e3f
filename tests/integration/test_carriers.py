"""Carriers of runtimes through a real pip: from a folder of wheels made here, and from the real package index."""

import hashlib
import json
import os
import platform
import re
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from agent.litert_versions import KNOWN_BUILDS
from agent.runtimes.executorch_capi import KNOWN_VERSIONS, LIBRARIES
from orchestrator.carriers import CarrierShelf
from orchestrator.carriers.cache import digest_of
from orchestrator.errors import DiskFull, RuntimeOutOfReach, RuntimeUnavailable
from orchestrator.runtimes import find_runtime
from orchestrator.sweep import RuntimeChoice
from tests.facts import a_board
from tests.pythons import find_python

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "examples" / "models"
PI_4 = {"python": "3.9.2", "libc": "glibc 2.31"}
ORIN = {"python": "3.8.10", "libc": "glibc 2.31"}
PI_2 = {"architecture": "armv7l", "bits": 32, "modules": {"numpy": "1.24.2"}}
TFLITE = RuntimeChoice("tflite-runtime")


def this_machine(python, **changes):
    libc = os.confstr("CS_GNU_LIBC_VERSION")
    return a_board(architecture=platform.machine(), libc=libc, python=python, **changes)


# From a folder of wheels, with no network at all ---------------------------------------------------


def make_wheel(folder, name, version, tags, members):
    path = folder / f"{name}-{version}-{tags}.whl"
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n"
    wheel = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: false\nTag: {tags}\n"
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", wheel)
        archive.writestr(f"{info}/RECORD", "")
    return path


def forget_settings(monkeypatch):
    """No index, folder or configuration of this machine, so that only what the test sets can be reached."""
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder of wheels, the only place where pip may look."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    forget_settings(monkeypatch)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def offline(monkeypatch):
    """An index at a port of this machine where nobody listens."""
    forget_settings(monkeypatch)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{taken.getsockname()[1]}/simple")
        monkeypatch.setenv("PIP_RETRIES", "1")
        yield


@pytest.fixture
def small_index(wheels):
    """tflite-runtime for several boards, beside the numpy and psutil that it needs, and some that it must not get."""
    make_wheel(
        wheels, "tflite_runtime", "2.14.0", "cp311-cp311-manylinux_2_34_aarch64", {"tflite_runtime/a.py": "2.14"}
    )
    make_wheel(wheels, "tflite_runtime", "2.13.0", "cp39-cp39-manylinux2014_aarch64", {"tflite_runtime/a.py": "2.13"})
    make_wheel(wheels, "tflite_runtime", "2.14.0", "cp311-cp311-manylinux_2_34_armv7l", {"tflite_runtime/a.py": "arm"})
    for python in ("cp39", "cp311"):
        for version in ("1.26.4", "2.4.0"):
            tags = f"{python}-{python}-manylinux_2_17_aarch64"
            make_wheel(wheels, "numpy", version, tags, {"numpy/version.py": version, "numpy/tests/test_a.py": ""})
    make_wheel(wheels, "psutil", "7.0.0", "cp36-abi3-manylinux_2_17_aarch64", {"psutil/__init__.py": ""})
    return wheels


@pytest.fixture
def told():
    return []


@pytest.fixture
def shelf(tmp_path, told):
    return CarrierShelf(tmp_path / "cache", told.append)


def read_bundle(carrier):
    with zipfile.ZipFile(carrier.path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_bundle_holds_the_runtime_and_the_numpy_it_was_built_against(shelf, small_index, told):
    carrier = shelf.fetch(TFLITE, a_board())
    files = read_bundle(carrier)
    assert files["tflite_runtime/a.py"] == b"2.14"
    assert files["numpy/version.py"] == b"1.26.4"
    assert "psutil/__init__.py" in files
    assert "numpy/tests/test_a.py" not in files
    assert (carrier.runtime.name, carrier.runtime.version, carrier.runtime.carrier) == (
        "tflite-runtime",
        "2.14.0",
        "bundle",
    )
    assert carrier.runtime.digest == digest_of(carrier.path)
    assert told == [
        f"{verb} tflite-runtime 2.14.0 for Python 3.11, aarch64, glibc 2.36" for verb in ("fetching", "packing")
    ]


def test_an_older_board_gets_the_version_that_it_can_load(shelf, small_index):
    carrier = shelf.fetch(TFLITE, a_board(**PI_4))
    assert carrier.runtime.version == "2.13.0"
    assert read_bundle(carrier)["tflite_runtime/a.py"] == b"2.13"


def test_a_board_of_32_bits_relies_on_its_own_numpy(shelf, small_index):
    files = read_bundle(shelf.fetch(TFLITE, a_board(**PI_2)))
    assert files["tflite_runtime/a.py"] == b"arm"
    assert not any(name.startswith(("numpy", "psutil")) for name in files)
    with pytest.raises(RuntimeUnavailable, match="apt install python3-numpy"):
        shelf.fetch(TFLITE, a_board(**{**PI_2, "modules": {}}))


def test_boards_that_load_the_same_wheels_share_one_bundle(shelf, small_index):
    assert shelf.fetch(TFLITE, a_board()).path == shelf.fetch(TFLITE, a_board(libc="glibc 2.41")).path


def test_what_was_fetched_once_needs_no_index_any_more(shelf, small_index, tmp_path, monkeypatch):
    first = shelf.fetch(TFLITE, a_board())
    monkeypatch.delenv("PIP_FIND_LINKS")
    assert CarrierShelf(tmp_path / "cache").fetch(TFLITE, a_board()) == first


def test_pip_leaves_nothing_behind(shelf, small_index, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    shelf.fetch(TFLITE, a_board())
    assert not (home / ".cache").exists()
    assert not list(home.rglob("*.whl"))
    assert list((tmp_path / "cache" / "making").iterdir()) == []
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("PIP_TARGET", "elsewhere"), ("PIP_USER", "1"), ("PIP_REQUIRE_VIRTUALENV", "1"), ("PIP_NO_BINARY", ":all:")],
)
def test_the_users_other_pip_settings_do_not_change_the_question(shelf, small_index, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert shelf.fetch(TFLITE, a_board()).path.is_file()


def test_a_damaged_cache_is_fetched_again(shelf, small_index, told):
    first = shelf.fetch(TFLITE, a_board())
    first.path.write_bytes(first.path.read_bytes()[:-1])
    again = shelf.fetch(TFLITE, a_board())
    assert again == first
    assert digest_of(again.path) == first.runtime.digest
    assert any("damaged" in text for text in told)


def test_a_version_that_no_board_like_this_has_names_the_nearest(shelf, small_index):
    with pytest.raises(RuntimeUnavailable) as caught:
        shelf.fetch(RuntimeChoice("tflite-runtime", "2.14.0"), a_board(**PI_4))
    assert caught.value.message == (
        "there is no wheel of tflite-runtime 2.14.0 for Python 3.9, aarch64, glibc 2.31; the nearest there is: 2.13.0"
    )
    assert "2.13.0" in caught.value.hint
    assert not isinstance(caught.value, RuntimeOutOfReach)


def test_a_version_that_an_index_which_is_away_may_have_is_not_given_up(shelf, small_index, offline, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(small_index))
    with pytest.raises(RuntimeOutOfReach, match=r"can be reached \(one does not answer; others have 2\.13\.0\)"):
        shelf.fetch(RuntimeChoice("tflite-runtime", "2.14.0"), a_board(**PI_4))
    assert shelf.fetch(TFLITE, a_board(**PI_4)).runtime.version == "2.13.0"


def test_a_version_written_short_is_told_in_full(shelf, small_index):
    assert shelf.fetch(RuntimeChoice("tflite-runtime", "2.14"), a_board()).runtime.version == "2.14.0"


def test_an_evil_wheel_is_refused_and_not_kept(shelf, wheels, tmp_path):
    make_wheel(wheels, "tflite_runtime", "2.14.0", "cp311-cp311-manylinux_2_34_armv7l", {"../../evil.py": "import os"})
    with pytest.raises(RuntimeUnavailable, match="a path outside its folder"):
        shelf.fetch(TFLITE, a_board(**PI_2))
    assert not list(tmp_path.rglob("evil.py"))
    assert not list((tmp_path / "cache").rglob("*.json"))


def test_a_file_that_is_no_wheel_is_refused(shelf, wheels):
    (wheels / "tflite_runtime-2.14.0-cp311-cp311-manylinux_2_34_armv7l.whl").write_text("<html>please log in</html>")
    with pytest.raises(RuntimeUnavailable) as caught:
        shelf.fetch(TFLITE, a_board(**PI_2))
    assert "Traceback" not in caught.value.message
    assert "\n" not in caught.value.message


def test_another_library_under_a_known_version_is_refused(shelf, wheels, tmp_path):
    members = {"ai_edge_litert/libLiteRt.so": b"\x7fELF but another"}
    make_wheel(wheels, "ai_edge_litert", "2.3.0", "cp311-cp311-manylinux_2_27_aarch64", members)
    with pytest.raises(RuntimeUnavailable, match="is not the one that dynofarm knows"):
        shelf.fetch(RuntimeChoice("litert"), a_board())
    assert not list((tmp_path / "cache").rglob("*.json"))


def test_a_wheel_without_the_library_is_refused(shelf, wheels):
    members = {"ai_edge_litert/__init__.py": b""}
    make_wheel(wheels, "ai_edge_litert", "2.3.0", "cp312-cp312-manylinux_2_27_aarch64", members)
    with pytest.raises(RuntimeUnavailable, match=r"holds no ai_edge_litert/libLiteRt\.so"):
        shelf.fetch(RuntimeChoice("litert"), a_board())


def test_an_empty_folder_of_wheels_is_offline_in_one_sentence(shelf, wheels):
    with pytest.raises(RuntimeOutOfReach) as caught:
        shelf.fetch(RuntimeChoice("onnxruntime"), a_board())
    assert "is not in the cache, and no package index can be reached" in caught.value.message


@pytest.mark.parametrize("name", ["litert", "onnxruntime"])
def test_a_closed_index_is_offline_in_one_sentence(shelf, offline, name):
    with pytest.raises(RuntimeOutOfReach) as caught:
        shelf.fetch(RuntimeChoice(name), a_board())
    assert "is not in the cache, and no package index can be reached" in caught.value.message
    assert "\n" not in caught.value.message
    assert "PIP_FIND_LINKS" in caught.value.hint


def test_no_password_of_an_index_is_shown(shelf, offline, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", os.environ["PIP_INDEX_URL"].replace("//", "//farm:hunter2@"))
    with pytest.raises(RuntimeUnavailable) as caught:
        shelf.fetch(RuntimeChoice("onnxruntime"), a_board())
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_an_environment_without_pip_says_so(shelf, wheels, monkeypatch):
    monkeypatch.setattr("orchestrator.carriers.package_index.find_spec", lambda _name: None)
    with pytest.raises(RuntimeOutOfReach) as caught:
        shelf.fetch(RuntimeChoice("onnxruntime"), a_board())
    assert "has no pip" in caught.value.message
    assert "ensurepip" in caught.value.hint


def test_a_disk_that_is_full_while_pip_writes_is_said_so(tmp_path, small_index):
    make_wheel(small_index, "psutil", "7.1.0", "cp36-abi3-manylinux_2_17_aarch64", {"psutil/big": os.urandom(300_000)})
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from orchestrator.carriers import CarrierShelf; from orchestrator.errors import DynofarmError\n"
        "from orchestrator.sweep import RuntimeChoice; from tests.facts import a_board\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    CarrierShelf(Path(sys.argv[1])).fetch(RuntimeChoice('tflite-runtime'), a_board())\n"
        "except DynofarmError as error:\n"
        "    print(type(error).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert done.stdout.strip() == DiskFull.__name__


def test_two_processes_that_fetch_at_once_end_with_one_file(tmp_path, small_index):
    script = (
        "import sys; from pathlib import Path\n"
        "from orchestrator.carriers import CarrierShelf; from orchestrator.sweep import RuntimeChoice\n"
        "from tests.facts import a_board\n"
        "print(CarrierShelf(Path(sys.argv[1]), lambda text: print(text, file=sys.stderr))"
        ".fetch(RuntimeChoice('tflite-runtime'), a_board()).path)\n"
    )
    command = [sys.executable, "-c", script, tmp_path / "cache"]
    both = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "ab"
    ]
    said = [process.communicate(timeout=100) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert len({out for out, _ in said}) == 1
    assert sum("packing" in err for _, err in said) == 1


def test_nothing_travels_for_the_fake_runtime(shelf):
    carrier = shelf.fetch(RuntimeChoice("fake"), a_board())
    assert (carrier.runtime.carrier, carrier.runtime.digest, carrier.path) == ("none", None, None)


def test_a_runtime_that_only_the_board_has_is_used_as_it_is(shelf):
    facts = a_board(architecture="riscv64", modules={"onnxruntime": "1.15.1"})
    carrier = shelf.fetch(RuntimeChoice("onnxruntime"), facts)
    assert (carrier.runtime.carrier, carrier.runtime.version, carrier.path) == ("system", "1.15.1", None)


# From the real package index -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_shelf(tmp_path_factory):
    """A shelf that may ask the index which this machine's pip is set up with."""
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "index", "versions", "psutil", "--retries", "1", "--timeout", "15"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    if asked.returncode != 0:
        pytest.skip("no package index can be reached from here")
    return CarrierShelf(tmp_path_factory.mktemp("carriers"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("architecture", ["aarch64", "x86_64"])
def test_the_library_of_each_architecture_is_the_known_one(real_shelf, architecture):
    carrier = real_shelf.fetch(
        RuntimeChoice("litert"), a_board(architecture=architecture, python="3.8.10", libc="glibc 2.31")
    )
    assert KNOWN_BUILDS[carrier.runtime.digest] == (carrier.runtime.version, architecture)
    assert hashlib.sha256(carrier.path.read_bytes()).hexdigest() == carrier.runtime.digest
    assert carrier.runtime.carrier == "library"


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "board", "version", "numpy"),
    [
        ("tflite-runtime", ORIN, "2.13.0", "1.24"),
        ("tflite-runtime", PI_4, "2.13.0", "1.26"),
        ("tflite-runtime", {}, "2.14.0", "1.26"),
        ("tflite-runtime", PI_2, "2.14.0", None),
        ("ai-edge-litert", PI_4, "2.1.0", "2.0"),
        ("openvino", PI_4, "2025.2.0", "2.0"),
        ("iree", {"python": "3.10.12", "libc": "glibc 2.31"}, "3.13.0", "2.2"),
    ],
)
def test_bundles_for_arm_boards_hold_arm_code_for_their_python(real_shelf, name, board, version, numpy):
    facts = a_board(**board)
    carrier = real_shelf.fetch(RuntimeChoice(name), facts)
    files = read_bundle(carrier)
    assert carrier.runtime.version == version
    machine = {"aarch64": 183, "armv7l": 40}[facts.architecture]
    libraries = {path: data for path, data in files.items() if re.search(r"\.so(\.|$)", path)}
    assert libraries
    assert {int.from_bytes(data[18:20], "little") for data in libraries.values()} == {machine}
    numpys = [path for path in files if re.fullmatch(r"numpy-.*\.dist-info/METADATA", path)]
    assert [path.split("-")[1].rpartition(".")[0].rpartition(".")[0] for path in numpys] == ([numpy] if numpy else [])
    others = len(find_runtime(name).also)
    assert sum(path.endswith(".dist-info/METADATA") for path in files) == (3 + others if numpy else 1)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("board", [ORIN, {"python": "3.14.0"}])
def test_libraries_that_serve_any_python_travel_alone(real_shelf, board):
    carrier = real_shelf.fetch(RuntimeChoice("executorch"), a_board(**board))
    files = read_bundle(carrier)
    libraries = [path for path in files if path.endswith(".so")]
    assert sorted(path.rpartition("/")[2] for path in libraries) == sorted(LIBRARIES)
    assert {int.from_bytes(files[path][18:20], "little") for path in libraries} == {183}
    assert [path for path in files if path.endswith(".py")] == []
    assert carrier.runtime.version in KNOWN_VERSIONS
    assert carrier.path.stat().st_size < 5_000_000


@pytest.mark.timeout(600)
@pytest.mark.parametrize("python", ["3.8", "3.13"])
def test_a_bundle_of_executorch_alone_runs_a_program(real_shelf, tmp_path, python):
    interpreter = find_python(python)
    if interpreter is None:
        pytest.skip(f"this machine has no Python {python}")
    carrier = real_shelf.fetch(RuntimeChoice("executorch"), this_machine(f"{python}.0"))
    with zipfile.ZipFile(carrier.path) as archive:
        archive.extractall(tmp_path / "bundle")
    request = {
        "root": str(ROOT), "paths": [str(tmp_path / "bundle")], "runtime": "executorch", "carrier": None,
        "model": str(ROOT / "tests" / "agent" / "networks" / "image-xnnpack.pte"), "threads": 1, "delegate": "xnnpack",
        "options": {}, "seeds": [1], "inferences": 1, "profile": False, "coverage": None,
        "recipes": [{"name": "image", "dtype": "float32", "shape": [1, 3, 8, 8], "fill": "ones"}],
    }  # fmt: skip
    done = subprocess.run(
        [interpreter, "-I", "-S", str(ROOT / "tests" / "agent" / "one_run.py")],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    assert [one[:3] for one in answer["outputs"]] == [["output_0", "float32", [1, 10]]]
    assert answer["modules"] == []


@pytest.mark.timeout(600)
def test_where_the_index_has_nothing_the_nearest_is_named(real_shelf):
    with pytest.raises(RuntimeUnavailable) as caught:
        real_shelf.fetch(RuntimeChoice("tflite-runtime", "2.13.0"), a_board(libc="glibc 2.31"))
    assert caught.value.message == (
        "there is no wheel of tflite-runtime 2.13.0 for Python 3.11, aarch64, glibc 2.31; "
        "the nearest there is: 2.14.0 for Python 3.11, aarch64, glibc 2.41"
    )


RUN_TFLITE = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy
from {module}.interpreter import Interpreter
interpreter = Interpreter(model_path=sys.argv[2], num_threads=1)
interpreter.allocate_tensors()
for one in interpreter.get_input_details():
    interpreter.set_tensor(one["index"], numpy.zeros(one["shape"], one["dtype"]))
interpreter.invoke()
outputs = [interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()]
"""
RUN_ONNX = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[2], providers=["CPUExecutionProvider"])
types = {"tensor(float)": "float32", "tensor(int32)": "int32", "tensor(int64)": "int64"}
outputs = session.run(None, {one.name: numpy.zeros(one.shape, types[one.type]) for one in session.get_inputs()})
"""
RUN_IREE = """
import sys
sys.path.insert(0, sys.argv[1])
import os, numpy, iree.runtime as runtime
instance = runtime.VmInstance()
device = runtime.get_driver("local-sync").create_default_device()
module = runtime.VmModule.mmap(instance, sys.argv[2])
context = runtime.VmContext(instance, [runtime.create_hal_module(instance, device), module])
given, outputs = runtime.VmVariantList(1), []
image = runtime.asdevicearray(device, numpy.ones((1, 3, 8, 8), numpy.float32))
given.push_ref(image._buffer_view)
taken = runtime.VmVariantList(1)
context.invoke(module.lookup_function("main_graph"), given, taken)
view = taken.get_as_object(0, runtime.HalBufferView)
outputs = [runtime.DeviceArray(device, view, implicit_host_transfer=True).to_host()]
"""
RUN_MNN = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy, MNN as mnn
interpreter = mnn.Interpreter(sys.argv[2])
session = interpreter.createSession({"numThread": 1})
given = interpreter.getSessionInput(session)
ones = numpy.ones(given.getShape(), numpy.float32)
given.copyFrom(mnn.Tensor(ones.shape, given.getDataType(), ones, mnn.Tensor_DimensionType_Caffe))
interpreter.runSession(session)
taken = interpreter.getSessionOutput(session)
room = mnn.Tensor(
    taken.getShape(), taken.getDataType(), numpy.empty(taken.getShape(), numpy.float32), mnn.Tensor_DimensionType_Caffe
)
taken.copyToHostTensor(room)
outputs = [room.getNumpyData()]
import ctypes
ctypes.CDLL(None).fflush(None)  # what MNN has printed comes before the report
"""
RUN_NCNN = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy, ncnn.ncnn as ncnn
net = ncnn.Net()
net.load_param(sys.argv[2])
net.load_model(sys.argv[2].replace(".param", ".bin"))
extractor = net.create_extractor()
extractor.input(net.input_names()[0], ncnn.Mat(numpy.ones((3, 8, 8), numpy.float32)).clone())
outputs = [numpy.array(extractor.extract(net.output_names()[0])[1])]
"""
RUN_OPENVINO = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy, openvino
compiled = openvino.Core().compile_model(sys.argv[2], "CPU")
request = compiled.create_infer_request()
request.infer([numpy.zeros(one.shape, one.get_element_type().to_dtype()) for one in compiled.inputs])
outputs = [request.get_output_tensor(index).data for index in range(len(compiled.outputs))]
"""
REPORT = """
import numpy, psutil
brought = ("numpy", "psutil", "onnxruntime", "tflite_runtime", "ai_edge_litert", "openvino", "iree")
outside = [name for name, module in list(sys.modules.items())
           if name.split(".")[0] in brought
           and getattr(module, "__file__", None) and not module.__file__.startswith(sys.argv[1])]
sound = len(outputs) > 0 and all(one.size and numpy.isfinite(one).all() for one in outputs)
print(sound, outside, psutil.cpu_count() > 0)
"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("python", "name", "version", "model", "script"),
    [
        ("3.11", "tflite-runtime", None, "face-detection.tflite", RUN_TFLITE.format(module="tflite_runtime")),
        ("3.11", "ai-edge-litert", None, "bert-tiny.tflite", RUN_TFLITE.format(module="ai_edge_litert")),
        ("3.11", "onnxruntime", None, "bert-tiny.onnx", RUN_ONNX),
        ("3.8", "tflite-runtime", "2.13.0", "face-detection.tflite", RUN_TFLITE.format(module="tflite_runtime")),
        ("3.8", "onnxruntime", "1.19.2", "bert-tiny.onnx", RUN_ONNX),
        ("3.11", "openvino", None, "bert-tiny.tflite", RUN_OPENVINO),
        ("3.8", "openvino", None, "bert-tiny.onnx", RUN_OPENVINO),
        ("3.11", "iree", None, "../../tests/agent/networks/image.vmfb", RUN_IREE),
        ("3.11", "ncnn", None, "../../tests/agent/networks/image.ncnn.param", RUN_NCNN),
        ("3.8", "ncnn", None, "../../tests/agent/networks/image.ncnn.param", RUN_NCNN),
        ("3.11", "mnn", None, "../../tests/agent/networks/image.mnn", RUN_MNN),
        ("3.8", "mnn", None, "../../tests/agent/networks/image.mnn", RUN_MNN),
    ],
)
def test_a_bundle_alone_runs_a_real_model(real_shelf, tmp_path, python, name, version, model, script):
    interpreter = find_python(python)
    if interpreter is None:
        pytest.skip(f"this machine has no Python {python}")
    if platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip(f"no runtime is built for this machine ({platform.machine()})")
    carrier = real_shelf.fetch(RuntimeChoice(name, version), this_machine(f"{python}.0"))
    folder = tmp_path / "bundle"
    with zipfile.ZipFile(carrier.path) as archive:
        archive.extractall(folder)
    done = subprocess.run(
        [interpreter, "-I", "-S", "-c", script + REPORT, str(folder), str(MODELS / model)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "True [] True"
