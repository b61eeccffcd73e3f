"""Stopping a sweep from its page: who may, what the page shows meanwhile, and what stands in the way."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.claims import myself
from orchestrator.records import MUTE_AFTER
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from orchestrator.web.access import Access
from tests.making import MOMENT, make_job, make_model
from tests.web.asking import ORIGIN, TOKEN, Client, form_key

HEADERS = {"Origin": ORIGIN}
BUTTON = "Stop it</button>"


@pytest.fixture
def running(store: Store) -> int:
    """The number of the sitting of sweep 1, which has a job to do."""
    store.create_sweep(Sweep("nightly", ("bert",), ("all",)), [make_job()], [make_model()], MOMENT)
    return store.sittings.begin(1, "anna@lab (dynofarm, process 7)", datetime.now(UTC))


def press(client: Client, **fields: str) -> tuple[int, str]:
    """Send the form; its status, and where it leads or what it says."""
    fields = {"form_key": form_key(client, "/boards/kitchen"), "sweep": "1"} | fields
    answer = client.post("/actions/stop", data=fields, headers=HEADERS)
    return answer.status_code, answer.headers.get("location", answer.text)


def test_a_running_sweep_is_stopped_and_its_page_says_so_until_its_end(
    holder: Client, store: Store, running: int
) -> None:
    page = holder.get("/sweeps/1").text
    assert BUTTON in page and "runs now" in page

    assert press(holder) == (303, "/sweeps/1")

    assert store.sittings.asked_by(running) == f"{myself()} (in a browser)"
    page = holder.get("/sweeps/1").text
    assert BUTTON not in page and "stopping" in page
    assert "anna@lab (dynofarm, process 7) has not heard it yet" in page
    store.sittings.note_heard(running, datetime.now(UTC))
    moving = holder.get("/sweeps/1/live")
    assert "boards finish the job in hand" in moving.text
    assert 'hx-get="/sweeps/1/live"' in moving.text and "hx-refresh" not in moving.headers
    assert "stopping" in holder.get("/sweeps").text
    store.sittings.end(running, datetime.now(UTC))
    over = holder.get("/sweeps/1/live")
    assert over.headers["hx-refresh"] == "true", "the whole page is fetched anew"
    assert "hx-get" not in over.text
    page = holder.get("/sweeps/1").text
    assert "not finished" in page and "dynofarm run --resume 1" in page and BUTTON not in page


def test_a_sweep_that_ended_meanwhile_is_told_to_have_ended(holder: Client, store: Store, running: int) -> None:
    store.sittings.end(running, datetime.now(UTC))

    status, text = press(holder)

    assert status == 200
    assert "nobody runs sweep 1" in text
    assert '<a href="/sweeps/1">Back to the sweep</a>' in text
    assert store.sittings.asked_by(running) is None


def test_a_process_that_does_not_answer_is_named_and_can_be_asked_again(
    holder: Client, store: Store, running: int
) -> None:
    store.sittings.ask(1, "ben@lab", datetime.now(UTC) - MUTE_AFTER - timedelta(seconds=1))

    page = holder.get("/sweeps/1").text

    assert "anna@lab (dynofarm, process 7) does not answer" in page
    assert "runs now" not in page and "dynofarm run --resume 1" in page
    assert BUTTON in page
    assert press(holder) == (303, "/sweeps/1")
    assert "stopping" in holder.get("/sweeps/1").text


def test_without_a_session_there_is_no_button_and_nothing_is_stopped(
    serve: Callable[..., Client], store: Store, running: int
) -> None:
    for client in (serve(), serve(access=Access(TOKEN))):
        assert BUTTON not in client.get("/sweeps/1").text
        answer = client.post("/actions/stop", data={"sweep": "1", "form_key": "x"}, headers=HEADERS)
        assert answer.status_code == 400
        assert "this needs the token" in answer.text
    assert store.sittings.asked_by(running) is None


@pytest.mark.parametrize(
    ("headers", "key", "status"),
    [
        (HEADERS, "", 400),
        (HEADERS, "guessed", 400),
        ({"Origin": "http://evil.example"}, None, 403),
        ({"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}, None, 403),
        ({}, None, 403),
    ],
)
def test_a_form_of_another_site_or_without_the_key_stops_nothing(
    holder: Client, store: Store, running: int, headers: dict[str, str], key: str | None, status: int
) -> None:
    own = form_key(holder, "/sweeps/1")
    fields = {"sweep": "1", "form_key": own if key is None else key}

    assert holder.post("/actions/stop", data=fields, headers=headers).status_code == status
    assert store.sittings.asked_by(running) is None


def test_looking_at_the_address_of_the_action_stops_nothing(holder: Client, store: Store, running: int) -> None:
    assert holder.get("/actions/stop?sweep=1").status_code == 405
    assert store.sittings.asked_by(running) is None


@pytest.mark.parametrize("number", ["", "2", "last", "nightly", "-1", "1;", "9" * 40, "١"])
def test_only_the_number_of_a_sweep_is_taken(holder: Client, store: Store, running: int, number: str) -> None:
    assert press(holder, sweep=number)[0] == 404
    assert store.sittings.asked_by(running) is None


def test_a_sweep_that_has_no_board_yet_runs_too(client: Client, running: int) -> None:
    assert "runs now" in client.get("/sweeps").text
    assert "dynofarm_sweeps_running 1.0" in client.get("/metrics").text
    assert "nightly" in client.get("/live").text
