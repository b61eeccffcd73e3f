"""Every page of `dynofarm serve` in a real browser: drawn, quiet, readable, and nothing leaves the machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.looking import PHONE_PX, Browser, opened
from tests.browser.serving import HOSTILE, make_farm, served

TOKEN = "a-token-of-many-characters"
LAST = 17
PAGES = {
    "farm": "/",
    "board": "/boards/attic",
    "board that measures": "/boards/kitchen",
    "sweeps": "/sweeps",
    "sweep": "/sweeps/16",
    "running sweep": f"/sweeps/{LAST}",
    "cases": "/results",
    "runs": "/results?each-run=1&sort=-p50&device=attic",
    "nothing found": "/results?threads=7",
    "compare": "/compare",
    "two sweeps": "/compare?a=9&b=16",
    "history": "/history",
    "history of a case": "/history?of=device:attic",
    "run": "/runs/0f" + "0" * 30,
    "failed run": "/runs/0f" + "0" * 28 + "1a",
    "models": "/models",
    "model": "/models/bert",
    "login": "/login",
    "not found": "/sweeps/999",
    "cannot be asked": "/results?sort=beauty",
}
CHARTS = {
    "board": 1, "board that measures": 1, "two sweeps": 1, "history of a case": 3, "run": 5,
}  # fmt: skip


DARK = {"farm", "board", "running sweep", "cases", "two sweeps", "failed run", "login", "cannot be asked"}
"""Those that have, taken together, all that pages are made of."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # As many lines as a test has to look at: checking all of them takes a browser long.
    with (
        pytest.MonkeyPatch.context() as patch,
        served(make_farm(tmp_path_factory.mktemp("web") / "farm"), TOKEN) as found,
    ):
        patch.setattr("orchestrator.web.routes.results.RUNS_SHOWN", 12)
        patch.setattr("orchestrator.web.routes.sweeps.SWEEPS_SHOWN", 12)
        yield found


@pytest.fixture(scope="module")
def session(address: str, browser: Browser) -> list[dict[str, object]]:
    """The cookies of somebody who has logged in, through the form."""
    with opened(browser, f"{address}/login?next=/boards/attic") as view:
        view.page.fill("input[name=token]", TOKEN)
        view.page.click("button:has-text('Log in')")
        view.page.wait_for_selector("h1:has-text('attic')")
        view.check()
        cookies: list[dict[str, object]] = view.page.context.cookies()
        return cookies


@pytest.mark.parametrize("name", PAGES)
def test_a_page_draws_complains_of_nothing_can_be_read_by_everybody_and_fits_a_phone(
    browser: Browser, address: str, name: str
) -> None:
    with opened(browser, address + PAGES[name]) as view:
        if name in CHARTS:
            view.wait_for_charts()
            drawn = view.drawn()
            assert set(drawn.values()) == {"yes"}, drawn
            assert len(drawn) == CHARTS[name]
        view.complaints = [one for one in view.complaints if "status of 40" not in one]  # the page's own status
        view.check()
        if name in DARK:
            view.page.emulate_media(color_scheme="dark")
            view.check()
        assert view.page.locator("h1").count() == 1
        view.page.set_viewport_size({"width": PHONE_PX, "height": 844})
        assert view.sideways_px() <= 0
        small = view.page.eval_on_selector_all(
            "nav a, main button, main select, main input:not([type=hidden]):not([type=checkbox])",
            "all => all.map(one => [one.outerHTML.slice(0, 80), one.getBoundingClientRect().height])"
            ".filter(([, height]) => height < 24)",
        )
        assert small == [], "fingers need 24 pixels (WCAG 2.2, 2.5.8)"


def test_keys_reach_every_link_field_and_box_and_show_where_they_are(browser: Browser, address: str) -> None:
    with opened(browser, address + "/results") as view:
        reached, outlined = set(), True
        view.page.keyboard.press("Tab")
        assert view.page.evaluate("document.activeElement.textContent") == "Skip to the content"
        for _ in range(300):
            view.page.keyboard.press("Tab")
            told = view.page.evaluate(
                "(() => { const one = document.activeElement; const style = getComputedStyle(one);"
                " return [one.tagName, one.name || one.textContent.trim().slice(0, 40), style.outlineStyle]; })()"
            )
            reached.add((told[0], told[1]))
            outlined = outlined and (told[0] == "BODY" or told[2] != "none")
            if told[0] == "BODY":
                break
        assert outlined
        assert {("SELECT", "device"), ("SELECT", "sort"), ("INPUT", "since"), ("BUTTON", "Show")} <= reached
        assert ("A", "history") in reached
        assert any(tag == "DIV" for tag, _ in reached), "the table scrolls in a box that keys reach"


