"""The results explorer: the filters of `dynofarm results` in an address, and pages that fit together."""

import csv
import io
import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.runs import RunStatus
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from orchestrator.web.routes import comparison, history, results, sweeps
from tests.making import MOMENT, make_job, make_model, make_result, make_run
from tests.web.asking import Client

BOARDS = ("attic", "cellar", "kitchen")


def fill(store: Store, count: int) -> list[str]:
    """So many runs on three boards, a few seconds apart; each tenth crashed."""
    ids = [f"{number:08x}{'0' * 24}" for number in range(count)]
    jobs = [make_job(one, device=BOARDS[at % 3], threads=1 + at % 2, position=at) for at, one in enumerate(ids)]
    store.create_sweep(Sweep("nightly", ("bert",), ("all",)), jobs, [make_model()], MOMENT)
    for at, job in enumerate(jobs):
        when = MOMENT + timedelta(seconds=5 * (at // 2))
        if at % 10 == 9:
            store.save_run(make_run(job, RunStatus.CRASHED, message="it fell", started=when, finished=when))
            continue
        result = make_result(job.job_id, [1_000_000 + 1000 * (at % 40) + index for index in range(100)])
        store.save_run(make_run(job, started=when, finished=when, result=result))
    return ids


def runs_on(text: str) -> list[str]:
    return re.findall(r'href="/runs/([0-9a-f]+)/\d+"', text)


def walk(client: Client, words: str) -> list[str]:
    """Every run of every page, from the first to the last."""
    found: list[str] = []
    address: str | None = f"/results?each-run=1&{words}"
    while address is not None:
        text = client.get(address).text
        found += runs_on(text)
        onward = re.search(r'href="(/results\?[^"]*)" rel="next"', text)
        address = onward[1].replace("&amp;", "&") if onward else None
    return found


@pytest.mark.parametrize("sort", ["-started", "started", "p50", "-p50", "device", "-status", "-rss", "model", "p99"])
def test_the_pages_of_any_order_hold_every_run_exactly_once(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    ids = fill(store, 60)
    monkeypatch.setattr(results, "RUNS_SHOWN", 7)

    found = walk(client, f"sort={sort}")

    assert sorted(found) == ids


def test_runs_that_come_meanwhile_shift_no_page(client: Client, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = fill(store, 20)
    monkeypatch.setattr(results, "RUNS_SHOWN", 10)
    first = client.get("/results?each-run=1")
    onward = re.search(r'href="(/results\?[^"]*)" rel="next"', first.text)
    assert onward is not None

    late = make_job("f" * 32)
    store.create_sweep(Sweep("late", ("bert",), ("all",)), [late], [make_model()], MOMENT)
    store.save_run(make_run(late, started=MOMENT + timedelta(days=1), finished=MOMENT + timedelta(days=1)))

    second = client.get(onward[1].replace("&amp;", "&"))
    assert sorted(runs_on(first.text) + runs_on(second.text)) == ids


@pytest.mark.parametrize(
    ("words", "count"),
    [("device=attic", 7), ("device=attic&device=cellar", 14), ("device=*c*", 20), ("threads=1", 10),
     ("status=crashed", 2), ("model=bert&runtime=litert&delegate=xnnpack", 20),
     ("since=2026-11-01", 20), ("until=2026-11-01", 0), ("sweep=1", 20), ("sweep=nightly", 20),
     ("sweep=last&role=all", 20), ("verdict=invalid", 0),
     ("device=&model=", 20)],
)  # fmt: skip
def test_the_filters_mean_what_they_mean_on_the_command_line(
    client: Client, store: Store, words: str, count: int
) -> None:
    fill(store, 20)

    assert len(walk(client, words)) == count


def test_the_form_keeps_what_the_address_asked_for(client: Client, store: Store) -> None:
    fill(store, 20)

    text = client.get("/results?device=attic&device=cellar&since=90d&sort=-p50&each-run=1").text

    assert '<option value="attic" selected>' in text
    assert '<input type="hidden" name="device" value="cellar">' in text
    assert 'name="since" value="90d"' in text
    assert '<option value="-p50" selected>' in text
    assert '<input type="hidden" name="each-run" value="1">' in text


def test_cases_lead_to_their_history_and_to_their_board(client: Client, store: Store) -> None:
    fill(store, 20)

    text = client.get("/results").text

    assert "6 cases" in text
    assert 'href="/boards/attic"' in text
    assert quote("device:attic,model:bert,runtime:litert,threads:1,delegate:xnnpack") in text


def test_the_pages_of_cases_hold_every_case_once(client: Client, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, 20)
    monkeypatch.setattr(results, "CASES_SHOWN", 4)

    first = client.get("/results?sort=device").text
    onward = re.search(r'href="(/results\?[^"]*)" rel="next"', first)
    assert onward is not None
    second = client.get(onward[1].replace("&amp;", "&")).text

    assert (first.count(">history<"), second.count(">history<")) == (4, 2)
    assert 'rel="next"' not in second


def test_the_csv_file_has_every_run_of_the_filter_and_the_columns_of_the_command_line(
    client: Client, store: Store
) -> None:
    fill(store, 20)

    answer = client.get("/results.csv?device=attic&sort=started")

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 7
    assert {row["device"] for row in rows} == {"attic"}
    assert "median_ns" in rows[0]
    assert "attachment" in answer.headers["content-disposition"]


def test_reasons_stand_once_below_the_table(client: Client, store: Store) -> None:
    fill(store, 20)

    text = client.get("/results?each-run=1").text

    assert text.count("it fell") == 1
    assert text.count("[1]") == 3


@pytest.mark.parametrize(
    "words",
    ["devise=attic", "threads=many", "threads=1,,2", "status=fine", "role=king", "verdict=guilty", "since=tomorrow",
     "since=2099-01-01", "sort=beauty", "each-run=yes", "each-run=1&each-run=1", "sweep=1&sweep=2", "after=x",
     "after=WzEsMl0", "after=" + "A" * 400, "each-run=1&after=W251bGwsIC0xXQ", "device=" + "x" * 501, "device=%00",
     "device=%ff", "&".join(["device=a"] * 200), "x" * 9000, "every-attempt=2", "threads=9" + "9" * 40,
     "sort=--p50", "sweep=" + "9" * 30],
)  # fmt: skip
def test_what_cannot_be_asked_is_one_sentence(client: Client, store: Store, words: str) -> None:
    fill(store, 2)

    answer = client.get(f"/results?{words}")

    assert answer.status_code in (200, 400, 404), words
    assert "Traceback" not in answer.text
    if answer.status_code != 200:
        assert "<h1>" in answer.text and '<div class="box bad">' in answer.text
        assert client.get(f"/results.csv?{words}").status_code in (400, 404)


WORDS = st.lists(st.tuples(st.sampled_from([*results.WORDS, "x"]), st.text(max_size=12)), max_size=4)
SIDES = st.lists(st.tuples(st.sampled_from([*comparison.WORDS, "of", "before"]), st.text(max_size=12)), max_size=4)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=WORDS)
def test_no_words_break_the_explorer(client: Client, words: list[tuple[str, str]]) -> None:
    for path in ("/results", "/results.csv"):
        answer = client.get(f"{path}?{urlencode(words, errors='surrogatepass')}")
        assert answer.status_code in (200, 400, 404), answer.text


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=SIDES, path=st.sampled_from(["/compare", "/history", "/sweeps", "/compare.csv"]))
def test_no_words_break_the_other_pages(client: Client, words: list[tuple[str, str]], path: str) -> None:
    answer = client.get(f"{path}?{urlencode(words, errors='surrogatepass')}")
    assert answer.status_code in (200, 400, 404), answer.text


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(max_size=30), kind=st.sampled_from(["boards", "sweeps", "runs", "models", "assets"]))
def test_no_path_breaks_the_server(client: Client, path: str, kind: str) -> None:
    answer = client.get(f"/{kind}/{quote(path, safe='', errors='surrogatepass')}")
    assert answer.status_code in (200, 400, 404), answer.text


def test_a_page_that_would_read_too_much_says_how_to_narrow_it(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, 20)
    monkeypatch.setattr("orchestrator.web.limits.MOST_RUNS", 5)

    for path in ("/history?of=since:9999d", "/compare?a=device:attic&b=device:cellar", "/compare?a=1&b=2&by=threads"):
        answer = client.get(path)
        assert answer.status_code == 400
        assert "narrow it with" in answer.text
    assert history.CASES_OFFERED > 0


def test_older_sweeps_stand_on_further_pages(client: Client, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "SWEEPS_SHOWN", 3)
    for number in range(5):
        job = replace(make_job(), job_id=f"{number:032x}")
        store.create_sweep(Sweep(f"sweep-{number}", ("bert",), ("all",)), [job], [make_model()], MOMENT)

    first = client.get("/sweeps").text
    second = client.get("/sweeps?before=3").text

    assert "sweep-4" in first and "sweep-1" not in first and "/sweeps?before=3" in first
    assert "sweep-1" in second and "sweep-0" in second and 'rel="next"' not in second
    assert client.get("/sweeps?before=x").status_code == 400
