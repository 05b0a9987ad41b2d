"""Logging in and out, and what stands around every page."""

from typing import Any

import sqlalchemy as sa
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from console.app import make_console
from console.throttle import Throttle
from content.schema import Pack
from store import tables
from store.database import Database
from tests.builders import a_staff_member, rows
from tests.conftest import NOW, HandClock


async def test_a_right_password_opens_the_console_and_the_stored_token_is_a_hash(
    database: Database, log_in: Any
) -> None:
    browser = await log_in(database, login="amina")
    cookie = next(iter(browser.client.session.cookie_jar))
    session = (await rows(database, tables.staff_session))[0]
    assert (cookie.key, cookie["httponly"], cookie["samesite"], cookie["path"]) == ("hujambo", True, "Lax", "/")
    assert session.token_hash != cookie.value.encode()
    assert len(session.token_hash) == 32
    assert (await browser.get("/alerts")).status == 200


async def test_a_wrong_password_and_an_unknown_name_get_the_same_words(
    database: Database, serve: Any, hashed: str
) -> None:
    await a_staff_member(database, login="amina", password=hashed)
    browser = await serve(database)
    wrong, unknown = await browser.log_in("amina", "wrong password"), await browser.log_in("nobody", "wrong password")
    first, second = (await wrong.text()).replace("amina", "X"), (await unknown.text()).replace("nobody", "X")
    assert (wrong.status, unknown.status) == (403, 403)
    assert first == second
    assert (await browser.get("/alerts")).headers["Location"].startswith("/console/login?next=")


async def test_the_ninth_try_on_an_account_waits_a_quarter_of_an_hour_even_with_the_right_password(
    sqlite_database: Database, serve: Any, hashed: str, clock: HandClock
) -> None:
    await a_staff_member(sqlite_database, login="amina", password=hashed)
    browser = await serve(sqlite_database)
    statuses = [(await browser.log_in("amina", "wrong password")).status for _ in range(8)]
    blocked = (await browser.log_in("amina")).status
    clock.forward(minutes=15)
    assert (statuses, blocked, (await browser.log_in("amina")).status) == ([403] * 8, 429, 303)


def test_a_flood_of_made_up_names_does_not_fill_the_memory() -> None:
    throttle = Throttle(most_keys=100)
    for number in range(1000):
        throttle.failed([f"account/{number}"], NOW)
    assert len(throttle._failures) == 100


async def test_a_session_ends_after_an_idle_hour_and_after_eight_hours_of_work(
    sqlite_database: Database, log_in: Any, clock: HandClock
) -> None:
    browser = await log_in(sqlite_database)
    for _ in range(9):
        clock.forward(minutes=50)
        assert (await browser.get("/alerts")).status == 200
    clock.forward(minutes=31)
    assert (await browser.get("/alerts")).status == 303
    browser = await log_in(sqlite_database)
    clock.forward(minutes=60)
    assert (await browser.get("/alerts")).status == 303


async def test_a_disabled_account_is_out_at_once(database: Database, log_in: Any, clock: HandClock) -> None:
    browser = await log_in(database)
    async with database.write() as connection:
        await connection.execute(sa.update(tables.staff).values(disabled_at=clock()))
    assert (await browser.get("/alerts")).status == 303


async def test_logging_out_ends_the_session_for_whoever_kept_the_cookie(database: Database, log_in: Any) -> None:
    browser = await log_in(database)
    token = next(iter(browser.client.session.cookie_jar)).value
    assert (await browser.post("/logout")).headers["Location"] == "/console/login"
    browser.client.session.cookie_jar.update_cookies({"hujambo": token})
    assert (await browser.get("/alerts")).status == 303