def test_a_filter_is_chosen_and_the_address_can_be_shared(browser: Browser, address: str) -> None:
    with opened(browser, address + "/results") as view:
        view.page.select_option("select[name=device]", "cellar")
        view.page.select_option("select[name=sort]", "-p50")
        view.page.click("button:has-text('Show')")
        view.page.wait_for_url("**device=cellar**")
        rows = view.page.locator("#results tbody tr")
        assert rows.count() == 3
        assert all("cellar" in one for one in rows.all_inner_texts())
        shared = view.page.url
    with opened(browser, shared) as view:
        assert view.page.locator("#results tbody tr").count() == 3
        assert view.page.input_value("select[name=device]") == "cellar"


def test_the_next_page_of_runs_is_a_link(browser: Browser, address: str) -> None:
    with opened(browser, address + "/results?each-run=1") as view:
        first = view.page.eval_on_selector_all("#results tbody th a", "all => all.map(one => one.href)")
        view.page.click("a[rel=next]")
        view.page.wait_for_url("**after=**")
        second = view.page.eval_on_selector_all("#results tbody th a", "all => all.map(one => one.href)")
        assert len(first) == 12
        assert not set(first) & set(second)
        view.check()


def test_the_parts_that_move_are_fetched_again_without_a_word_of_complaint(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/sweeps/{LAST}") as view:
        with view.page.expect_response(f"**/sweeps/{LAST}/live", timeout=15_000) as answer:
            pass
        assert answer.value.status == 200
        view.page.wait_for_selector("#live progress")
        view.check()
    with opened(browser, address + "/") as view:
        with view.page.expect_response("**/live", timeout=15_000):
            pass
        view.check()


def test_names_that_are_no_names_are_shown_and_do_nothing(browser: Browser, address: str) -> None:
    for path in (f"/sweeps/{LAST}", "/runs/0f" + "0" * 28 + "1a", "/boards/cellar", "/sweeps"):
        with opened(browser, address + path) as view:
            assert view.page.locator("img").count() == 0
            assert HOSTILE.split()[0] in view.page.inner_text("body")
            assert view.complaints == []


def test_whoever_logs_in_puts_a_board_back_into_rotation(
    browser: Browser, session: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory, address: str
) -> None:
    with opened(browser, address + "/boards/attic", cookies=session) as view:
        view.check()
        view.page.fill("form[action='/actions/put-back'] input[name=why]", "new power supply")
        view.page.click("button:has-text('Put it back into rotation')")
        view.page.wait_for_selector("[role=status]")
        assert "attic is back in rotation" in view.page.inner_text("[role=status]")
        view.check()
        view.page.click("a:has-text('Back to the board')")
        view.page.wait_for_selector("h1:has-text('attic')")
        assert "new power supply" in view.page.inner_text("main")


def test_the_forms_of_whoever_has_logged_in_fit_a_phone_and_can_be_read(
    browser: Browser, session: list[dict[str, object]], address: str
) -> None:
    for scheme in ("light", "dark"):
        with opened(browser, address + "/boards/cellar", scheme=scheme, width_px=PHONE_PX, cookies=session) as view:
            assert view.page.locator("form[action='/actions/give-back']").count() == 1
            assert view.sideways_px() <= 0
            view.check()


def test_without_scripts_everything_but_the_pictures_is_there(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(address + "/history?of=device:attic")
        assert "slower by" in page.inner_text("main")
        page.goto(address + "/")
        assert page.locator("#boards tbody tr").count() == 3
    finally:
        context.close()


def test_a_page_can_be_printed(browser: Browser, address: str, tmp_path: Path) -> None:
    with opened(browser, address + "/sweeps/16") as view:
        content = view.page.pdf()
    assert content.startswith(b"%PDF")
    assert len(content) > 10_000
