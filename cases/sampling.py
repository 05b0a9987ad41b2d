"""A weekly sample, at each site, of messages that raised nothing, for a person to read: it shows what is missed.

Drawn by lot for the last whole week when somebody first opens the page. Whoever finds danger in one opens its alert.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit
from cases.alerts import Danger, open_or_join
from cases.handling.judging import judgement, must_fit
from cases.rules import AlertRuleError
from cases.telling import add_follow_ups, follow_up_row
from content.schema import Level, Route
from store import tables
from store.database import Database, signal

SIZE = 20  # messages a site and week: ten minutes of reading
LOOK = 10 * SIZE  # so many are looked at to find them: most texts are one digit, an answer
PRACTICAL_DUE = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Week:
    """A whole week, from Monday to Monday, in UTC."""

    monday: date

    @property
    def begins(self) -> datetime:
        return datetime.combine(self.monday, time(), UTC)

    @property
    def ends(self) -> datetime:
        return self.begins + timedelta(days=7)

    @classmethod
    def before(cls, now: datetime) -> "Week":
        """The last week that is over."""
        today = now.astimezone(UTC).date()
        return cls(today - timedelta(days=today.weekday() + 7))


def has_words(text: str) -> bool:
    """Whether there is anything to misread: a bare digit or sign is an answer, and answers have alarms of their own."""
    return any(letter.isalpha() for letter in text)


async def draw(database: Database, site_ids: Sequence[int], now: datetime) -> None:
    """Draw the last week's sample for each of these sites that has none yet. Two who draw at once draw one."""
    week, s = Week.before(now), tables.sample
    async with database.read() as connection:
        drawn = sa.select(s.c.site_id).where(s.c.week == week.monday, s.c.site_id.in_(site_ids)).distinct()
        have = set((await connection.execute(drawn)).scalars())
        rows = [row for site_id in site_ids if site_id not in have for row in await _lot(connection, site_id, week)]
    if not rows:
        return
    rows = [{**row, "id": database.new_id(), "drawn_at": now} for row in rows]
    async with database.write() as connection:
        await connection.execute(database.insert(s).on_conflict_do_nothing(), rows)


async def _lot(connection: AsyncConnection, site_id: int, week: Week) -> list[dict[str, Any]]:
    m, b, c, x = tables.inbox, tables.beneficiary, tables.contact, tables.assessment
    raised = sa.exists().where(x.c.inbox_id == m.c.id, sa.or_(x.c.alert_id.is_not(None), x.c.route == "misconduct"))
    among = sa.and_(
        m.c.received_at >= week.begins,
        m.c.received_at < week.ends,
        m.c.state == "handled",
        m.c.level < int(Level.ELEVATED),
        b.c.site_id == site_id,
        ~raised,
    )
    joined = m.join(c, c.c.id == m.c.contact_id).join(b, b.c.contact_id == c.c.id)
    count = (await connection.execute(sa.select(sa.func.count()).select_from(joined).where(among))).scalar_one()
    read = sa.select(x.c.route).where(x.c.inbox_id == m.c.id).order_by(x.c.level.desc()).limit(1).scalar_subquery()
    looked = (
        await connection.execute(
            sa.select(m.c.id, m.c.text, m.c.level, c.c.language, sa.func.coalesce(read, "none").label("route"))
            .select_from(joined)
            .where(among)
            .order_by(sa.func.random())
            .limit(LOOK)
        )
    ).all()
    worth = [row for row in looked if has_words(row.text)]
    if not worth:
        return []
    population = max(len(worth), round(count * len(worth) / len(looked)))
    return [
        {
            "site_id": site_id,
            "week": week.monday,
            "place": place,
            "inbox_id": row.id,
            "language": row.language,
            "level": row.level,
            "route": row.route,
            "population": population,
        }
        for place, row in enumerate(worth[:SIZE], 1)
    ]


