"""How people answer check-ins, and whether they were in danger lately: read for those who are silent just now.

Not where messages come in: a silence is counted when its check-in ends, a few hundred people to a statement.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.overtime import Habit, LastDanger, Round, habit_of
from content.schema import Level, OverTime, Pack
from store import tables as t

_REMEMBERED = timedelta(days=400)  # older check-ins say nothing of today's habit
# A human found that there was no danger.
_NO_DANGER = ("FALSE_ALARM_MISREAD", "FALSE_ALARM_WRONG_PERSON", "TEST_OR_JOKE")


async def load_habits(
    connection: AsyncConnection,
    pack: Pack,
    countries: Mapping[int, str],
    now: datetime,
    *,
    before: datetime | None = None,
) -> dict[int, Habit]:
    """The habit of each person, by beneficiary id; `countries` says of whom, and whose numbers hold for them.

    `before`: as it was then; the silence that began at that moment is not their habit.
    """
    if not countries:
        return {}
    everybody = [pack.over_time, *pack.over_time_by_country.values()]
    rounds = await _rounds(connection, countries, max(each.habit_of for each in everybody), now, before)
    alerts = await _alerts(connection, countries, now - timedelta(days=max(each.danger_days for each in everybody)))
    return {
        person: habit_of(
            rounds.get(person, ()),
            pack.over_time_in(country),
            _danger(alerts.get(person, ()), pack.over_time_in(country), now),
        )
        for person, country in countries.items()
    }


async def _rounds(
    connection: AsyncConnection, people: Collection[int], most: int, now: datetime, before: datetime | None
) -> dict[int, list[Round]]:
    """Their latest check-ins that are over, newest first. One that was stopped counts only if it was answered."""
    s, i = t.session, t.inbox
    is_over = s.c.state.in_(("done", "expired")) | ((s.c.state == "stopped") & s.c.answered_at.is_not(None))
    latest = (
        sa.select(
            s.c.beneficiary_id, s.c.contact_id, s.c.opened_at, s.c.answered_at, s.c.ended_at,
            sa.func.row_number().over(partition_by=s.c.beneficiary_id, order_by=s.c.opened_at.desc()).label("number"),
        )
        .where(s.c.beneficiary_id.in_(people), s.c.opened_at > now - _REMEMBERED, is_over)
        .where(s.c.ended_at < before if before is not None else sa.true())
        .subquery()
    )  # fmt: skip
    # Any word of theirs is an answer here. Once texts are gone, there is what the session remembers: their last one.
    first_word = (
        sa.select(sa.func.min(i.c.received_at))
        .where(
            i.c.contact_id == latest.c.contact_id,
            i.c.received_at >= latest.c.opened_at,
            i.c.received_at <= latest.c.ended_at,
        )
        .scalar_subquery()
    )
    found = await connection.execute(
        sa.select(
            latest.c.beneficiary_id,
            latest.c.opened_at,
            sa.func.coalesce(first_word, latest.c.answered_at, type_=t.Instant).label("answered_at"),
        )
        .where(latest.c.number <= most)
        .order_by(latest.c.beneficiary_id, latest.c.number)
    )
    rounds: dict[int, list[Round]] = {}
    for row in found.all():
        rounds.setdefault(row.beneficiary_id, []).append(Round(row.opened_at, row.answered_at))
    return rounds


async def _alerts(connection: AsyncConnection, people: Collection[int], since: datetime) -> dict[int, list[Any]]:
    """Grave alerts that were open since then, at the level that humans left them at.

    Never reports about staff: that there is one must not show in anything the site sees.
    """
    a = t.alert
    found = await connection.execute(
        sa.select(a.c.beneficiary_id, a.c.level, a.c.route, a.c.closed_at)
        .where(
            a.c.beneficiary_id.in_(people),
            a.c.level >= int(Level.HIGH),
            a.c.is_report.is_(False),
            a.c.is_drill.is_(False),
            (a.c.state != "closed") | (a.c.closed_at >= since),
            a.c.outcome.is_(None) | a.c.outcome.not_in(_NO_DANGER),
        )
        .order_by(a.c.level.desc(), a.c.opened_at.desc(), a.c.id)
    )
    alerts: dict[int, list[Any]] = {}
    for row in found.all():
        alerts.setdefault(row.beneficiary_id, []).append(row)
    return alerts


def _danger(alerts: Collection[Any], settings: OverTime, now: datetime) -> LastDanger | None:
    for row in alerts:
        days = (now - row.closed_at).days if row.closed_at is not None else 0
        if days < settings.danger_days:
            return LastDanger(Level(row.level), row.route, days)
    return None
