"""The results explorer: the filters of `dynofarm results` in the address."""

from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from orchestrator.asking.runs import EVERY_ROLE, run_filter
from orchestrator.errors import UsageError
from orchestrator.export import export_parts
from orchestrator.pages.tables import Table
from orchestrator.records import RunFilter
from orchestrator.runs import Role, RunStatus
from orchestrator.store.cases import cases_behind
from orchestrator.store.glances.names import Names, known_names
from orchestrator.store.glances.runs import Place, runs_page
from orchestrator.store.looking import Look
from orchestrator.trust.verdicts import Verdict
from orchestrator.web.query import Query, parse_query, place_from_text, place_to_text
from orchestrator.web.rendering import render
from orchestrator.web.showing import results as showing
from orchestrator.web.site import site_of

router = APIRouter()

SEVERAL = ("device", "model", "runtime", "runtime-version", "delegate", "status", "verdict")
ONE = ("threads", "role", "sweep", "since", "until", "every-attempt", "sort")
FILTERS = (*SEVERAL, *ONE)
WORDS = (*FILTERS, "each-run", "after")
CASES_SHOWN, RUNS_SHOWN = 50, 100
PART_BYTES = 1 << 18
NEWEST_FIRST = "-started"


@router.get("/results")
def results(request: Request) -> Response:
    """Cases, or with `each-run=1` runs; a page of them."""
    query = parse_query(request.url.query, WORDS)
    wanted, each_run = _wanted(query), query.flag("each-run")
    with site_of(request).window.open() as look:
        table, count, after = (_runs if each_run else _cases)(look, wanted, query)
        with look.connection() as connection:
            names = known_names(connection)
    return render(
        request,
        "results.html",
        table=table if table.rows else None,
        query=query,
        each_run=each_run,
        count=count,
        narrowed=any(query.all(key) for key in FILTERS if key != "sort"),
        onward=query.changed(after=after) if after is not None else None,
        top=query.changed(after=None) if query.one("after") else None,
        csv=query.changed(after=None, each_run=None),
        other=query.changed(after=None, each_run=None if each_run else "1"),
        names=names,
        choices=_choices(names),
        sorts=showing.SORTS,
        sort=query.one("sort") or NEWEST_FIRST,
    )


@router.get("/results.csv")
def results_csv(request: Request) -> Response:
    """Every run that the filters let through, as `dynofarm results --format csv` writes it."""
    wanted = _wanted(parse_query(request.url.query, FILTERS))
    # Whole before a byte of it is sent: faults become a sentence, and somebody who reads slowly holds no view of the
    # store open, beside which its log would grow.
    file = TemporaryFile()  # noqa: SIM115 - the answer closes it
    try:
        with site_of(request).window.open() as look, look.reader() as reader:
            file.writelines(export_parts(reader.each_run(wanted), "csv"))
    except BaseException:
        file.close()
        raise
    headers = {"Content-Disposition": 'attachment; filename="results.csv"', "Content-Length": str(file.tell())}
    file.seek(0)
    return StreamingResponse(_parts(file), media_type="text/csv; charset=utf-8", headers=headers)


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while part := file.read(PART_BYTES):
            yield part


def _wanted(query: Query) -> RunFilter:
    try:
        return run_filter(
            device=query.all("device"),
            model=query.all("model"),
            runtime=query.all("runtime"),
            version=query.all("runtime-version"),
            threads=query.one("threads"),
            delegate=query.all("delegate"),
            status=query.all("status"),
            role=query.one("role") or str(Role.CASE),
            verdict=query.all("verdict"),
            sweep=query.one("sweep"),
            since=query.one("since"),
            until=query.one("until"),
            every_attempt=query.flag("every-attempt"),
            sort=query.one("sort") or NEWEST_FIRST,
        )
    except UsageError as error:
        # The command line's words, without the dashes that an address has not.
        raise UsageError(error.message.removeprefix("--"), error.hint.replace("--", "")) from None


def _runs(look: Look, wanted: RunFilter, query: Query) -> tuple[Table, str, str | None]:
    after = place_from_text(query.one("after"))
    with look.connection() as connection:
        page = runs_page(connection, wanted, after, RUNS_SHOWN)
    more = place_to_text(page.last) if page.last is not None else None
    return showing.runs_table(page.runs), f"{page.all_runs:,} run{'s' * (page.all_runs != 1)}", more


def _cases(look: Look, wanted: RunFilter, query: Query) -> tuple[Table, str, str | None]:
    place = place_from_text(query.one("after"))
    with look.connection() as connection:
        excerpt, last = cases_behind(connection, wanted, place.number if place is not None else None, CASES_SHOWN)
    notes = [f"Of each case the newest {excerpt.each:,} runs at most."] if excerpt.of_newest else []
    more = place_to_text(Place(None, last)) if last is not None else None
    table = showing.cases_table(excerpt.runs, notes=notes)
    return table, f"{excerpt.all_cases:,} case{'s' * (excerpt.all_cases != 1)}", more


def _choices(names: Names) -> list[tuple[str, str, tuple[str, ...]]]:
    """The fields of the form that offer a choice: key, label, values."""
    return [
        ("device", "board", names.devices),
        ("model", "model", names.models),
        ("runtime", "runtime", names.runtimes),
        ("runtime-version", "version", names.versions),
        ("delegate", "delegate", names.delegates),
        ("verdict", "verdict", tuple(map(str, Verdict))),
        ("status", "status", tuple(map(str, RunStatus))),
        ("role", "role", (*map(str, Role), EVERY_ROLE)),
    ]
