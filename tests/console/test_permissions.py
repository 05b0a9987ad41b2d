"""Who may open what: walked over the router, so that a new page without a decision is red."""

from typing import Any

import pytest
import sqlalchemy as sa

from console.app import _ROUTES, _WALL_ROUTES
from console.permissions import (
    CAMPAIGN_VIEWERS,
    CARERS,
    DECIDERS,
    MOVERS,
    PEOPLE,
    PLANNERS,
    READERS,
    ROLES,
    roles_of,
)
from store import tables
from store.database import Database
from tests.builders import a_beneficiary, a_channel, a_contact, a_site, a_staff_member
from tests.conftest import HandClock
from tests.console.conftest import an_alert, visible

CLOSERS = READERS | {"coordinator"}
CHANGERS = frozenset({"supervisor", "coordinator", "admin"})
# Everything the console answers, and to whom. None: to anybody.
EXPECTED: dict[tuple[str, str], frozenset[str] | None] = {
    ("GET", "/static/{tag}/{name}"): None,
    ("GET", "/login"): None,
    ("POST", "/login"): None,
    ("POST", "/logout"): ROLES,
    ("POST", "/language"): None,
    ("GET", "/"): ROLES,
    ("GET", "/live"): ROLES,
    ("GET", "/alerts"): ROLES,
    ("GET", "/alerts/{code}"): ROLES,
    ("GET", "/alerts/{code}/live"): ROLES,
    ("POST", "/alerts/{code}/take"): ROLES,
    ("POST", "/alerts/{code}/reply"): READERS,
    ("POST", "/alerts/{code}/step"): ROLES,
    ("POST", "/alerts/{code}/open"): READERS,
    ("POST", "/alerts/{code}/attempt"): ROLES,
    ("POST", "/alerts/{code}/note"): ROLES,
    ("POST", "/alerts/{code}/pass"): ROLES,
    ("POST", "/alerts/{code}/level"): CLOSERS,
    ("POST", "/alerts/{code}/close"): CLOSERS,
    ("POST", "/alerts/{code}/ask"): CLOSERS,
    ("POST", "/alerts/{code}/refuse"): CLOSERS,
    ("POST", "/alerts/{code}/reveal"): READERS,
    ("POST", "/alerts/{code}/judge"): READERS,
    ("POST", "/alerts/{code}/propose"): CARERS,
    ("GET", "/people"): PEOPLE,
    ("GET", "/people/{person}"): PEOPLE,
    ("POST", "/people/{person}/reveal"): CARERS,
    ("GET", "/supervision"): CHANGERS,
    ("GET", "/handover"): PEOPLE,
    ("GET", "/handover/{site}"): PEOPLE,
    ("POST", "/handover/{site}"): CARERS,
    ("POST", "/handover/{site}/read"): CARERS,
    ("GET", "/silence"): CARERS,
    ("POST", "/silence/{task}/attempt"): CARERS,
    ("POST", "/silence/{task}/reveal"): CARERS,
    ("GET", "/rota"): PEOPLE,
    ("GET", "/rota/{site}"): PEOPLE,
    ("POST", "/rota/{site}/add"): CHANGERS,
    ("POST", "/rota/{site}/remove"): CHANGERS,
    ("POST", "/rota/{site}/fallback"): CHANGERS,
    ("POST", "/rota/{site}/leave"): CHANGERS,
    ("POST", "/rota/{site}/back"): CHANGERS,
    ("POST", "/rota/{site}/holidays"): CHANGERS,
    ("POST", "/rota/{site}/paces"): CHANGERS,
    ("POST", "/people/{person}/contact"): CARERS,
    ("POST", "/people/{person}/note"): CARERS,
    ("POST", "/people/{person}/tasks"): CARERS,
    ("GET", "/people/{person}/timeline"): PEOPLE,
    ("GET", "/people/{person}/messages"): CARERS,
    ("GET", "/people/{person}/plan"): PEOPLE,
    ("POST", "/people/{person}/goals"): CARERS,
    ("POST", "/people/{person}/goals/{goal}"): CARERS,
    ("POST", "/people/{person}/findings"): CARERS,
    ("GET", "/people/{person}/referrals"): PEOPLE,
    ("POST", "/people/{person}/referrals"): CARERS,
    ("POST", "/people/{person}/referrals/{referral}"): CARERS,
    ("GET", "/people/{person}/facts"): CARERS,
    ("POST", "/people/{person}/facts"): CARERS,
    ("POST", "/people/{person}/verified"): CARERS,
    ("POST", "/people/{person}/consent"): CARERS,
    ("GET", "/people/{person}/move"): MOVERS,
    ("POST", "/people/{person}/transfer"): MOVERS,
    ("POST", "/people/{person}/leave"): MOVERS,
    ("POST", "/people/{person}/died"): DECIDERS,
    ("GET", "/services"): ROLES,
    ("GET", "/campaigns"): CAMPAIGN_VIEWERS,
    ("GET", "/campaigns/new"): PLANNERS,
    ("POST", "/campaigns"): PLANNERS,
    ("GET", "/campaigns/{campaign}"): CAMPAIGN_VIEWERS,
    ("POST", "/campaigns/{campaign}/start"): PLANNERS,
    ("POST", "/campaigns/{campaign}/pause"): PLANNERS,
    ("POST", "/campaigns/{campaign}/resume"): PLANNERS,
    ("GET", "/tasks"): ROLES,
    ("GET", "/tasks/{task}"): ROLES,
    ("POST", "/tasks/{task}/done"): ROLES,
    ("POST", "/tasks/{task}/assign"): PEOPLE,
    ("GET", "/sample"): CARERS,
    ("POST", "/sample/{sample}"): CARERS,
    ("POST", "/sample/{sample}/back"): CARERS,
    ("GET", "/accuracy"): CAMPAIGN_VIEWERS,
    ("GET", "/phones"): ROLES,
    ("POST", "/phones/text"): ROLES,
    ("POST", "/phones/ring"): ROLES,
    ("GET", "/phones/live"): ROLES,
}
_VALUES = {
    "{code}": "ZZZZ",
    "{person}": "1",
    "{campaign}": "none",
    "{task}": "1",
    "{goal}": "1",
    "{referral}": "1",
    "{site}": "nowhere",
    "{sample}": "1",
}