async def test_log_in_leads_to_our_own_pages_only(sqlite_database: Database, serve: Any, hashed: str) -> None:
    await a_staff_member(sqlite_database, login="amina", password=hashed)
    browser = await serve(sqlite_database)
    places = {}
    for target in ("/console/alerts/K7QF", "https://evil.example/", "//evil.example", "/console//evil", "/console/\\e"):
        answer = await browser.post("/login", login="amina", password="correct horse battery", next=target)
        places[target] = answer.headers["Location"]
    assert places == {
        "/console/alerts/K7QF": "/console/alerts/K7QF",
        "https://evil.example/": "/console/alerts",
        "//evil.example": "/console/alerts",
        "/console//evil": "/console/alerts",
        "/console/\\e": "/console/alerts",
    }


async def test_a_form_from_another_site_is_refused(database: Database, log_in: Any) -> None:
    browser = await log_in(database)
    headers = (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    )
    assert [(await browser.post("/logout", headers=one)).status for one in headers] == [403] * 5
    assert (await browser.get("/alerts")).status == 200
    own = {"Origin": "http://127.0.0.1"}
    assert (await browser.post("/logout", headers=own)).status == 303


async def test_every_answer_carries_the_headers_that_keep_strangers_out(sqlite_database: Database, log_in: Any) -> None:
    browser = await log_in(sqlite_database)
    for path in ("/alerts", "/nowhere", "/login", "/people/1"):
        headers = (await browser.get(path)).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


async def test_over_https_the_cookie_belongs_to_this_host_alone(
    sqlite_database: Database, pack: Pack, clock: HandClock, hashed: str
) -> None:
    await a_staff_member(sqlite_database, login="amina", password=hashed)
    app = web.Application()
    console = make_console(sqlite_database, pack, clock, base_url="https://hujambo.example", secure_cookies=True)
    app.add_subapp("/console", console)
    async with TestClient(TestServer(app)) as client:
        form = {"login": "amina", "password": "correct horse battery"}
        headers = {"Origin": "https://hujambo.example"}
        answer = await client.post("/console/login", data=form, headers=headers, allow_redirects=False)
        assert answer.headers["Set-Cookie"].startswith("__Host-hujambo=")
        assert "; Secure" in answer.headers["Set-Cookie"]
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
        assert (await client.get("/console/phones", allow_redirects=False)).status == 404


async def test_assets_are_kept_forever_under_an_address_that_changes_with_them(
    sqlite_database: Database, log_in: Any
) -> None:
    browser = await log_in(sqlite_database)
    page = await browser.text("/alerts")
    address = page.split('rel="stylesheet" href="/console')[1].split('"')[0]
    answer = await browser.get(address)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
    assert "<style" not in page
    assert " style=" not in page
    assert "<script>" not in page
    assert " onclick=" not in page


async def test_a_form_that_comes_after_the_session_leads_back_to_its_page_and_carries_only_what_was_written(
    sqlite_database: Database, serve: Any
) -> None:
    browser = await serve(sqlite_database)
    taken = await browser.post("/alerts/K7QF/take")
    assert (taken.status, taken.headers["Location"]) == (303, "/console/login?next=/console/alerts/K7QF")
    done = await browser.post("/tasks/5/done")
    assert done.headers["Location"] == "/console/login?next=/console/tasks"
    replied = await browser.post("/alerts/K7QF/reply", text='I am "here" <b>')
    page = await replied.text()
    assert replied.status == 403
    assert 'name="kept" value="/console/alerts/K7QF/reply"' in page
    assert 'name="kept-text" value="I am &#34;here&#34; &lt;b&gt;"' in page


async def test_only_forms_of_ours_are_taken_up_after_logging_in(
    sqlite_database: Database, serve: Any, hashed: str
) -> None:
    await a_staff_member(sqlite_database, login="amina", password=hashed)
    browser = await serve(sqlite_database)
    statuses = {}
    for place in ("/console/alerts/K7QF/reply", "/console/logout", "https://evil.example/", "//evil", "/console/../x"):
        form = {"kept": place, "kept-text": "hello"}
        statuses[place] = (await browser.post("/login", login="amina", password="correct horse battery", **form)).status
    assert statuses == {
        "/console/alerts/K7QF/reply": 200,
        "/console/logout": 303,
        "https://evil.example/": 303,
        "//evil": 303,
        "/console/../x": 303,
    }
