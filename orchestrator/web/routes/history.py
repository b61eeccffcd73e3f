"""The history of cases: the words and the code of `dynofarm history`."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.asking.runs import run_filter
from orchestrator.asking.sides import runs_of_side
from orchestrator.comparing import USUAL_THRESHOLD
from orchestrator.comparing.change_points import FEWEST
from orchestrator.comparing.history import History, histories
from orchestrator.comparing.selectors import parse_selector
from orchestrator.comparing.thresholds import parse_share
from orchestrator.quantities import now_here
from orchestrator.store.cases import cases_behind
from orchestrator.web.limits import check_not_too_many
from orchestrator.web.query import Query, parse_query
from orchestrator.web.rendering import render
from orchestrator.web.showing import history as showing
from orchestrator.web.showing.results import cases_table
from orchestrator.web.site import Site, site_of

router = APIRouter()

CASES_OFFERED = 50


@router.get("/history")
def history(request: Request) -> Response:
    """The cases that `of` selects; without it the cases that ran last, to choose from."""
    query = parse_query(request.url.query, ("of", "threshold", "include-suspect"))
    site = site_of(request)
    found, offered = None, None
    if query.one("of"):
        found = _histories(site, query)
    else:
        with site.window.open() as look, look.connection() as connection:
            excerpt, _ = cases_behind(connection, run_filter(sort="-started"), None, CASES_OFFERED)
        offered = cases_table(excerpt.runs) if excerpt.runs else None
    return render(
        request,
        "history.html",
        query=query,
        offered=offered,
        found=found,
        table=showing.histories_table(found) if found else None,
        charts=showing.history_charts(found) if found else [],
        changes=sum(len(one.changes) for one in found or ()),
        longest=max((len(one.points) for one in found or ()), default=0),
        fewest=2 * FEWEST,
        left_out=sum(one.left_out for one in found or ()),
    )


def _histories(site: Site, query: Query) -> list[History]:
    text, threshold = query.one("of") or "", query.one("threshold")
    share = parse_share(threshold) if threshold is not None else None
    selector = parse_selector(text, now_here())
    with site.window.open() as look, look.reader() as reader:
        check_not_too_many(reader, [text])
        runs = runs_of_side(site.farm, reader, selector)
        floors = reader.noise_floors()

    def least(device: str) -> float:
        return share if share is not None else floors.get(device, USUAL_THRESHOLD)

    return histories(runs, least, include_suspect=query.flag("include-suspect"))