def _address(path: str) -> str:
    for name, value in _VALUES.items():
        path = path.replace(name, value)
    return path


def test_every_route_names_who_may_call_it() -> None:
    assert {(r.method, r.path): roles_of(r.handler) for r in (*_ROUTES, *_WALL_ROUTES)} == EXPECTED


@pytest.mark.parametrize("role", sorted(ROLES))
async def test_a_role_gets_its_pages_and_no_others(sqlite_database: Database, log_in: Any, role: str) -> None:
    browser = await log_in(sqlite_database, role=role)
    refused = {}
    for (method, path), roles in EXPECTED.items():
        if path.endswith("/live") or roles is None or path == "/logout":
            continue
        answer = await (browser.get(_address(path)) if method == "GET" else browser.post(_address(path)))
        assert answer.status < 500, path
        refused[method, path] = answer.status == 403
    assert refused == {key: role not in roles for key, roles in EXPECTED.items() if key in refused and roles}


async def test_nobody_who_is_not_logged_in_gets_more_than_the_door(sqlite_database: Database, serve: Any) -> None:
    browser = await serve(sqlite_database)
    statuses = set()
    for (method, path), roles in EXPECTED.items():
        if roles is not None:
            answer = await (browser.get(_address(path)) if method == "GET" else browser.post(_address(path)))
            statuses.add((answer.status, answer.headers.get("Location", "/console/login").split("?")[0]))
    assert statuses == {(303, "/console/login"), (401, "/console/login")}


async def test_staff_of_one_site_do_not_see_another(database: Database, log_in: Any, clock: HandClock) -> None:
    here, there = await a_site(database, name="Here"), await a_site(database, name="There")
    channel = await a_channel(database)
    contact = await a_contact(database, channel)
    person = await a_beneficiary(database, there, contact, code="B-THERE")
    alert = await an_alert(database, there, channel, contact, person, clock())
    code = await _code(database, alert)
    browser = await log_in(database, site_ids=[here], role="supervisor")
    assert "B-THERE" not in await browser.text("/people")
    assert code not in await browser.text("/alerts")
    assert [
        (await browser.get(f"/people/{person}")).status,
        (await browser.get(f"/alerts/{code}")).status,
        (await browser.post(f"/alerts/{code}/take")).status,
        (await browser.post(f"/people/{person}/reveal", reason="call")).status,
    ] == [404] * 4


async def _code(database: Database, alert_id: int) -> str:
    async with database.read() as connection:
        found = await connection.execute(sa.select(tables.alert.c.code).where(tables.alert.c.id == alert_id))
        return str(found.scalar_one())


async def _a_message(database: Database, channel: int, contact: int, text: str, clock: HandClock, **more: Any) -> int:
    message = database.new_id()
    row = {
        "id": message,
        "channel_id": channel,
        "provider_id": f"p{message}",
        "contact_id": contact,
        "text": text,
        "received_at": clock(),
        "state": "handled",
        "level": 3,
    }
    async with database.write() as connection:
        await connection.execute(sa.insert(tables.inbox), [row | more])
    return message


