import hashlib
import json
import stat
import zipfile

import pytest

from orchestrator.carriers.wheels import MANIFEST, BadWheel, pack, read_member


def make_wheel(path, members, date=(2024, 5, 6, 7, 8, 10)):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members:
            archive.writestr(name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name, date), data)
    return path


def packed(tmp_path, *wheels, drop=(), about=None, keep=()):
    pack(wheels, drop, about or {"runtime": "tiny"}, tmp_path / "bundle.zip", keep)
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_wheels_are_laid_into_one_folder(tmp_path):
    one = make_wheel(tmp_path / "one.whl", [("one/__init__.py", b"1"), ("one.libs/libx.so", b"\x7fELF")])
    two = make_wheel(tmp_path / "two.whl", [("two/__init__.py", b"2")])
    assert packed(tmp_path, one, two) == {
        MANIFEST: b'{\n "runtime": "tiny"\n}\n',
        "one/__init__.py": b"1",
        "one.libs/libx.so": b"\x7fELF",
        "two/__init__.py": b"2",
    }


def test_equal_wheels_give_equal_bytes_whatever_their_order_and_dates(tmp_path):
    members = [("one/b.py", b"b" * 5000), ("one/a.py", b"a")]
    digests = set()
    for round_, ordered in enumerate((members, members[::-1])):
        folder = tmp_path / str(round_)
        folder.mkdir()
        one = make_wheel(folder / "one.whl", ordered, date=(2020 + round_, 1, 1, 0, 0, 0))
        two = make_wheel(folder / "two.whl", [("two.py", b"2")])
        packed(folder, *((one, two) if round_ else (two, one)))
        digests.add(hashlib.sha256((folder / "bundle.zip").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_what_no_board_needs_stays_behind_and_licences_travel(tmp_path):
    wheel = make_wheel(
        tmp_path / "one.whl",
        [
            ("one/__init__.py", b""),
            ("one/core/tests/test_core.py", b""),
            ("tests/test_all.py", b""),
            ("one/core.pyi", b""),
            ("one/include/one.h", b""),
            ("one/gpu/big.so", b""),
            ("one/testing/__init__.py", b""),
            ("one-1.0.dist-info/METADATA", b"Name: one"),
            ("one-1.0.dist-info/RECORD", b""),
            ("one-1.0.dist-info/WHEEL", b""),
            ("one-1.0.dist-info/licenses/LICENSE.txt", b"Apache"),
            ("one-1.0.dist-info/NOTICE", b"thanks"),
        ],
    )
    assert set(packed(tmp_path, wheel, drop=("one/gpu/*",))) == {
        MANIFEST,
        "one/__init__.py",
        "one/testing/__init__.py",
        "one-1.0.dist-info/METADATA",
        "one-1.0.dist-info/licenses/LICENSE.txt",
        "one-1.0.dist-info/NOTICE",
    }


def test_where_it_is_said_what_is_needed_nothing_else_travels_but_name_and_licence(tmp_path):
    members = ["one/__init__.py", "one/lib/libone.so", "one/lib/libone_gpu.so", "one/lib/tests/libtest.so"]
    about = ["one-1.0.dist-info/METADATA", "one-1.0.dist-info/RECORD", "one-1.0.dist-info/licenses/LICENSE"]
    wheel = make_wheel(tmp_path / "one.whl", [(name, b"") for name in (*members, *about)])
    assert set(packed(tmp_path, wheel, drop=("*_gpu.so",), keep=("one/lib/*.so",))) == {
        MANIFEST,
        "one/lib/libone.so",
        "one-1.0.dist-info/METADATA",
        "one-1.0.dist-info/licenses/LICENSE",
    }


def test_the_data_folder_of_a_wheel_is_spread_as_an_installer_would(tmp_path):
    wheel = make_wheel(
        tmp_path / "one.whl",
        [
            ("one-1.0.data/purelib/one/pure.py", b"p"),
            ("one-1.0.data/platlib/one/fast.so", b"f"),
            ("one-1.0.data/scripts/one", b"#!python"),
            ("one-1.0.data/headers/one.h", b"h"),
        ],
    )
    assert set(packed(tmp_path, wheel)) == {MANIFEST, "one/pure.py", "one/fast.so"}


@pytest.mark.parametrize(
    "name",
    [
        "../outside.py",
        "one/../../outside.py",
        "/etc/outside.py",
        "one\\..\\outside.py",
        "C:/outside.py",
        "one//outside.py",
        "./outside.py",
        "one/\x1b[2Joutside.py",
        "one-1.0.data/purelib/../../outside.py",
    ],
)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path, name):
    wheel = make_wheel(tmp_path / "evil.whl", [("one/__init__.py", b""), (name, b"x")])
    with pytest.raises(BadWheel, match=r"evil\.whl holds a path outside its folder"):
        packed(tmp_path, wheel)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path, kind):
    link = zipfile.ZipInfo("one/link")
    link.create_system = 3
    link.external_attr = (kind | 0o777) << 16
    with pytest.raises(BadWheel, match="not a plain file"):
        packed(tmp_path, make_wheel(tmp_path / "evil.whl", [(link, b"/etc/passwd")]))


