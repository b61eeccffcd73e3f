"""A real browser: Debian's chromium, driven by playwright. At most one at a time, however many processes test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.looking import Browser, find_chromium, start

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in Path(item.path).parents:
            item.add_marker(pytest.mark.xdist_group("chromium"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window, for all tests of a module."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no chromium here: pages are not looked at; sudo apt install chromium brings it")
    with start(chromium) as found:
        yield found