async def judge(
    database: Database, sample_id: int, staff_id: int, level: Level, route: Route, now: datetime, *, base_url: str = ""
) -> int | None:
    """What a sampled message means, by whoever read it; the alert that was opened for it, if somebody must act.

    Of two who judge the same message the first is kept. Raises AlertRuleError.
    """
    must_fit(level, route)
    s, a = tables.sample, tables.alert
    alert_id = None
    async with database.write() as connection:
        changed = await connection.execute(
            sa.update(s)
            .where(s.c.id == sample_id, s.c.judged_level.is_(None))
            .values(**judgement(level, route, staff_id, now))
        )
        if not changed.rowcount:
            raise AlertRuleError("A colleague has judged this message already.")
        about = await _about(connection, sample_id)
        if level >= Level.ELEVATED:
            danger = Danger(
                about.contact_id, about.beneficiary_id, about.site_id, about.channel_id, level, route,
                [{"code": "staff_read", "detail": ""}], about.inbox_id, about.received_at,
            )  # fmt: skip
            alert_id = (await open_or_join(database, connection, [danger], now, base_url=base_url))[danger.key]
            await connection.execute(sa.update(s).where(s.c.id == sample_id).values(alert_id=alert_id))
            if route == "misconduct":
                await _hide(database, connection, about, alert_id, level, now)
            # It was no machine that said so.
            await connection.execute(
                sa.update(a).where(a.c.id == alert_id, a.c.opened_at == now).values(machine_level=about.level)
            )
        elif level is Level.PRACTICAL and about.level < Level.PRACTICAL:
            task = follow_up_row(
                database, f"practical/sample/{sample_id}", "practical", now, now + PRACTICAL_DUE,
                contact_id=about.contact_id, beneficiary_id=about.beneficiary_id, site_id=about.site_id,
            )  # fmt: skip
            await add_follow_ups(database, connection, [{**task, "inbox_id": about.inbox_id}])
            signal(connection, "messages")
        data = {"level": int(level), "route": route} | ({"alert": alert_id} if alert_id is not None else {})
        # A report about staff is in no trail that others read.
        data = {} if route == "misconduct" else data
        await audit.record(connection, database, staff_id, "sample.judged", f"sample/{sample_id}", data, now)
    return alert_id


async def _hide(
    database: Database, connection: AsyncConnection, about: Any, alert_id: int, level: Level, now: datetime
) -> None:
    """A message in which staff are reported is hidden from others by its assessment (`sees_message`)."""
    row = {
        "id": database.new_id(),
        "inbox_id": about.inbox_id,
        "contact_id": about.contact_id,
        "beneficiary_id": about.beneficiary_id,
        "alert_id": alert_id,
        "level": int(level),
        "route": "misconduct",
        "reasons": [{"code": "staff_read", "detail": ""}],
        "pack": "",
        "assessed_at": now,
    }
    await connection.execute(sa.insert(tables.assessment), [row])


async def _about(connection: AsyncConnection, sample_id: int) -> Any:
    s, m, b = tables.sample, tables.inbox, tables.beneficiary
    found = (
        sa.select(s.c.site_id, s.c.level, m.c.id.label("inbox_id"), m.c.contact_id, m.c.channel_id, m.c.received_at)
        .add_columns(b.c.id.label("beneficiary_id"))
        .join(m, m.c.id == s.c.inbox_id)
        .outerjoin(b, b.c.contact_id == m.c.contact_id)
        .where(s.c.id == sample_id)
    )
    return (await connection.execute(found)).one()


async def take_back(database: Database, sample_id: int, staff_id: int, now: datetime) -> bool:
    """Undo one's own judgement, unless an alert came of it: that is closed with an outcome."""
    s = tables.sample
    nothing = {"judged_level": None, "judged_route": None, "judged_by": None, "judged_at": None}
    async with database.write() as connection:
        changed = await connection.execute(
            sa.update(s).where(s.c.id == sample_id, s.c.judged_by == staff_id, s.c.alert_id.is_(None)).values(**nothing)
        )
        if changed.rowcount:
            await audit.record(connection, database, staff_id, "sample.taken_back", f"sample/{sample_id}", {}, now)
    return bool(changed.rowcount)
