"""The few things that can be done here, by whoever has logged in: the same functions as those of the command line."""

from collections.abc import Mapping
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.claims import check_reason, parse_term_s, reserved_text
from orchestrator.devices import Device
from orchestrator.errors import UsageError
from orchestrator.store import Store
from orchestrator.visits.reserving import Outcome, Visitor, release, reserve
from orchestrator.web.access import is_form_key
from orchestrator.web.forms import read_form
from orchestrator.web.looks import device_of
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
    device = device_of(site, form.get("device", ""))
    lines = await run_in_threadpool(_do, site, action, device, form)
    return render(request, "outcome.html", device=device.name, lines=lines)


def _do(site: Site, action: str, device: Device, form: Mapping[str, str]) -> list[str]:
    with site.window.open():
        pass  # a store that has to be upgraded, or that is none, is not opened for writing
    with Store.open(site.farm.database) as store:
        return ACTIONS[action](site, store, device, form)


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


ACTIONS = {"put-back": _put_back, "reserve": _reserve, "give-back": _give_back}
"""By the last part of their address."""


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
