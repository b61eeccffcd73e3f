"""The few things that can be done in a browser, and all that stands in their way."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.claims import myself
from orchestrator.store import Store
from orchestrator.web.access import Access
from tests.making import MOMENT
from tests.web.asking import ORIGIN, TOKEN, Client, form_key

HEADERS = {"Origin": ORIGIN}


def send(client: Client, action: str, **fields: str) -> tuple[int, str]:
    fields = {"form_key": form_key(client, "/boards/kitchen"), "device": "kitchen"} | fields
    answer = client.post(f"/actions/{action}", data=fields, headers=HEADERS)
    return answer.status_code, answer.text


def test_a_board_is_put_back_into_rotation_with_what_was_done(holder: Client, store: Store) -> None:
    store.quarantine("kitchen", "slow", MOMENT)

    status, text = send(holder, "put-back", why="new power supply", anew="1")

    assert status == 200
    assert "back in rotation; it was out: slow" in text
    assert store.quarantined() == {}
    assert store.quarantines("kitchen")[0].released_why == "new power supply"


def test_putting_back_a_board_that_is_not_out_says_so(holder: Client) -> None:
    assert "was not in quarantine" in send(holder, "put-back")[1]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent of this machine works in a folder of the test."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    (tmp_path / "home").mkdir()


def test_a_board_is_reserved_and_given_back_and_hears_of_both(holder: Client, store: Store, home: None) -> None:
    status, text = send(holder, "reserve", **{"for": "2h", "why": "debugging"})

    assert status == 200
    assert "kitchen is reserved" in text and "does not know yet" not in text
    held = store.reservations.active(datetime.now(UTC))["kitchen"]
    assert (held.owner, held.why) == (myself(), "debugging")
    assert "debugging" in holder.get("/").text
    assert "is free again" in send(holder, "give-back")[1]
    assert store.reservations.active(datetime.now(UTC)) == {}


def test_what_somebody_else_has_is_taken_only_by_force(holder: Client, store: Store, home: None) -> None:
    now = datetime.now(UTC)
    store.reservations.reserve(["kitchen"], "anna@lab", "mine", now, now + timedelta(hours=1))

    assert "reserved by anna@lab" in send(holder, "reserve", **{"for": "2h", "why": "x"})[1]
    assert "reserved by anna@lab" in send(holder, "give-back")[1]
    assert "free again" in send(holder, "give-back", force="1")[1]


@pytest.mark.parametrize("fields", [{"for": "", "why": "x"}, {"for": "2h", "why": " "}, {"for": "99d", "why": "x"},
                                    {"for": "\0", "why": "x"}, {"for": "2h", "why": "x" * 5000}])  # fmt: skip
def test_a_reservation_that_cannot_be_is_one_sentence(holder: Client, fields: dict[str, str]) -> None:
    status, text = send(holder, "reserve", **fields)

    assert status == 400
    assert "Next:" in text and "--" not in text.split("<main")[1].split("</main")[0]


@pytest.mark.parametrize("changes", [{"form_key": ""}, {"form_key": "guessed"}, {"form_key": "\udcff"}])
def test_a_form_without_the_key_of_the_session_does_nothing(
    holder: Client, store: Store, changes: dict[str, str]
) -> None:
    store.quarantine("kitchen", "slow", MOMENT)
    fields = {"device": "kitchen", "form_key": changes["form_key"].encode("utf-8", "replace").decode()}

    assert holder.post("/actions/put-back", data=fields, headers=HEADERS).status_code == 400
    assert "kitchen" in store.quarantined()


def test_without_a_session_nothing_is_done_and_no_form_is_shown(serve: Callable[..., Client], store: Store) -> None:
    store.quarantine("kitchen", "slow", MOMENT)
    for client in (serve(), serve(access=Access(TOKEN))):
        answer = client.post("/actions/put-back", data={"device": "kitchen", "form_key": "x"}, headers=HEADERS)
        assert answer.status_code == 400
        assert "<button>" not in client.get("/boards/kitchen").text
    assert "kitchen" in store.quarantined()


def test_a_server_without_a_token_has_no_login(client: Client) -> None:
    assert "Log in" not in client.get("/").text
    assert "<form" not in client.get("/login").text
    assert client.post("/login", data={"token": ""}, headers=HEADERS).status_code == 403


def test_unknown_boards_and_actions_are_said_to_be_so(holder: Client) -> None:
    assert send(holder, "put-back", device="nobody")[0] == 404
    assert send(holder, "format-disk")[0] == 400


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{}", "application/json"),
        (b"a=" + b"x" * 20_000, "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"a=%ff%fe", "application/x-www-form-urlencoded"),
        (b"&".join(b"a=1" for _ in range(500)), "application/x-www-form-urlencoded"),
        (b"", "multipart/form-data; boundary=x"),
        (b"", ""),
    ],
)
def test_what_is_no_form_is_refused_in_a_sentence(holder: Client, content: bytes, kind: str) -> None:
    answer = holder.post("/actions/put-back", content=content, headers={**HEADERS, "Content-Type": kind})

    assert answer.status_code == 400
    assert "Traceback" not in answer.text
