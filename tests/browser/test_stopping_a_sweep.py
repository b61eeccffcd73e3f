"""The button that stops a sweep, pressed in a real browser: with scripts the page follows it to the end by itself,
without them a reload does."""

import threading
from collections.abc import Callable, Iterator

import pytest

from orchestrator.sittings import Listener
from orchestrator.store import Store
from tests.browser.looking import PHONE_PX, Browser, opened
from tests.browser.serving import SWEEPS, make_farm, served
from tests.waiting import PATIENCE_S

TOKEN = "a-token-of-many-characters"
LAST = SWEEPS + 1
"""The sweep of that farm that has jobs to do."""

Cookies = list[dict[str, object]]


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, str]]:
    """Its store, and the address of its server. No board measures: who works at a sweep is up to each test."""
    made = make_farm(tmp_path_factory.mktemp("stopping") / "farm")
    with Store.open(made.database) as store, served(made, TOKEN) as address:
        with store._database.write() as connection:
            connection.exec_driver_sql("UPDATE lease SET holder = NULL")
        yield store, address


@pytest.fixture(scope="module")
def session(farm: tuple[Store, str], browser: Browser) -> Cookies:
    with opened(browser, f"{farm[1]}/login") as view:
        view.page.fill("input[name=token]", TOKEN)
        view.page.click("button:has-text('Log in')")
        view.page.wait_for_selector("button:has-text('Log out')")
        cookies: Cookies = view.page.context.cookies()
        return cookies


@pytest.fixture
def run(farm: tuple[Store, str]) -> Iterator[Callable[[], threading.Event]]:
    """Begins to work at the sweep, and ends when the event that it gives is set."""
    over, threads = threading.Event(), []

    def work(begun: threading.Event) -> None:
        asked = threading.Event()
        with Listener(farm[0], "anna@lab (dynofarm, process 7)", asked, lambda _by: None) as listener:
            listener.begin(LAST)
            begun.set()
            over.wait(PATIENCE_S)

    def start() -> threading.Event:
        begun = threading.Event()
        threads.append(threading.Thread(target=work, args=(begun,)))
        threads[0].start()
        assert begun.wait(PATIENCE_S)
        return over

    yield start
    over.set()
    for thread in threads:
        thread.join()


def test_the_page_follows_a_sweep_that_is_stopped_to_its_end(
    browser: Browser, farm: tuple[Store, str], session: Cookies, run: Callable[[], threading.Event]
) -> None:
    over = run()
    with opened(browser, f"{farm[1]}/sweeps/{LAST}", cookies=session) as view:
        view.check()
        view.page.click("button:has-text('Stop it')")
        view.page.wait_for_selector("#live:has-text('stopping')")
        view.page.wait_for_selector("#live:has-text('boards finish the job in hand')", timeout=15_000)
        assert view.page.locator("button:has-text('Stop it')").count() == 0
        view.check()
        over.set()
        view.page.wait_for_selector(f"code:has-text('dynofarm run --resume {LAST}')", timeout=15_000)
        assert "not finished" in view.page.inner_text("#live")
        assert view.page.locator("#live[hx-get]").count() == 0, "what is over is not asked for again"
        view.check()


def test_without_scripts_the_button_does_the_same(
    browser: Browser, farm: tuple[Store, str], session: Cookies, run: Callable[[], threading.Event]
) -> None:
    over = run()
    context = browser.new_context(java_script_enabled=False)
    try:
        context.add_cookies(session)
        page = context.new_page()
        page.goto(f"{farm[1]}/sweeps/{LAST}")
        page.click("button:has-text('Stop it')")
        assert page.url == f"{farm[1]}/sweeps/{LAST}"
        assert "stopping" in page.inner_text("#live")
        over.set()
        while "not finished" not in page.inner_text("#live"):
            page.reload()
        assert f"dynofarm run --resume {LAST}" in page.inner_text("main")
    finally:
        context.close()


def test_the_button_fits_a_phone_and_can_be_read_in_the_dark(
    browser: Browser, farm: tuple[Store, str], session: Cookies, run: Callable[[], threading.Event]
) -> None:
    run()
    address = f"{farm[1]}/sweeps/{LAST}"
    with opened(browser, address, scheme="dark", width_px=PHONE_PX, cookies=session) as view:
        button = view.page.locator("button:has-text('Stop it')")
        assert button.bounding_box()["height"] >= 24
        assert view.sideways_px() <= 0
        view.check()
    with opened(browser, address) as view:
        assert view.page.locator("button:has-text('Stop it')").count() == 0, "whoever only looks has none"
