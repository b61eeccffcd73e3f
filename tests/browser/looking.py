"""Opening pages in Chromium, and what every page must pass: no complaint, no outside request, no serious fault of
accessibility, no sideways scrolling on a phone."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

PHONE_PX = 390
DESK_PX = 1280
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip

Browser = Any
Page = Any


def find_chromium() -> str | None:
    """Debian's, or whatever is called so elsewhere."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def start(chromium: str) -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class View:
    """A page that is open. `complaints` are errors and warnings of its console, `foreign` requests that were refused
    because they would have left for elsewhere."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def wait_for_charts(self) -> None:
        """A selector: a predicate would be code made from text, which the page's policy forbids."""
        self.page.wait_for_selector("html[data-charts=drawn]", timeout=30_000)

    def drawn(self) -> dict[str, str]:
        """By the key of each chart, `yes` or what went wrong."""
        told: dict[str, str] = self.page.eval_on_selector_all(
            "figure.chart",
            "all => Object.fromEntries(all.map(one => [one.id, one.querySelector('[data-drawn]')?.dataset.drawn"
            " === 'yes' && one.querySelector('svg') ? 'yes' : one.innerText]))",
        )
        return told

    def sideways_px(self) -> int:
        """How far the page itself scrolls sideways; boxes of their own may."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def first_paint_s(self) -> float:
        """From the navigation until something of the contents was seen."""
        said = "performance.getEntriesByName('first-contentful-paint').map(one => one.startTime)"
        while not (told := self.page.evaluate(said)):
            self.page.wait_for_timeout(5)  # a page may be loaded before it is painted
        return float(told[0]) / 1000

    def faults(self) -> list[str]:
        """What axe-core calls serious or critical, with the first place of each."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

    def check(self) -> None:
        """All of it but the width."""
        assert self.complaints == []
        assert self.foreign == []
        assert self.faults() == []


@contextmanager
def opened(
    browser: Browser, address: str, *, scheme: str = "light", width_px: int = DESK_PX, cookies: Any = ()
) -> Iterator[View]:
    """A page in a context of its own. Whatever it asks of another origin than `address` is refused, and remembered."""
    context = browser.new_context(viewport={"width": width_px, "height": 900}, color_scheme=scheme)
    if cookies:
        context.add_cookies(list(cookies))
    page = context.new_page()
    view = View(page)
    home = address if address.startswith("file:") else "/".join(address.split("/")[:3]) + "/"

    def decide(route: Any) -> None:
        if route.request.url.startswith(home):
            route.continue_()
        else:
            view.foreign.append(route.request.url[:200])
            route.abort()

    context.route("**/*", decide)
    page.on("console", lambda message: _hear(view, message))
    page.on("pageerror", lambda error: view.complaints.append(f"error: {error}"))
    try:
        page.goto(address)
        yield view
    finally:
        context.close()


def _hear(view: View, message: Any) -> None:
    if message.type in ("error", "warning"):
        view.complaints.append(f"{message.type}: {message.text}")
