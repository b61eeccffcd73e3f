"""What stands before every request, and what goes with every answer."""

from collections.abc import Callable

import pytest

from orchestrator.farm import Farm
from orchestrator.pages.assets import assets_by_address
from orchestrator.web.access import COOKIE, Access
from orchestrator.web.guard import POLICY
from tests.web.asking import ORIGIN, TOKEN, Client, form_key

ALL = ("/", "/sweeps", "/results", "/results.csv", "/compare", "/history", "/models", "/metrics", "/live", "/nowhere",
       "/boards/kitchen", "/runs/aaaa")  # fmt: skip


@pytest.mark.parametrize("path", [*ALL, "/healthz", "/login", "/assets/nothing.js"])
def test_every_answer_tells_the_browser_to_load_and_to_guess_nothing(client: Client, path: str) -> None:
    headers = client.get(path).headers

    assert headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "server" not in headers


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8765", "", "192.168.7.7:8765", "a b"])
def test_a_name_that_was_pointed_at_this_machine_gets_nothing(client: Client, host: str) -> None:
    answer = client.get("/", headers={"Host": host})

    assert answer.status_code == 421
    assert "kitchen" not in answer.text
    assert "--allow-host" in answer.text


@pytest.mark.parametrize("path", ["/login", "/logout", "/actions/reserve", "/", "/results"])
@pytest.mark.parametrize("origin", [None, "http://evil.example", "null", "http://localhost:1"])
def test_what_another_place_posts_is_refused(holder: Client, path: str, origin: str | None) -> None:
    answer = holder.post(path, data={"token": TOKEN}, headers={"Origin": origin} if origin else {})

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_server_for_others_shows_nothing_before_the_login(serve: Callable[..., Client]) -> None:
    client = serve(access=Access(TOKEN, closed=True))

    for path in ALL:
        answer = client.get(path)
        assert answer.status_code == (401 if path == "/metrics" else 303), path
        assert "kitchen" not in answer.text
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/login").status_code == 200
    style = next(address for address in assets_by_address() if address.startswith("style"))
    assert client.get(f"/assets/{style}").status_code == 200


def test_after_the_login_one_is_where_one_wanted_to_be(serve: Callable[..., Client]) -> None:
    client = serve(access=Access(TOKEN, closed=True))

    there = client.get("/results?sort=p50").headers["location"]
    assert there == "/login?next=%2Fresults%3Fsort%3Dp50"
    assert 'value="/results?sort=p50"' in client.get(there).text
    answer = client.post("/login", data={"token": TOKEN, "next": "/results?sort=p50"}, headers={"Origin": ORIGIN})
    assert answer.headers["location"] == "/results?sort=p50"
    assert client.get("/results").status_code == 200


def test_an_address_that_is_too_long_to_come_back_to_leads_to_the_farm(serve: Callable[..., Client]) -> None:
    client = serve(access=Access(TOKEN, closed=True))

    there = client.get("/results?device=" + "x" * 600).headers["location"]

    assert there == "/login?next=%2F"
    assert client.get(there).status_code == 200


def test_what_is_said_on_the_terminal_about_a_fault_moves_no_cursor(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("\x1b[2J")

    monkeypatch.setattr("orchestrator.web.routes.boards.look_at_board", fail)

    assert client.get("/boards/%1b%5b2J").status_code == 500
    assert "\x1b" not in caplog.text
    assert "KeyError" in caplog.text


def test_the_cookie_of_a_session_is_for_this_server_and_for_no_script(serve: Callable[..., Client]) -> None:
    answer = serve(access=Access(TOKEN)).post("/login", data={"token": TOKEN}, headers={"Origin": ORIGIN})

    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie


@pytest.mark.parametrize("token", ["", "wrong", TOKEN.upper(), TOKEN[:-1], "x" * 10_000])
def test_a_wrong_token_is_told_so_and_opens_nothing(serve: Callable[..., Client], token: str) -> None:
    client = serve(access=Access(TOKEN))

    answer = client.post("/login", data={"token": token}, headers={"Origin": ORIGIN})

    assert answer.status_code == 403
    assert "not the token" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("onward", ["//evil.example", "http://evil.example", "/\\evil.example"])
def test_the_login_leads_nowhere_else(serve: Callable[..., Client], onward: str) -> None:
    client = serve(access=Access(TOKEN))

    answer = client.post("/login", data={"token": TOKEN, "next": onward}, headers={"Origin": ORIGIN})

    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_programs_read_the_metrics_of_a_closed_server_with_the_token(serve: Callable[..., Client]) -> None:
    client = serve(access=Access(TOKEN, closed=True))

    assert client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.get("/", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 303


def test_logging_out_ends_the_session_for_whoever_kept_the_cookie(holder: Client) -> None:
    kept = holder.cookies[COOKIE]

    holder.post("/logout", headers={"Origin": ORIGIN})

    holder.cookies.set(COOKIE, kept)
    assert "Log out" not in holder.get("/").text


@pytest.mark.parametrize("path", [
    "/assets/../access.py", "/assets/..%2f..%2fweb%2faccess.py", "/assets/%2e%2e/assets.json", "/assets/style.css",
    "/assets/style.000000000000.css", "/assets//etc/passwd", "/assets/%00", "/assets/", "/assets/licences.txt",
])  # fmt: skip
def test_nothing_but_the_assets_by_their_hash_is_given_out(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_an_asset_may_be_kept_for_ever_and_comes_packed(client: Client) -> None:
    for address, asset in assets_by_address().items():
        answer = client.get(f"/assets/{address}")
        assert answer.content == asset.content
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"
        plain = client.get(f"/assets/{address}", headers={"Accept-Encoding": "identity"})
        assert plain.content == asset.content
        assert "content-encoding" not in plain.headers
        assert client.get(f"/assets/{address}", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_a_fault_of_ours_is_a_page_without_a_traceback(
    client: Client, monkeypatch: pytest.MonkeyPatch, served: Farm
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("secret inside")

    monkeypatch.setattr("orchestrator.web.routes.sweeps.sweeps_before", fail)

    answer = client.get("/sweeps")

    assert answer.status_code == 500
    assert "a fault of dynofarm: KeyError" in answer.text
    assert "secret inside" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["content-security-policy"] == POLICY


def test_only_what_pages_do_is_answered(client: Client) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        assert client.request(method, "/", headers={"Origin": ORIGIN}).status_code == 405
    assert client.options("/", headers={"Origin": ORIGIN}).status_code == 405


def test_the_descriptions_that_load_scripts_from_elsewhere_are_off(client: Client) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 404


def test_the_form_key_is_that_of_the_session(holder: Client) -> None:
    assert len(form_key(holder, "/boards/kitchen")) > 30
