"""Templates, assets and their licences: nothing unescaped, nothing unknown, nothing that was not vendored."""

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from orchestrator.pages.assets import CHARTS, FOLDER, STYLE, Inline, Linked, assets_by_address, find_assets
from orchestrator.pages.badges import Badge, Tone
from orchestrator.pages.environment import make_environment
from orchestrator.pages.tables import Cell, Column, make_table
from tests.paging import HOSTILE, every_chart

ROOT = Path(__file__).resolve().parent.parent.parent
VENDORED = json.loads((FOLDER / "assets.json").read_text())
MOST_BYTES = 900_000

USE = """{% import "macros.html" as parts %}
{{ parts.name(text) }}{{ parts.badge(badge) }}{{ parts.table(table) }}{{ parts.chart(chart) }}
{{ parts.definitions([(text, text)]) }}{{ parts.figures([(text, text)]) }}{{ parts.empty(text, text) }}
{{ parts.heat_key((text, text)) }}"""


class Tags(HTMLParser):
    """The names of all elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


def tags_of(html: str) -> Tags:
    found = Tags()
    found.feed(html)
    return found


def use(text: str) -> str:
    table = make_table(text, (text, Column(text, True)), [(text, Cell(text, note=text))], (text,))
    values = {"text": text, "badge": Badge(text, "!", Tone.BAD), "table": table, "chart": every_chart(text)[0]}
    return make_environment(Inline()).from_string(USE).render(values)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_makes_no_element_and_no_attribute(text: str) -> None:
    plain, hostile = tags_of(use("harmless")), tags_of(use(text))
    assert hostile.tags == plain.tags
    assert set(hostile.attributes) - {"title"} == set(plain.attributes) - {"title"}
    assert "\u202e" not in use(text)
    assert len(use(text)) < 90_000


def test_a_name_that_a_template_does_not_get_is_a_fault() -> None:
    with pytest.raises(UndefinedError):
        make_environment(Linked()).from_string("{{ nobody_gave_this }}").render()


def test_no_template_writes_style_or_code_into_attributes() -> None:
    for path in (ROOT / "orchestrator").glob("**/templates/*.html"):
        assert not re.search(r"\son[a-z]+=|\sstyle=|javascript:|\|\s*safe\b", path.read_text()), path.name


def test_vendored_files_are_what_was_vendored() -> None:
    assert {row["file"] for row in VENDORED} == {path.name for path in FOLDER.glob("*.js")} - {"charts.js"}
    for row in VENDORED:
        data = (FOLDER / row["file"]).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (row["sha256"], row["size_bytes"]), row["file"]


def test_every_vendored_file_has_its_licence_and_is_named_in_the_notice() -> None:
    licences, notice = (FOLDER / "licences.txt").read_text(), (ROOT / "NOTICE").read_text()
    for row in VENDORED:
        assert f"{row['package']} {row['version']}" in licences
        assert row["package"] in notice
    for words in ("Redistribution and use in source and binary forms", "Zero-Clause BSD", "Mike Bostock"):
        assert words in licences


def test_a_report_that_carries_scripts_carries_their_licences() -> None:
    template = (ROOT / "orchestrator" / "pages" / "templates" / "report.html").read_text()
    text = make_environment(Inline()).from_string("{{ licences() }}").render()
    assert "{{ licences() }}" in template
    assert "Redistributions in binary form must reproduce the above copyright" in text


def test_all_assets_together_stay_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < MOST_BYTES


def test_the_script_that_vendors_knows_the_same_versions() -> None:
    text = (ROOT / "scripts" / "vendor_assets.py").read_text()
    for row in VENDORED:
        assert f'"{row["package"]}": "{row["version"]}"' in text


def test_no_asset_could_end_the_element_that_it_stands_in() -> None:
    for asset in find_assets().values():
        element = b"style" if asset.name == STYLE else b"script"
        assert b"</" + element not in asset.content.lower()
        assert b"<!--" not in asset.content


def test_an_address_changes_with_the_content() -> None:
    for address, asset in assets_by_address().items():
        assert hashlib.sha256(asset.content).hexdigest()[:12] in address
        assert re.fullmatch(r"[a-z.-]+\.[0-9a-f]{12}\.(js|css)", address)


def test_a_page_of_its_own_allows_its_own_scripts_by_hash_and_nothing_else() -> None:
    head = str(Inline().head(CHARTS))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', head)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    assert policy[1].count("'sha256-") == len(CHARTS) + 1
    assert "script-src 'none'" in str(Inline().head(()))


def test_a_served_page_links_what_it_needs_and_no_more() -> None:
    head = str(Linked("/assets/").head(CHARTS))
    assert [f"/assets/{find_assets()[name].address}" in head for name in (*CHARTS, STYLE)] == [True] * 5
    assert "htmx" not in head
    assert "<style" not in head
    assert tags_of(head).tags == ["link", *["script"] * 4]


def test_style_knows_every_colour_that_charts_and_badges_name() -> None:
    style = (FOLDER / STYLE).read_text()
    sources = "".join(path.read_text() for path in (ROOT / "orchestrator" / "pages").glob("**/*.py"))
    for name in set(re.findall(r"var\(--([a-z0-9-]+)\)", sources + style)) | {f"series-{n}" for n in range(1, 9)}:
        assert f"--{name}:" in style, name
    for tone in Tone:
        assert f".{tone}" in style
