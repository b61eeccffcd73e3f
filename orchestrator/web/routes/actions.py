"""The few things that can be done here, by whoever has logged in: the same functions as those of the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from orchestrator.claims import check_reason, myself, parse_term_s, reserved_text
from orchestrator.devices import Device
from orchestrator.errors import UsageError
from orchestrator.report.sittings import idle_text
from orchestrator.store import Store
from orchestrator.visits.reserving import Outcome, Visitor, release, reserve
from orchestrator.web import addresses
from orchestrator.web.access import is_form_key
from orchestrator.web.forms import read_form
from orchestrator.web.looks import device_of, sweep_of
from orchestrator.web.rendering import render, session_of
from orchestrator.web.site import Site, site_of

router = APIRouter()


@router.post("/actions/{action}")
async def act(request: Request, action: str) -> Response:
    """Do it, and say what came of it."""
    site, session = site_of(request), session_of(request)
    form = await read_form(request)
    if session is None or not is_form_key(session, form.get("form_key", "")):
        raise UsageError("this needs the token, and a form of this server", "log in, then send the form again")
    if action not in ACTIONS:
        raise UsageError(f"there is no action {action[:40]!r}", f"there are: {', '.join(ACTIONS)}")
    outcome = await run_in_threadpool(_do, site, action, form)
    if not outcome.lines:
        return RedirectResponse(outcome.page, status_code=303)
    return render(request, "outcome.html", outcome=outcome)


@dataclass(frozen=True)
class Told:
    """What came of an action, and the page of what it was about: that page says it where there are no `lines`."""

    about: str
    page: str
    back: str
    lines: Sequence[str] = ()


def _do(site: Site, action: str, form: Mapping[str, str]) -> Told:
    if action in OF_BOARDS:
        device = device_of(site, form.get("device", ""))
        with _open(site) as store:
            lines = OF_BOARDS[action](site, store, device, form)
        return Told(device.name, addresses.board(device.name), "Back to the board", lines)
    with site.window.open() as look:
        sweep = sweep_of(look, form.get("sweep", ""))
    with _open(site) as store:
        lines = OF_SWEEPS[action](store, sweep.sweep_id)
    return Told(f"Sweep {sweep.sweep_id}: {sweep.name}", addresses.sweep(sweep.sweep_id), "Back to the sweep", lines)


def _open(site: Site) -> Store:
    with site.window.open():
        pass  # a store that has to be upgraded, or that is none, is not opened for writing
    return Store.open(site.farm.database)


def _put_back(_site: Site, store: Store, device: Device, form: Mapping[str, str]) -> list[str]:
    """As `dynofarm health --release`, and with `anew` as `--new-baseline`."""
    now, anew = datetime.now(UTC), form.get("anew") == "1"
    why = " ".join(form.get("why", "").split())[:500]
    record = store.release_board(device.name, why or ("a new baseline begins" if anew else "released"), now)
    if anew:
        store.begin_baseline(device.name, now)
    told = f"is back in rotation; it was out: {record.reason}" if record else "was not in quarantine"
    return [f"{device.name} {told}"] + (["its history begins anew"] if anew else [])


def _reserve(site: Site, store: Store, device: Device, form: Mapping[str, str]) -> list[str]:
    """As `dynofarm device reserve`."""
    try:
        term_s, why = parse_term_s(form.get("for", "")), check_reason(form.get("why", ""))
    except UsageError as error:
        raise UsageError(error.message.replace("--", ""), error.hint.replace("--", "")) from None
    (outcome,) = reserve(_visitor(site, store), [device], term_s, why)
    if not outcome.done:
        return [_whose(outcome)]
    return [f"{device.name} is reserved", *_not_told(outcome)]


def _give_back(site: Site, store: Store, device: Device, form: Mapping[str, str]) -> list[str]:
    """As `dynofarm device release`, with `force` somebody else's, too."""
    (outcome,) = release(_visitor(site, store), [device], force=form.get("force") == "1")
    if outcome.record is None:
        return [f"{device.name} was not reserved", *_not_told(outcome)]
    if not outcome.done:
        return [_whose(outcome), "to take it all the same, say so in the form"]
    return [f"{device.name} is free again", *_not_told(outcome)]


def _stop(store: Store, sweep_id: int) -> list[str]:
    """As `dynofarm stop`, without waiting: the page of the sweep shows how it stops."""
    now = datetime.now().astimezone()
    if store.sittings.ask(sweep_id, f"{myself()} (in a browser)", now):
        return []
    return [idle_text(sweep_id, store.sittings.last(sweep_id), now)]


OF_BOARDS = {"put-back": _put_back, "reserve": _reserve, "give-back": _give_back}
OF_SWEEPS = {"stop": _stop}
ACTIONS = (*OF_BOARDS, *OF_SWEEPS)
"""The last parts of their addresses."""


def _visitor(site: Site, store: Store) -> Visitor:
    return Visitor(site.farm, store, lambda _event: None, site.stop)


def _whose(outcome: Outcome) -> str:
    record = outcome.record
    if record is None or record.until is None:
        return f"{outcome.device} is somebody else's"
    now = datetime.now().astimezone()
    return f"{outcome.device} is {reserved_text(record.owner, record.until, record.why, now)}"


def _not_told(outcome: Outcome) -> list[str]:
    if outcome.told:
        return []
    return [f"the board does not know yet: {outcome.trouble or 'it did not confirm'}; it hears of it at the next visit"]
