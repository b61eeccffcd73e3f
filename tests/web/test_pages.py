"""Every page: what it shows, what it says where there is nothing, and that names stay names."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.farm import Farm
from orchestrator.records import FaultKind, LinkFault
from orchestrator.reference_model import reference_model
from orchestrator.runs import Role, Run, RunStatus
from orchestrator.store import Store
from orchestrator.sweep import REFERENCE, Sweep
from tests.making import MOMENT, make_conditions, make_facts, make_job, make_model, make_result, make_run
from tests.web.asking import Client

SWEEP = Sweep("nightly", ("bert",), ("all",))
PAGES = ("/", "/live", "/sweeps", "/results", "/results?each-run=1", "/compare", "/history", "/models", "/login")
HOSTILE = "<script>alert(1)</script>\"'&{{ 7*7 }}\u202e"


def keep(store: Store, *runs: Run, name: str = "nightly", owed: int = 0, at: datetime = MOMENT) -> int:
    jobs = [run.job for run in runs]
    jobs += [replace(jobs[0], job_id=f"{number:032x}", block=9, position=number) for number in range(owed)]
    models = [make_model(job.model, digest=job.model_digest) for job in {job.model: job for job in jobs}.values()]
    sweep_id = store.create_sweep(replace(SWEEP, name=name), jobs, models, at)
    for run in runs:
        store.save_run(run)
    return sweep_id


def run_of(job_id: str, *, median_ns: int = 2_000_000, at: datetime = MOMENT, **changes: object) -> Run:
    job = make_job(job_id, **changes)
    latencies = [median_ns + 1000 * (index - 50) for index in range(100)]
    return make_run(job, result=make_result(job_id, latencies), started=at, finished=at)


@pytest.mark.parametrize("path", PAGES)
def test_an_empty_farm_has_every_page_and_says_what_to_do_next(client: Client, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    if path not in ("/", "/live", "/login"):
        assert "dynofarm " in answer.text


def test_a_farm_without_boards_says_how_to_register_one(client: Client, served: Farm) -> None:
    (served.profiles / "kitchen.yaml").unlink()

    assert "dynofarm device add" in client.get("/").text


def test_the_farm_shows_each_board_with_its_state(client: Client, store: Store) -> None:
    now = datetime.now(UTC)
    store.remember_facts("kitchen", make_facts(), make_conditions(temperatures_c={"cpu": 48.3}), now)
    store.quarantine("kitchen", "12 % slow since Tuesday", now)
    store.reservations.reserve(["kitchen"], "anna@lab", "debugging", now, now + timedelta(hours=2))

    text = client.get("/").text

    assert "Raspberry Pi 4" in text
    assert "48.3 °C" in text
    assert "in quarantine" in text and "12 % slow since Tuesday" in text
    page = client.get("/boards/kitchen").text
    assert "anna@lab" in page and "debugging" in page
    assert "dynofarm health --release kitchen" in page


def test_a_board_that_measures_shows_its_sweep_how_far_it_is_and_what_is_next(client: Client, store: Store) -> None:
    sweep_id = keep(store, run_of("a" * 32), owed=3)
    store.lease_boards(["kitchen"], "me", owner="me@here", why="nightly", sweep_id=sweep_id)

    text = client.get("/live").text

    assert f"sweep {sweep_id}, 1 of 4" in text
    assert "bert · litert · 1 thread" in text
    assert "runs now" in client.get(f"/sweeps/{sweep_id}").text
    assert f'hx-get="/sweeps/{sweep_id}/live"' in client.get(f"/sweeps/{sweep_id}/live").text


def test_a_sweep_that_is_over_asks_the_server_no_more(client: Client, store: Store) -> None:
    sweep_id = keep(store, run_of("a" * 32))

    answer = client.get(f"/sweeps/{sweep_id}/live")

    assert "hx-get" not in answer.text
    assert "done" in answer.text


def test_a_sweep_shows_its_losses_and_how_to_take_it_up_again(client: Client, store: Store) -> None:
    sweep_id = keep(store, run_of("a" * 32), make_run(make_job("b" * 32), RunStatus.CRASHED, message="it fell"), owed=1)
    store.note_fault(LinkFault(sweep_id, "kitchen", MOMENT, FaultKind.LOST, "the link broke", "tried again", 1, MOMENT))

    text = client.get(f"/sweeps/{sweep_id}").text

    assert "the link broke" in text
    assert f"dynofarm run --resume {sweep_id}" in text
    assert "1 time" in client.get("/sweeps").text


def test_the_control_chart_of_a_board_has_every_look(client: Client, store: Store) -> None:
    model = reference_model()
    for day in range(10):
        when = MOMENT + timedelta(days=day)
        job = make_job(
            f"{day:032x}", model=model.name, model_digest=model.digest, protocol=REFERENCE, role=Role.REFERENCE
        )
        store.create_sweep(replace(SWEEP, name="health"), [job], [model], when)
        store.save_run(make_run(job, started=when, finished=when, result=make_result(job.job_id)))

    text = client.get("/boards/kitchen").text

    assert "Looks at the board with the reference model" in text
    assert "usual" in text
    assert "well" in client.get("/").text


def test_a_run_shows_figures_charts_trust_and_conditions(client: Client, store: Store) -> None:
    keep(store, run_of("a" * 32))

    for address in ("/runs/" + "a" * 32, "/runs/aaaa", "/runs/" + "a" * 32 + "/1"):
        text = client.get(address).text
        assert "2.000 ms" in text
        assert "Latency of each inference" in text
        assert "Conditions: before, after" in text
        assert "worker rss" in text


def test_a_failed_run_says_why_and_what_the_board_said(client: Client, store: Store) -> None:
    keep(store, make_run(make_job(), RunStatus.CRASHED, message="signal 11", detail="Segmentation fault"))

    text = client.get("/runs/" + "a" * 32).text

    assert "signal 11" in text and "Segmentation fault" in text


def test_two_sweeps_are_compared_as_on_the_command_line(client: Client, store: Store) -> None:
    for sweep, median_ns in ((1, 2_000_000), (2, 3_000_000)):
        keep(store, *(run_of(f"{sweep}{turn:031x}", median_ns=median_ns + turn, block=turn) for turn in range(6)))

    text = client.get("/compare?a=1&b=2").text

    assert "slower" in text
    assert "1.500" in text
    csv = client.get("/compare.csv?a=1&b=2")
    assert csv.headers["content-type"].startswith("text/csv")
    assert "slower" in csv.text


def test_a_case_without_a_partner_is_named_with_its_reason(client: Client, store: Store) -> None:
    keep(store, run_of("a" * 32))
    keep(store, run_of("b" * 32, model="other", model_digest=make_model("other").digest))

    text = client.get("/compare?a=1&b=2").text

    assert "not compared" in text


def test_the_history_tells_since_when_a_case_is_slower(client: Client, store: Store) -> None:
    for sweep in range(16):
        at = MOMENT + timedelta(days=sweep)
        median_ns = 2_000_000 + 1000 * (sweep % 3) + (400_000 if sweep >= 8 else 0)
        keep(store, *(run_of(f"{sweep:016x}{turn:016x}", median_ns=median_ns, at=at) for turn in range(3)), at=at)

    text = client.get("/history?of=device:kitchen,model:bert").text

    assert "slower by" in text and "first seen in sweep 9" in text
    assert "/history?of=device" in client.get("/history").text


def test_a_model_shows_what_it_was_made_from(client: Client, store: Store) -> None:
    parent = make_model("parent")
    store.add_model(parent)
    store.add_model(make_model("child", parent=parent.digest, operators={"ADD": 3}, recipe="int8"))

    text = client.get("/models/child").text

    assert f"/models/{parent.digest}" in text
    assert "ADD" in text and "int8" in text
    assert "child" in client.get("/models").text


@pytest.mark.parametrize(
    "path",
    ["/sweeps/99", "/sweeps/99/live", "/runs/ffff", "/runs/aaaa/7", "/boards/nobody", "/models/nothing", "/nowhere",
     "/sweeps/nightly", "/sweeps/-1", "/sweeps/" + "9" * 400, "/runs/%00", "/boards/%2e%2e%2fetc", "/results?sweep=99",
     "/results?device=nobody", "/history?of=model:nothing", "/compare?a=77&b=78"],
)  # fmt: skip
def test_what_is_not_there_is_a_page_that_says_so(client: Client, store: Store, path: str) -> None:
    keep(store, run_of("a" * 32))

    answer = client.get(path)

    assert answer.status_code in (400, 404)
    assert "Traceback" not in answer.text
    assert "<h1>" in answer.text


def test_names_stay_names_whatever_they_are(serve: Callable[..., Client], store: Store, tmp_path: Path) -> None:
    model = make_model(HOSTILE)
    job = make_job("a" * 32, model=HOSTILE, model_digest=model.digest, device=HOSTILE)
    store.create_sweep(replace(SWEEP, name=HOSTILE), [job], [model], MOMENT)
    store.save_run(make_run(job))
    store.add_model(model)
    bad = make_job("b" * 32, model=HOSTILE, model_digest=model.digest, device=HOSTILE)
    store.create_sweep(replace(SWEEP, name=HOSTILE), [bad], [model], MOMENT)
    store.save_run(make_run(bad, RunStatus.CRASHED, message=HOSTILE, detail=HOSTILE))
    store.quarantine(HOSTILE, HOSTILE, MOMENT)
    store.reservations.reserve([HOSTILE], HOSTILE, HOSTILE, datetime.now(UTC), datetime.now(UTC) + timedelta(hours=1))
    client = serve()

    board = client.get("/").text
    links = {part.split('"')[0] for part in board.split('href="')[1:] if part.startswith("/boards/")}
    paths = [*PAGES, "/sweeps/1", "/sweeps/2", "/runs/aaaa", "/runs/bbbb", f"/models/{model.digest}", *links]
    for path in paths:
        answer = client.get(path.replace("&amp;", "&"))
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text
        read = re.sub("<[^>]*>", " ", answer.text)
        assert "\u202e" not in read, (path, read[read.index("\u202e") - 200 :][:260])


def test_a_page_of_something_that_is_not_there_escapes_its_name(client: Client) -> None:
    text = client.get("/boards/<script>alert(1)</script>").text

    assert "<script>alert" not in text


def test_a_browser_that_has_a_page_already_is_told_so(client: Client) -> None:
    first = client.get("/sweeps")

    again = client.get("/sweeps", headers={"If-None-Match": first.headers["etag"]})

    assert again.status_code == 304
    assert again.content == b""
