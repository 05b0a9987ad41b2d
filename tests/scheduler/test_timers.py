"""Session timers: reminders in allowed hours, the end of unanswered check-ins, and what a broken record may not do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bot.effects import Progress
from scheduler.timers import run_session_timers
from store import tables as t
from store.database import Database
from tests.builders import a_beneficiary, a_channel, a_contact, a_site, rows
from tests.conftest import NOW, HandClock
from tests.scheduler.programme import PACK

OPENED = NOW - timedelta(hours=24)  # 12:00 in Nairobi, the day before


async def a_session(
    database: Database, channel_id: int, site_id: int, person: dict[str, Any] | None = None, **values: Any
) -> int:
    contact_id = await a_contact(database, channel_id)
    beneficiary_id = await a_beneficiary(database, site_id, contact_id, **person or {})
    opened = values.pop("opened_at", OPENED)
    progress = Progress("weekly", "1", "en", "mood", step=1, opened_at=opened)
    row = {
        "id": database.new_id(), "beneficiary_id": beneficiary_id, "contact_id": contact_id, "checkin": "weekly",
        "version": "1", "state": "open", "progress": progress.to_json(), "opened_at": opened, "due_at": NOW,
        "timer": "remind", "timer_step": 1,
    } | values  # fmt: skip
    async with database.write() as connection:
        await connection.execute(sa.insert(t.session), [row])
    return int(row["id"])


async def drain(database: Database, clock: HandClock, limit: int = 500) -> int:
    total = 0
    while done := await run_session_timers(database, PACK, clock, limit):
        total += done
        assert total < 50
    return total


async def sessions(database: Database) -> list[tuple[str, str | None, datetime | None]]:
    return [(row.state, row.timer, row.due_at) for row in await rows(database, t.session)]


async def test_a_due_reminder_is_sent_once_and_then_the_end_is_awaited(database: Database, clock: HandClock) -> None:
    await a_session(database, await a_channel(database), await a_site(database))
    assert await drain(database, clock) == 1
    (message,) = await rows(database, t.outbox)
    assert (message.purpose, message.due_at, message.not_after) == ("reminder", NOW, NOW + timedelta(hours=6))
    assert await sessions(database) == [("open", "expire", OPENED + timedelta(hours=48))]
    assert await drain(database, clock) == 0


async def test_a_reminder_waits_for_the_next_allowed_hour(database: Database) -> None:
    clock = HandClock(datetime(2026, 3, 3, 20, 0, tzinfo=UTC))  # 23:00 in Nairobi
    await a_session(
        database, await a_channel(database), await a_site(database), opened_at=clock() - timedelta(hours=24)
    )
    assert await drain(database, clock) == 1
    morning = datetime(2026, 3, 4, 4, 0, tzinfo=UTC)
    assert (await sessions(database), await rows(database, t.outbox)) == ([("open", "remind", morning)], [])
    clock.now = morning
    assert await drain(database, clock) == 1
    assert [row.due_at for row in await rows(database, t.outbox)] == [morning]


async def test_a_reminder_held_up_by_an_outage_does_not_reach_into_unsafe_hours(
    database: Database, clock: HandClock
) -> None:
    person = {"safe_from": 11 * 60, "safe_until": 13 * 60}  # it is 12:00
    await a_session(database, await a_channel(database), await a_site(database), person)
    await drain(database, clock)
    assert [row.not_after for row in await rows(database, t.outbox)] == [NOW + timedelta(hours=1)]


async def test_no_reminder_when_no_allowed_hour_is_left_before_the_end(database: Database, clock: HandClock) -> None:
    person = {"safe_from": 60, "safe_until": 60}
    await a_session(database, await a_channel(database), await a_site(database), person)
    assert await drain(database, clock) == 1
    end = OPENED + timedelta(hours=48)
    assert (await sessions(database), await rows(database, t.outbox)) == ([("open", "expire", end)], [])


async def test_nobody_answered_ends_the_session_and_counts(database: Database, clock: HandClock) -> None:
    await a_session(database, await a_channel(database), await a_site(database), timer="expire")
    assert await drain(database, clock) == 1
    assert await sessions(database) == [("expired", None, None)]
    assert [row.missed for row in await rows(database, t.beneficiary)] == [1]
    assert [row.kind for row in await rows(database, t.follow_up)] == ["silence"]


async def test_a_timer_set_for_an_earlier_question_does_nothing(database: Database, clock: HandClock) -> None:
    await a_session(database, await a_channel(database), await a_site(database), timer_step=0)
    assert await drain(database, clock) == 1
    assert await rows(database, t.outbox) == []
    assert await sessions(database) == [("open", "expire", OPENED + timedelta(hours=48))]


async def test_a_timer_that_is_not_due_does_nothing(database: Database, clock: HandClock) -> None:
    due_at = NOW + timedelta(seconds=1)
    await a_session(database, await a_channel(database), await a_site(database), due_at=due_at)
    assert await drain(database, clock) == 0
    assert await sessions(database) == [("open", "remind", due_at)]


async def test_a_session_whose_number_went_to_somebody_else_is_stopped(database: Database, clock: HandClock) -> None:
    await a_session(database, await a_channel(database), await a_site(database))
    async with database.write() as connection:
        await connection.execute(sa.update(t.beneficiary).values(contact_id=None))
    assert await drain(database, clock) == 1
    assert (await sessions(database), await rows(database, t.outbox)) == ([("stopped", None, None)], [])


@pytest.mark.parametrize("limit", [1, 500])
async def test_a_record_that_raises_is_set_aside_and_holds_up_nobody(
    database: Database, clock: HandClock, limit: int
) -> None:
    channel, site = await a_channel(database), await a_site(database)
    await a_session(database, channel, site, due_at=NOW - timedelta(minutes=1), checkin="weekly", progress={
        "checkin": "weekly", "version": "1", "language": "xx", "question": "mood", "step": 1, "opened_at": 5,
    })  # fmt: skip
    await a_session(database, channel, site)
    await drain(database, clock, limit)
    assert await sessions(database) == [
        ("open", "remind", NOW + timedelta(hours=1)),
        ("open", "expire", OPENED + timedelta(hours=48)),
    ]
    assert [row.kind for row in await rows(database, t.follow_up)] == ["set_aside"]
    assert len(await rows(database, t.outbox)) == 1


async def test_many_batches_reach_everybody(database: Database, clock: HandClock) -> None:
    channel, site = await a_channel(database), await a_site(database)
    for _ in range(5):
        await a_session(database, channel, site)
    assert await drain(database, clock, limit=2) == 5
    assert len(await rows(database, t.outbox)) == 5