async def test_a_report_about_staff_exists_for_focal_points_only(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    site, channel = await a_site(database), await a_channel(database)
    contact = await a_contact(database, channel)
    person = await a_beneficiary(database, site, contact, code="B-1")
    message = await _a_message(database, channel, contact, "the officer asked for money", clock)
    await a_staff_member(database, role="focal_point")
    alert = await an_alert(database, site, channel, contact, person, clock(), route="misconduct", inbox_id=message)
    assessment = {
        "id": database.new_id(),
        "inbox_id": message,
        "contact_id": contact,
        "alert_id": alert,
        "level": 3,
        "route": "misconduct",
        "reasons": [],
        "pack": "p",
        "assessed_at": clock(),
    }
    answer = {
        "id": database.new_id(),
        "key": f"r/{message}/0",
        "channel_id": channel,
        "contact_id": contact,
        "purpose": "crisis",
        "priority": 0,
        "text": "Only the person responsible for complaints is told",
        "created_at": clock(),
        "due_at": clock(),
        "state": "sent",
    }
    task = {
        "id": database.new_id(),
        "key": "k",
        "contact_id": contact,
        "alert_id": alert,
        "site_id": site,
        "kind": "nobody_on_call",
        "state": "open",
        "created_at": clock(),
        "due_at": clock(),
    }
    async with database.write() as connection:
        await connection.execute(sa.insert(tables.assessment), [assessment])
        await connection.execute(sa.insert(tables.outbox), [answer])
        await connection.execute(sa.insert(tables.follow_up), [task])
    code = await _code(database, alert)
    for role in sorted(ROLES - {"focal_point"}):
        browser = await log_in(database, role=role)
        seen = [await browser.text("/alerts"), await browser.text("/alerts?state=closed"), await browser.text("/tasks")]
        seen += [await browser.text("/people"), await browser.text(f"/people/{person}")]
        text = " ".join(visible(page) for page in seen)
        assert [word for word in (code, "officer asked", "complaints", "Open alert") if word in text] == [], role
        assert "Open alert" not in text
        assert "0 Imminent 0 High" in visible(seen[0])
        assert "0 open" in visible(seen[2])
        assert (await browser.get(f"/alerts/{code}")).status == 404
    focal = await log_in(database, role="focal_point")
    await focal.post(f"/alerts/{code}/open")
    assert "the officer asked for money" in await focal.text(f"/alerts/{code}")
    assert "1 High" in visible(await focal.text("/alerts"))


async def test_administrators_see_the_headline_of_a_report_that_found_no_focal_point_and_hand_it_on(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    site, channel = await a_site(database), await a_channel(database)
    contact = await a_contact(database, channel)
    person = await a_beneficiary(database, site, contact, code="B-REPORTER")
    message = await _a_message(database, channel, contact, "the officer asked for money", clock)
    alert = await an_alert(database, site, channel, contact, person, clock(), route="misconduct", inbox_id=message)
    code = await _code(database, alert)
    for role in sorted(ROLES - {"focal_point", "admin"}):
        browser = await log_in(database, role=role)
        assert code not in await browser.text("/alerts")
        assert (await browser.get(f"/alerts/{code}")).status == 404
    admin = await log_in(database, role="admin")
    listed, page = await admin.text("/alerts"), await admin.text(f"/alerts/{code}")
    assert code in listed
    assert "High Report about staff" in visible(page)
    assert "There is no focal point." in visible(page)
    shown = f"{listed} {page}"
    assert [w for w in ("B-REPORTER", "asked for money", "want to die") if w in shown] == []
    assert "Open alert" not in await admin.text("/people") + await admin.text(f"/people/{person}")
    assert code not in await admin.text(f"/people/{person}")
    focal = await a_staff_member(database, role="focal_point", name="Esther")
    assert "Esther" in await admin.text(f"/alerts/{code}")
    answer = await admin.post(f"/alerts/{code}/pass", to=str(focal))
    assert (answer.status, answer.headers["Location"].split("?")[0]) == (303, "/console/alerts")
    assert (await admin.get(f"/alerts/{code}")).status == 404
    assert code not in await admin.text("/alerts")


async def test_a_focal_point_sees_nothing_but_reports_about_staff(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    site, channel = await a_site(database), await a_channel(database)
    contact = await a_contact(database, channel)
    code = await _code(database, await an_alert(database, site, channel, contact, None, clock()))
    focal = await log_in(database, role="focal_point")
    assert code not in await focal.text("/alerts")
    assert (await focal.get(f"/alerts/{code}")).status == 404


@pytest.mark.parametrize("role", ["coordinator", "admin"])
async def test_coordinators_work_without_the_text(database: Database, log_in: Any, clock: HandClock, role: str) -> None:
    site, channel = await a_site(database), await a_channel(database)
    contact = await a_contact(database, channel)
    person = await a_beneficiary(database, site, contact)
    message = await _a_message(database, channel, contact, "i want to die", clock)
    code = await _code(database, await an_alert(database, site, channel, contact, person, clock(), inbox_id=message))
    browser = await log_in(database, role=role)
    pages = await browser.text(f"/alerts/{code}") + await browser.text(f"/people/{person}")
    assert "want to die" not in pages
    assert "Your role works without the text" in pages
