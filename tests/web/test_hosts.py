"""Which names a server answers to, and from where forms may come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.web.hosts import is_local_path, is_loopback, is_ours, is_same_origin, names_of

NAMES = frozenset({"localhost", "farm.example"})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_loopback_is_known_by_name_and_by_address(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "", "farm.example", "127.0.0.1.example"])
def test_everything_else_is_reached_by_others(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "header", ["localhost", "localhost:8765", "LocalHost.:8765", "farm.example", "127.0.0.1:8765", "[::1]:8765"]
)
def test_a_request_to_one_of_our_names_is_answered(header: str) -> None:
    assert is_ours(header, NAMES, loopback=True)


@pytest.mark.parametrize(
    "header",
    ["evil.example", "evil.example:8765", "localhost.evil.example", "127.0.0.1.evil.example", "", ":8765",
     "192.168.1.4", "localhost:99999", "localhost:x", "user@localhost", "localhost/evil", "localhost#", "[::1",
     "local host", "[::1]x", "[::1]x:80", "localhost:", "::1"],
)  # fmt: skip
def test_a_request_to_any_other_name_is_not(header: str) -> None:
    assert not is_ours(header, NAMES, loopback=True)


def test_a_server_for_others_answers_to_addresses_in_figures() -> None:
    assert is_ours("192.168.1.4:8765", NAMES, loopback=False)
    assert not is_ours("evil.example", NAMES, loopback=False)


def test_a_server_for_others_has_the_names_of_its_machine() -> None:
    assert names_of("0.0.0.0", ["lab", "lab.example"], ["Farm.Example."]) >= {"lab", "lab.example", "farm.example"}
    assert names_of("127.0.0.1", ["lab"], []) == {"localhost"}


@given(st.text(max_size=60))
def test_no_header_breaks_the_check(header: str) -> None:
    assert is_ours(header, NAMES, loopback=True) in (True, False)


@pytest.mark.parametrize(
    ("origin", "referer", "site"),
    [
        ("http://localhost:8765", None, None),
        ("https://LOCALHOST:8765", None, "same-origin"),
        (None, "http://localhost:8765/boards/kitchen", None),
    ],
)
def test_a_form_of_our_own_pages_is_taken(origin: str | None, referer: str | None, site: str | None) -> None:
    assert is_same_origin("localhost:8765", origin, referer, site)


@pytest.mark.parametrize(
    ("origin", "referer", "site"),
    [
        (None, None, None),
        ("null", None, None),
        ("", None, None),
        ("http://evil.example", None, None),
        ("http://localhost:8766", None, None),
        ("http://localhost:8765.evil.example", None, None),
        ("http://[broken", None, None),
        ("file://localhost:8765", None, None),
        ("http://evil.example", "http://localhost:8765/", None),
        ("http://localhost:8765", None, "cross-site"),
        ("http://localhost:8765", None, "same-site"),
        ("http://localhost:8765", None, "none"),
        (None, "http://evil.example/http://localhost:8765", None),
    ],
)
def test_a_form_from_elsewhere_is_not(origin: str | None, referer: str | None, site: str | None) -> None:
    assert not is_same_origin("localhost:8765", origin, referer, site)


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_origin_breaks_the_check(host: str, origin: str) -> None:
    assert is_same_origin(host, origin, None, None) in (True, False)


@pytest.mark.parametrize("path", ["/", "/results?sort=p50&x=//y", "/boards/a%2Fb"])
def test_a_path_here_may_follow_the_login(path: str) -> None:
    assert is_local_path(path)


@pytest.mark.parametrize(
    "path", ["", "//evil.example", "/\\evil.example", "http://evil.example", "x", "/\r\nSet-Cookie: a"]
)
def test_a_path_elsewhere_may_not(path: str) -> None:
    assert not is_local_path(path)
