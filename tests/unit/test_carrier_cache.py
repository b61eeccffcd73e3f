import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from orchestrator.carriers.cache import CarrierCache, digest_of
from orchestrator.errors import DynofarmError, RuntimeUnavailable

ROOT = Path(__file__).parents[2]


class Maker:
    """Makes a file of `data`, and counts how often it was asked to."""

    def __init__(self, data=b"a runtime"):
        self.data = data
        self.calls = 0
        self.found = []

    def __call__(self, scratch):
        self.calls += 1
        self.found = sorted(path.name for path in scratch.iterdir())
        (scratch / "made").write_bytes(self.data)
        return scratch / "made", "1.0"


@pytest.fixture
def told():
    return []


@pytest.fixture
def cache(tmp_path, told):
    return CarrierCache(tmp_path / "cache", told.append)


def test_what_was_made_once_is_kept_under_its_hash(cache, tmp_path, told):
    make = Maker()
    kept = cache.get("litert 1.0 aarch64", make)
    again = CarrierCache(tmp_path / "cache", told.append).get("litert 1.0 aarch64", make)
    assert again == kept
    assert make.calls == 1
    assert cache.path(kept).name == kept.digest == digest_of(cache.path(kept))
    assert cache.path(kept).read_bytes() == b"a runtime"
    assert kept.version == "1.0"
    assert told == []


def test_two_questions_with_one_answer_keep_one_file(cache, tmp_path):
    assert cache.get("one", Maker()) == cache.get("two", Maker())
    assert len(list((tmp_path / "cache" / "files").iterdir())) == 1


@pytest.mark.parametrize("damage", [b"a runtimE", b"a run", b"", b"a runtime and more"])
def test_a_damaged_file_is_made_again_and_said_so(cache, told, damage):
    make = Maker()
    path = cache.path(cache.get("one", make))
    path.write_bytes(damage)
    assert cache.path(cache.get("one", make)).read_bytes() == b"a runtime"
    assert make.calls == 2
    assert len(told) == 1
    assert "damaged" in told[0]


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "{",
        "[]",
        '{"digest": "0"}',
        "null",
        '{"digest": "../../secret", "version": "1.0", "size_bytes": 6}',
        '{"digest": "..", "version": "1.0", "size_bytes": 6}',
    ],
)
def test_a_damaged_entry_is_made_again(cache, tmp_path, entry):
    (tmp_path / "secret").write_bytes(b"secret")
    make = Maker()
    kept = cache.get("one", make)
    (index,) = (tmp_path / "cache" / "index").iterdir()
    index.write_text(entry)
    assert cache.get("one", make) == kept
    assert make.calls == 2


def test_a_deleted_file_is_made_again(cache):
    make = Maker()
    path = cache.path(cache.get("one", make))
    path.unlink()
    assert cache.path(cache.get("one", make)).is_file()


def test_leftovers_of_a_dead_maker_are_cleared_and_never_used(cache, tmp_path):
    def die(scratch):
        (scratch / "made").write_bytes(b"half a runt")
        raise RuntimeUnavailable("the link broke")

    with pytest.raises(RuntimeUnavailable):
        cache.get("one", die)
    (scratch,) = {path.stem for path in (tmp_path / "cache" / "locks").iterdir()}
    leftover = tmp_path / "cache" / "making" / scratch
    assert not leftover.exists()
    leftover.mkdir(parents=True)
    (leftover / "made.part").write_bytes(b"half a runt")
    make = Maker()
    assert cache.path(cache.get("one", make)).read_bytes() == b"a runtime"
    assert make.found == []
    assert not leftover.exists()


def test_a_failure_is_not_remembered(cache):
    def fail(_scratch):
        raise RuntimeUnavailable("no index")

    with pytest.raises(RuntimeUnavailable):
        cache.get("one", fail)
    assert cache.get("one", Maker()).version == "1.0"


def test_threads_that_ask_the_same_wait_for_one_maker(cache, told):
    started, go = threading.Event(), threading.Event()
    make = Maker()

    def slowly(scratch):
        started.set()
        assert go.wait(20)
        return make(scratch)

    first = threading.Thread(target=cache.get, args=("one", slowly))
    second = threading.Thread(target=cache.get, args=("one", make))
    first.start()
    assert started.wait(20)
    second.start()
    while not told:
        second.join(0.01)
    go.set()
    first.join(20)
    second.join(20)
    assert make.calls == 1
    assert told == ["another fetch of the same runtime is under way; waiting for it"]


def _ask(folder, results):
    cache = CarrierCache(folder, lambda _text: None)

    def make(scratch):
        (scratch / "made").write_bytes(b"a runtime")
        with (folder.parent / "calls").open("a") as calls:
            calls.write("made\n")
        return scratch / "made", "1.0"

    results.put(cache.get("one", make).digest)


def test_processes_that_ask_at_once_make_it_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    askers = [context.Process(target=_ask, args=(tmp_path / "cache", results)) for _ in range(4)]
    for asker in askers:
        asker.start()
    digests = {results.get(timeout=60) for _ in askers}
    for asker in askers:
        asker.join(60)
    results.close()
    results.join_thread()
    assert len(digests) == 1
    assert (tmp_path / "calls").read_text() == "made\n"


def test_a_killed_maker_leaves_no_lock(cache, tmp_path):
    script = (
        "import os, signal, sys; from pathlib import Path; from orchestrator.carriers.cache import CarrierCache\n"
        "def make(scratch):\n"
        "    (scratch / 'made').write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "CarrierCache(Path(sys.argv[1]), print).get('one', make)\n"
    )
    # Without coverage's settings: a process that is killed leaves a damaged file of them.
    bare = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-c", script, tmp_path / "cache"]
    done = subprocess.run(command, cwd=ROOT, env=bare, check=False, timeout=60)
    assert done.returncode == -9
    assert cache.path(cache.get("one", Maker())).read_bytes() == b"a runtime"


def test_a_full_disk_is_said_in_one_sentence(tmp_path):
    script = (
        "import resource, sys; from pathlib import Path; from orchestrator.carriers.cache import CarrierCache\n"
        "from orchestrator.errors import DiskFull\n"
        "def make(scratch):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "    (scratch / 'made').write_bytes(bytes(2000))\n"
        "    return scratch / 'made', '1.0'\n"
        "try:\n"
        "    CarrierCache(Path(sys.argv[1]), print).get('one', make)\n"
        "except DiskFull as error:\n"
        "    print(error.message, error.hint, sep='|')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith(f"no room left for runtimes in {tmp_path / 'cache'}|free some room")
    assert list((tmp_path / "cache" / "making").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_said_in_one_sentence(tmp_path, told):
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(DynofarmError) as caught:
        CarrierCache(tmp_path / "cache", told.append).get("one", Maker())
    assert "cannot be used" in caught.value.message
    assert caught.value.hint


def test_a_cache_that_can_only_be_read_still_serves(cache, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    kept = cache.get("one", Maker())
    (tmp_path / "cache").chmod(0o500)
    try:
        assert cache.get("one", Maker()) == kept
    finally:
        (tmp_path / "cache").chmod(0o700)
