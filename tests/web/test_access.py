"""The token, sessions, and where the token comes from."""

from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.web.access import MOST_SESSIONS, SESSION_S, Access, is_form_key, read_token

TOKEN = "a-token-of-many-characters"


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_the_right_token_opens_a_session_and_a_wrong_one_does_not() -> None:
    access = Access(TOKEN)

    key = access.log_in(TOKEN)

    assert access.session(key) is not None
    assert access.log_in(TOKEN + "x") is None
    assert access.log_in("") is None
    assert access.log_in("\udcff") is None


def test_without_a_token_nobody_logs_in() -> None:
    access = Access()

    assert not access.can_act
    assert access.log_in("") is None
    assert not access.bears_token("Bearer ")


def test_a_session_ends_by_itself_and_by_logging_out() -> None:
    clock = Clock()
    access = Access(TOKEN, clock=clock)
    first, second = access.log_in(TOKEN), access.log_in(TOKEN)

    access.log_out(first)
    assert access.session(first) is None
    assert access.session(second) is not None
    clock.now_s = SESSION_S + 1
    assert access.session(second) is None


def test_sessions_have_a_bound_and_the_oldest_goes_first() -> None:
    access = Access(TOKEN)
    keys = [access.log_in(TOKEN) for _ in range(MOST_SESSIONS + 1)]

    assert access.session(keys[0]) is None
    assert access.session(keys[-1]) is not None


@pytest.mark.parametrize("key", [None, "", "x", "\udcff", "é" * 10_000])
def test_a_cookie_that_is_none_of_ours_is_no_session(key: str | None) -> None:
    assert Access(TOKEN).session(key) is None


def test_every_session_has_a_form_key_of_its_own() -> None:
    access = Access(TOKEN)
    one, other = access.session(access.log_in(TOKEN)), access.session(access.log_in(TOKEN))
    assert one is not None and other is not None

    assert is_form_key(one, one.form_key)
    assert not is_form_key(one, other.form_key)
    assert not is_form_key(one, "")


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer  {TOKEN} "])
def test_a_program_may_send_the_token_in_a_header(header: str) -> None:
    assert Access(TOKEN).bears_token(header)


@pytest.mark.parametrize("header", [None, "", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer x"])
def test_any_other_header_is_none(header: str | None) -> None:
    assert not Access(TOKEN).bears_token(header)


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_the_first_line_of_a_file_is_the_token_and_the_file_counts_before_the_variable(tmp_path: Path) -> None:
    file = write(tmp_path / "token", f" {TOKEN} \nmore".encode())

    assert read_token(file, "another-token-of-many") == TOKEN
    assert read_token(None, TOKEN) == TOKEN
    assert read_token(None, None) is None
    assert read_token(None, "") is None


@pytest.mark.parametrize(
    "content", [b"", b"\n" + TOKEN.encode(), b"short", b"\xff\xfe" * 20, b"a b\tc" * 10, b"\0" * 40]
)
def test_a_token_that_can_be_guessed_or_typed_wrong_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UsageError, match="at least 16 plain characters"):
        read_token(write(tmp_path / "token", content), None)


def test_a_file_that_others_may_read_holds_no_secret(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="may be read by others") as error:
        read_token(write(tmp_path / "token", TOKEN.encode(), 0o640), None)
    assert "chmod 600" in error.value.hint


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_token(tmp_path / "nothing", None)
    (tmp_path / "folder").mkdir(mode=0o700)
    with pytest.raises(UsageError, match="cannot be read"):
        read_token(tmp_path / "folder", None)


def test_a_huge_file_is_read_no_further_than_a_token_can_reach(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_token(write(tmp_path / "token", b"\xff" * 10_000_000), None)