def test_two_wheels_may_agree_about_a_file_but_not_disagree(tmp_path):
    one = make_wheel(tmp_path / "one.whl", [("shared/__init__.py", b""), ("one.py", b"1")])
    two = make_wheel(tmp_path / "two.whl", [("shared/__init__.py", b""), ("two.py", b"2")])
    other = make_wheel(tmp_path / "other.whl", [("shared/__init__.py", b"import os")])
    assert "shared/__init__.py" in packed(tmp_path, one, two)
    with pytest.raises(BadWheel, match=r"disagree about shared/__init__\.py"):
        packed(tmp_path, one, other)


def test_a_file_cannot_pose_as_the_bundles_own_description(tmp_path):
    wheel = make_wheel(tmp_path / "evil.whl", [(MANIFEST, b"{}")])
    with pytest.raises(BadWheel, match="disagree"):
        packed(tmp_path, wheel)


def test_a_wheel_that_would_fill_the_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("orchestrator.carriers.wheels.MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(BadWheel, match="unpacks to more than"):
        packed(tmp_path, make_wheel(tmp_path / "bomb.whl", [("zeros", bytes(1001))]))


def test_what_is_not_a_zip_is_refused(tmp_path):
    (tmp_path / "page.whl").write_text("<html>please log in</html>")
    with pytest.raises(BadWheel, match="is not a wheel"):
        packed(tmp_path, tmp_path / "page.whl")


def test_a_damaged_member_is_refused(tmp_path):
    wheel = make_wheel(tmp_path / "one.whl", [("one.py", b"print('sound')")])
    wheel.write_bytes(wheel.read_bytes().replace(b"sound", b"wrong"))
    with pytest.raises(BadWheel, match="damaged"):
        packed(tmp_path, wheel)
    with pytest.raises(BadWheel, match="damaged"):
        read_member(wheel, "one.py")


def test_one_file_is_taken_out_of_a_wheel(tmp_path):
    wheel = make_wheel(tmp_path / "one.whl", [("one/lib.so", b"\x7fELF")])
    assert read_member(wheel, "one/lib.so") == b"\x7fELF"
    with pytest.raises(BadWheel, match=r"one\.whl holds no one/other\.so"):
        read_member(wheel, "one/other.so")


def test_the_description_is_json_in_a_fixed_order(tmp_path):
    wheel = make_wheel(tmp_path / "one.whl", [("one.py", b"")])
    about = {"wheels": [{"name": "one"}], "runtime": "tiny"}
    found = packed(tmp_path, wheel, about=about)[MANIFEST]
    assert json.loads(found) == about
    assert found.index(b"runtime") < found.index(b"wheels")
