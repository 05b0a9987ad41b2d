"""What monitoring sees: alive, ready or why not, and figures; never a number or a word that somebody wrote."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from hujambo.service import Service
from store import tables as t
from store.database import Database
from store.queue import outgoing_row
from tests.builders import a_beneficiary, a_channel, a_contact, a_number, a_site
from tests.conftest import NOW, HandClock, _postgres
from tests.hujambo.conftest import Build, Visit

ON_TIME = {
    "oldest_urgent_message": 0.0,
    "oldest_message": 0.0,
    "oldest_alert_step": 0.0,
    "oldest_session_timer": 0.0,
}


@pytest.fixture
async def idle(build: Build) -> Service:
    """A service that has been built and not started: nothing in it moves what a test has put there."""
    return await build()


async def _ask(visit: Visit, service: Service, path: str) -> tuple[int, Any]:
    async with (await visit(service)).get(path) as answer:
        return answer.status, await (answer.json() if answer.content_type == "application/json" else answer.text())


async def _queue(database: Database, *, purpose: str, late: timedelta, text: str = "words", **values: Any) -> None:
    channel = await a_channel(database)
    contact = await a_contact(database, channel)
    row = outgoing_row(
        message_id=database.new_id(),
        purpose=purpose,
        channel_id=channel,
        contact_id=contact,
        now=NOW - late,
        text=text,
    )
    async with database.write() as connection:
        await connection.execute(sa.insert(t.outbox), [row | values])


async def _alert(database: Database, *, late: timedelta, **values: Any) -> int:
    contact = await a_contact(database, await a_channel(database))
    row = {
        "id": database.new_id(),
        "code": f"A{database.new_id() % 10**9}",
        "contact_id": contact,
        "site_id": await a_site(database),
        "level": 4,
        "route": "self_harm",
        "machine_level": 4,
        "state": "open",
        "rung": 1,
        "opened_at": NOW - late,
        "target_at": NOW,
        "due_at": NOW - late,
    }
    async with database.write() as connection:
        await connection.execute(sa.insert(t.alert), [row | values])
    return row["id"]


async def _session(database: Database, *, late: timedelta) -> None:
    contact = await a_contact(database, await a_channel(database))
    person = await a_beneficiary(database, await a_site(database), contact)
    row = {
        "id": database.new_id(),
        "beneficiary_id": person,
        "contact_id": contact,
        "checkin": "weekly",
        "version": "1",
        "state": "open",
        "progress": {},
        "opened_at": NOW - timedelta(days=1),
        "due_at": NOW - late,
        "timer": "remind",
    }
    async with database.write() as connection:
        await connection.execute(sa.insert(t.session), [row])


async def test_a_service_with_nothing_to_do_is_alive_and_ready(idle: Service, visit: Visit) -> None:
    assert await _ask(visit, idle, "/healthz") == (200, "alive\n")
    assert await _ask(visit, idle, "/readyz") == (
        200,
        {"ready": True, "faults": [], "degraded": [], "late_seconds": ON_TIME},
    )


@pytest.mark.parametrize(
    ("purpose", "late", "faults"),
    [
        ("crisis", timedelta(minutes=2), []),
        ("crisis", timedelta(minutes=2, seconds=1), ["oldest_urgent_message"]),
        ("staff_alert", timedelta(minutes=3), ["oldest_urgent_message"]),
        ("staff_reply", timedelta(minutes=3), ["oldest_urgent_message"]),
        ("reply", timedelta(minutes=15), []),
        ("reply", timedelta(minutes=16), ["oldest_message"]),
        ("crisis", timedelta(hours=1), ["oldest_urgent_message", "oldest_message"]),
    ],
)
async def test_a_message_that_should_have_left_long_ago_makes_it_unready(
    idle: Service, visit: Visit, purpose: str, late: timedelta, faults: list[str]
) -> None:
    await _queue(idle.database, purpose=purpose, late=late)
    seconds = late.total_seconds()
    measured = ON_TIME | {"oldest_message": seconds}
    if purpose != "reply":
        measured |= {"oldest_urgent_message": seconds}
    expected = {"ready": not faults, "faults": faults, "degraded": [], "late_seconds": measured}
    assert await _ask(visit, idle, "/readyz") == (503 if faults else 200, expected)


async def test_messages_that_are_settled_or_not_due_are_nobodys_fault(idle: Service, visit: Visit) -> None:
    await _queue(idle.database, purpose="crisis", late=timedelta(hours=1), state="delivered")
    await _queue(idle.database, purpose="crisis", late=timedelta(hours=1), due_at=NOW + timedelta(minutes=1))
    assert (await _ask(visit, idle, "/readyz"))[0] == 200


async def test_a_ladder_that_stands_still_makes_it_unready(idle: Service, visit: Visit) -> None:
    await _alert(idle.database, late=timedelta(minutes=5))
    await _alert(idle.database, late=timedelta(hours=9), state="closed")
    status, answer = await _ask(visit, idle, "/readyz")
    assert (status, answer["faults"], answer["late_seconds"]["oldest_alert_step"]) == (503, ["oldest_alert_step"], 300)


async def test_reminders_that_nobody_sends_make_it_unready(idle: Service, visit: Visit) -> None:
    await _session(idle.database, late=timedelta(minutes=16))
    status, answer = await _ask(visit, idle, "/readyz")
    assert (status, answer["faults"]) == (503, ["oldest_session_timer"])


async def test_lateness_is_measured_by_the_services_own_clock(idle: Service, visit: Visit, clock: HandClock) -> None:
    await _queue(idle.database, purpose="crisis", late=timedelta(0))
    before = await _ask(visit, idle, "/readyz")
    clock.forward(minutes=3)
    after = await _ask(visit, idle, "/readyz")
    assert (before[0], after[0], after[1]["faults"]) == (200, 503, ["oldest_urgent_message"])


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # a file does not go away
async def test_a_database_that_is_away_makes_it_unready_and_not_dead(
    idle: Service, visit: Visit, postgres_server: str
) -> None:
    name = idle.database.engine.url.database or ""
    _postgres(postgres_server, f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
    everyone = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608  our own
    _postgres(postgres_server, everyone)
    with capture_logs() as logs:
        ready = await _ask(visit, idle, "/readyz")
    assert ready == (503, {"ready": False, "faults": ["database"]})
    assert [(entry["log_level"], entry["error"]) for entry in logs] == [("warning", "OperationalError")]
    assert await _ask(visit, idle, "/healthz") == (200, "alive\n")


async def test_the_figures_count_what_waits_and_can_be_parsed(idle: Service, visit: Visit) -> None:
    await _queue(idle.database, purpose="crisis", late=timedelta(minutes=1))
    await _queue(idle.database, purpose="reply", late=timedelta(minutes=1), state="uncertain")
    await _queue(idle.database, purpose="reply", late=timedelta(minutes=1), state="delivered")
    await _alert(idle.database, late=timedelta(seconds=30))
    idle.inbox.counts["accepted"] = 7
    idle.outbox.counters["accepted"] = 3
    status, page = await _ask(visit, idle, "/metrics")
    figures = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    assert status == 200
    assert figures == {
        ("hujambo_late_seconds", "oldest_urgent_message"): 60.0,
        ("hujambo_late_seconds", "oldest_message"): 60.0,
        ("hujambo_late_seconds", "oldest_alert_step"): 30.0,
        ("hujambo_late_seconds", "oldest_session_timer"): 0.0,
        ("hujambo_outbox_rows", "queued"): 1.0,
        ("hujambo_outbox_rows", "sending"): 0.0,
        ("hujambo_outbox_rows", "uncertain"): 1.0,
        ("hujambo_open_alerts", "4"): 1.0,
        ("hujambo_set_aside",): 0.0,
        ("hujambo_inbox_total", "accepted"): 7.0,
        ("hujambo_inbox_total", "duplicate"): 0.0,
        ("hujambo_inbox_total", "danger"): 0.0,
        ("hujambo_inbox_total", "set_aside"): 0.0,
        ("hujambo_outbox_total", "accepted"): 3.0,
    }


async def test_no_page_for_machines_carries_a_number_a_name_or_a_word(idle: Service, visit: Visit) -> None:
    number = a_number()
    channel = await a_channel(idle.database, address=number)
    contact = await a_contact(idle.database, channel, number)
    await a_beneficiary(idle.database, await a_site(idle.database), contact, name="Zuwena")
    await _queue(idle.database, purpose="crisis", late=timedelta(hours=1), text="xyzzy")
    pages = "".join([str(await _ask(visit, idle, path)) for path in ("/healthz", "/readyz", "/metrics")])
    assert [secret for secret in (number, number[1:], "Zuwena", "xyzzy") if secret in pages] == []
