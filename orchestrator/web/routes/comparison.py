"""Two sides compared: the words and the code of `dynofarm compare`."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.asking.sides import ask
from orchestrator.comparing.measured import Axis
from orchestrator.comparing.thresholds import parse_share
from orchestrator.comparing.verdicts import Compared
from orchestrator.errors import UsageError
from orchestrator.report.comparison import summary_text
from orchestrator.report.comparison_files import comparison_csv
from orchestrator.store.glances.sweeps import sweeps_before
from orchestrator.web.limits import check_not_too_many
from orchestrator.web.query import Query, parse_query
from orchestrator.web.rendering import render
from orchestrator.web.showing import comparison as showing
from orchestrator.web.site import Site, site_of

router = APIRouter()

WORDS = ("a", "b", "sweep", "by", "across", "threshold", "include-suspect")
SWEEPS_OFFERED = 12


@router.get("/compare")
def compare(request: Request) -> Response:
    """The sides `a` and `b`; without them a form to name them."""
    query = parse_query(request.url.query, WORDS)
    site = site_of(request)
    compared = _compared(site, query) if query.one("a") and query.one("b") else None
    with site.window.open() as look, look.connection() as connection:
        sweeps = sweeps_before(connection, None, SWEEPS_OFFERED)
    chart = showing.interval_chart(compared) if compared is not None else None
    return render(
        request,
        "compare.html",
        query=query,
        axes=[str(axis) for axis in Axis],
        sweeps=sweeps,
        compared=compared,
        summary=summary_text(compared) if compared is not None else "",
        table=showing.comparison_table(compared) if compared is not None and compared.cases else None,
        chart=chart,
        unpaired=showing.unpaired_lines(compared) if compared is not None else [],
        csv=query.changed(),
    )


@router.get("/compare.csv")
def compare_csv(request: Request) -> Response:
    """The same as a file."""
    query = parse_query(request.url.query, WORDS)
    if not (query.one("a") and query.one("b")):
        raise UsageError("a comparison has two sides", "name them: ?a=41&b=42")
    text = comparison_csv(_compared(site_of(request), query))
    headers = {"Content-Disposition": 'attachment; filename="comparison.csv"'}
    return Response(text.encode("utf-8", "replace"), media_type="text/csv; charset=utf-8", headers=headers)


def _compared(site: Site, query: Query) -> Compared:
    first, second, threshold = query.one("a") or "", query.one("b") or "", query.one("threshold")
    base = [sweep] if (sweep := query.one("sweep")) is not None else []
    by = query.one("by")
    if base and by is None:
        raise UsageError("a sweep beside two sides goes with an axis", "say by=model, by=runtime or by=device")
    share = parse_share(threshold) if threshold is not None else None
    with site.window.open() as look, look.reader() as reader:
        check_not_too_many(reader, [",".join([*base, f"{by}:{one}" if by else one]) for one in (first, second)])
        question = ask(
            site.farm,
            reader,
            [*base, first, second],
            by=by,
            across=query.all("across"),
            share=share,
            include_suspect=query.flag("include-suspect"),
        )
    return question.answer()
