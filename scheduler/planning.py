"""Planning: everybody who is due in a running campaign gets an outbox row, a day and a half ahead.

Planning is set-based. A round walks over the beneficiaries in chunks: it reads which groups a chunk has (time zone,
day, hour, allowed hours), finds their slots in pure code (`scheduler.due`), and writes the chunk's messages with one
INSERT … SELECT and the new cursor in one short transaction. A round begins at *now*, not where the last one ended, so
whoever enrolled meanwhile is planned too; the message's key makes the second time do nothing.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from scheduler.audience import CONSENTING, Campaign, Draft, chosen_people, read_campaign
from scheduler.due import ANCHORED, Group, Plan, Slot, slots
from store import tables as t
from store.database import Clock, Database, signal
from store.queue import PURPOSES
from store.tables import to_ms

_MINUTE_MS = 60_000
log = structlog.get_logger()

HORIZON = timedelta(hours=36)
EVERY = timedelta(hours=1)  # how often a campaign is looked through again
# People to a transaction: under 0.2 s of the writer's time, also among a million rows. A smaller one costs more for
# each: it touches as many places of the index of what is due as there are minutes in the week's allowed hours.
CHUNK = 10_000
_COUNTED = {"preserve_rowcount": True}
_MS = timedelta(milliseconds=1)
_NO_DATE = date(1, 1, 1)
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """Slots from `start` (never before `starts_at` of the campaign) to `end` that are still in time at `now`."""

    start: datetime
    end: datetime
    now: datetime

    @classmethod
    def of(cls, campaign: Campaign, now: datetime, horizon: timedelta) -> "Window":
        # Hours that passed while nobody planned (an outage) count as long as their messages are in time.
        start = max(campaign.starts_at, now - timedelta(minutes=campaign.late_minutes))
        return cls(start, min(now + horizon, campaign.ends_at or FOREVER), now)

    def slots(self, campaign: "Campaign | Draft", group: Group) -> list[Slot]:
        found = slots(campaign.plan, group, self.start, self.end, campaign.late_minutes)
        return [slot for slot in found if slot.not_after > self.now]


async def plan_due(database: Database, clock: Clock, *, horizon: timedelta = HORIZON, chunk: int = CHUNK) -> int:
    """Plan every running campaign that is due, up to `horizon` from now. Gives how many messages were planned."""
    now = clock()
    async with database.read() as connection:
        due = sa.select(t.campaign).where(t.campaign.c.state == "running", t.campaign.c.due_at <= now)
        campaigns = [read_campaign(row) for row in (await connection.execute(due.order_by(t.campaign.c.due_at))).all()]
    total = 0
    for campaign in campaigns:
        try:
            total += await _plan(database, campaign, clock, horizon, chunk)
        except (ValueError, KeyError) as error:
            # One campaign that cannot be planned must not keep the others from it.
            log.error("campaign set aside", campaign_id=campaign.id, error=type(error).__name__)  # noqa: TRY400  ids only
            async with database.write() as connection:
                await _set(connection, campaign, due_at=now + EVERY)
    return total


async def _set(connection: AsyncConnection, campaign: Campaign, **values: Any) -> bool:
    """Compare and set: whether the campaign is still as we read it (nobody paused it, no other process plans it)."""
    c = t.campaign.c
    changed = await connection.execute(
        sa.update(t.campaign)
        .where(c.id == campaign.id, c.state == "running", c.cursor == campaign.cursor, c.due_at == campaign.due_at)
        .values(**values)
    )
    return bool(changed.rowcount == 1)


async def _plan(database: Database, campaign: Campaign, clock: Clock, horizon: timedelta, chunk: int) -> int:
    """One round, from where an interrupted one stopped. The cursor moves in its chunk's own transaction."""
    now, resumed = clock(), campaign.cursor > 0
    window = Window.of(campaign, now, horizon)
    async with database.read() as connection:
        book = Book(campaign, window, await load_sites(connection))
    total = 0
    while True:
        async with database.read() as connection:
            upper, groups = await _gather(connection, campaign, chunk)
        if upper is None:
            break
        here = [t.beneficiary.c.id > campaign.cursor, t.beneficiary.c.id <= upper]
        async with database.write() as connection:
            if not await _set(connection, campaign, cursor=upper):
                return total
            total += await _write(database, connection, book, groups, here, now)
        campaign = replace(campaign, cursor=upper)
        await asyncio.sleep(0)  # a cry for help goes first
    over = {"state": "done"} if _is_over(campaign, now) else {}
    # After an interrupted round comes a whole one at once: the people before its cursor were planned for less far.
    again = now if resumed else now + EVERY
    async with database.write() as connection:
        await _set(connection, campaign, cursor=0, planned_until=window.end, due_at=again, **over)
    return total


async def replan_people(
    database: Database,
    connection: AsyncConnection,
    beneficiary_ids: Sequence[int],
    now: datetime,
    *,
    horizon: timedelta = HORIZON,
) -> None:
    """After a change of someone's day, hour, safe hours, site or language: what was planned for the old ones is undone.

    In the caller's transaction, so that no message leaves at an hour that has just been declared unsafe.
    """
    b, o = t.beneficiary.c, t.outbox.c
    chosen = b.id.in_(beneficiary_ids)
    await connection.execute(
        sa.delete(t.outbox).where(
            o.contact_id.in_(sa.select(b.contact_id).where(chosen)),
            o.campaign_id.is_not(None),
            o.purpose == "checkin",
            (o.state == "queued") | ((o.state == "withheld") & (o.outcome == "paused")),
            o.tries == 0,
        )
    )
    running = await connection.execute(sa.select(t.campaign).where(t.campaign.c.state == "running"))
    sites = await load_sites(connection)
    for campaign in [read_campaign(row) for row in running.all()]:
        book = Book(campaign, Window.of(campaign, now, horizon), sites)
        found = await connection.execute(
            sa.select(*group_columns(campaign.plan)).where(chosen, *chosen_people(campaign.audience)).distinct()
        )
        await _write(database, connection, book, found.all(), [chosen], now)


async def load_sites(connection: AsyncConnection) -> dict[int, Any]:
    return {row.id: row for row in (await connection.execute(sa.select(t.site))).all()}


def _is_over(campaign: Campaign, now: datetime) -> bool:
    if campaign.ends_at is not None and now >= campaign.ends_at:
        return True
    day = campaign.plan.date
    # Three days: the last time zone, and a slot that moved on to the next allowed hour.
    return day is not None and now.date() > day + timedelta(days=3)


def group_columns(plan: Plan) -> list[Any]:
    b = t.beneficiary.c
    columns: list[Any] = [b.site_id, b.weekday, b.minute, b.safe_from, b.safe_until]
    return [*columns, _anchor(plan).label("anchor_date")] if plan.kind in ANCHORED else columns


def _anchor(plan: Plan) -> Any:
    """The date from which an anchored plan counts its days."""
    return t.beneficiary.c.exited_on if plan.kind == "after_exit" else t.beneficiary.c.anchor_date


class Book:
    """The slots of each group of one campaign in one window, worked out once."""

    MOST = 20_000  # groups remembered: a programme in which everybody has hours of their own must fit into memory too

    def __init__(self, campaign: Campaign | Draft, window: Window, sites: Mapping[int, Any]) -> None:
        self.campaign = campaign
        self.window = window
        self.sites = sites
        self._known: dict[tuple[Any, ...], list[Slot]] = {}

    def group(self, row: Any) -> Group:
        site = self.sites[row.site_id]
        return Group(
            time_zone=site.time_zone,
            weekday=row.weekday,
            minute=row.minute,
            safe_from=row.safe_from,
            safe_until=row.safe_until,
            quiet_from=site.quiet_from,
            quiet_until=site.quiet_until,
            anchor_date=getattr(row, "anchor_date", None),
        )

    def slots(self, row: Any) -> list[Slot]:
        key = (row.site_id, row.weekday, row.minute, row.safe_from, row.safe_until, getattr(row, "anchor_date", None))
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= self.MOST:
                self._known.clear()
            found = self._known[key] = self.window.slots(self.campaign, self.group(row))
        return found


async def _gather(connection: AsyncConnection, campaign: Campaign, chunk: int) -> tuple[int | None, Sequence[Any]]:
    """The last id of the next chunk of people (None: there are no more), and the groups that its people belong to."""
    columns = group_columns(campaign.plan)
    people = (
        sa.select(t.beneficiary.c.id, *columns)
        .where(t.beneficiary.c.id > campaign.cursor, *chosen_people(campaign.audience))
        .order_by(t.beneficiary.c.id)
        .limit(chunk)
        .subquery()
    )
    names = [people.c[column.name] for column in columns]
    found = await connection.execute(sa.select(sa.func.max(people.c.id).label("last"), *names).group_by(*names))
    groups = found.all()
    return max((row.last for row in groups), default=None), groups


async def _write(
    database: Database, connection: AsyncConnection, book: Book, groups: Sequence[Any], here: list[Any], now: datetime
) -> int:
    """The messages of the people `here` that belong to these groups; a task for those whom no hour would suit."""
    planned = [(row, slot) for row in groups for slot in book.slots(row)]
    total = 0
    if planned:
        most = max(Counter(id(row) for row, _ in planned).values())
        total = await _insert(database, connection, book.campaign, planned, here, now, most)
    if any(book.group(row).hours.is_never() for row in groups):
        await _report(database, connection, book, here, now)
    return total


async def _insert(
    database: Database,
    connection: AsyncConnection,
    campaign: Any,
    planned: Sequence[tuple[Any, Slot]],
    here: list[Any],
    now: datetime,
    most: int,
) -> int:
    """One INSERT … SELECT: people, their contacts and the slots of their groups. Gives how many messages are new."""
    b, o = t.beneficiary.c, t.outbox.c
    by_anchor = campaign.plan.kind in ANCHORED
    moments = _moments(database.kind, planned)
    m = moments.c
    people = (await connection.execute(sa.select(sa.func.count()).select_from(t.beneficiary).where(*here))).scalar_one()
    tick = database.ids.reserve(people * most)
    number = (sa.literal(tick, t.Id) + sa.func.row_number().over()) * database.ids.WORKERS + database.ids.worker
    # The person's own spread, wrapped round where the allowed stretch is shorter than a quarter of an hour. In whole
    # minutes: a million different moments would touch a million places of the index of what is due, and the channel's
    # rate spreads a minute's messages anyway.
    due_at = m.at + ((b.spread * 1000) % m.room) // _MINUTE_MS * _MINUTE_MS
    purpose = PURPOSES["checkin"]
    key = sa.literal(f"c/{campaign.id}/") + sa.cast(b.id, sa.String) + "/" + m.key_date
    same_group = [
        b.site_id == m.site_id,
        b.weekday == m.weekday,
        b.minute == m.minute,
        sa.func.coalesce(b.safe_from, -1) == m.safe_from,
        sa.func.coalesce(b.safe_until, -1) == m.safe_until,
        *([sa.func.coalesce(_anchor(campaign.plan), _NO_DATE) == m.anchor_date] if by_anchor else []),
    ]
    chosen = (
        sa.select(
            number, key, t.contact.c.channel_id, b.contact_id, sa.literal(campaign.id, t.Id),
            sa.literal(purpose.name), sa.literal(purpose.priority), sa.literal(now, t.Instant), due_at, m.not_after,
            sa.literal("queued"),
        )
        .select_from(
            t.beneficiary.join(t.contact, t.contact.c.id == b.contact_id).join(moments, sa.and_(*same_group))
        )
        .where(*here, *chosen_people(campaign.audience), t.contact.c.opted_out_at.is_(None), CONSENTING)
        # Who enrolled after the hour had passed begins with the next one.
        .where(m.at >= sa.type_coerce(b.enrolled_at, sa.BigInteger))
    )  # fmt: skip
    columns = [
        o.id, o.key, o.channel_id, o.contact_id, o.campaign_id, o.purpose, o.priority, o.created_at, o.due_at,
        o.not_after, o.state,
    ]  # fmt: skip
    statement = database.insert(t.outbox).from_select(columns, chosen, include_defaults=False)
    statement = statement.on_conflict_do_nothing(index_elements=["key"])
    written: int = (await connection.execute(statement, execution_options=_COUNTED)).rowcount
    if database.kind == "sqlite":  # whose driver counts nothing for a statement that begins with WITH
        written = (await connection.execute(sa.select(sa.func.changes()))).scalar_one()
    if written:
        signal(connection, "outbox")
    return written


def _moments(kind: str, planned: Sequence[tuple[Any, Slot]]) -> Any:
    """The slots as a table inside the statement: one parameter, whatever their number."""
    rows = [
        [
            row.site_id, row.weekday, row.minute,
            -1 if row.safe_from is None else row.safe_from, -1 if row.safe_until is None else row.safe_until,
            (getattr(row, "anchor_date", None) or _NO_DATE).isoformat(),
            to_ms(slot.at), max(slot.room // _MS, 1), to_ms(slot.not_after), slot.key_date.isoformat(),
        ]
        for row, slot in planned
    ]  # fmt: skip
    numbers = {0: "site_id", 1: "weekday", 2: "minute", 3: "safe_from", 4: "safe_until", 6: "at", 7: "room",
               8: "not_after"}  # fmt: skip
    # SQLite keeps dates as text, and its CAST … AS DATE makes a number of them.
    day, source = (
        ("value->>5", "json_each(:moments)")
        if kind == "sqlite"
        else ("CAST(value->>5 AS DATE)", "json_array_elements(CAST(:moments AS JSON)) AS given(value)")
    )
    parts = [f"CAST(value->>{index} AS BIGINT) AS {name}" for index, name in numbers.items()]
    parts += [f"{day} AS anchor_date", "value->>9 AS key_date"]
    statement = sa.text(f"SELECT {', '.join(parts)} FROM {source}")  # noqa: S608  all of it is written above
    typed = statement.bindparams(moments=json.dumps(rows)).columns(
        *(sa.column(name, sa.BigInteger) for name in numbers.values()),
        sa.column("anchor_date", sa.Date),
        sa.column("key_date", sa.String),
    )
    return typed.cte("moments")


async def _report(database: Database, connection: AsyncConnection, book: Book, here: list[Any], now: datetime) -> None:
    """People whose quiet and safe hours leave no minute of the day get nothing, and somebody must be told."""
    b = t.beneficiary.c
    campaign: Any = book.campaign
    found = await connection.execute(
        sa.select(b.id, b.contact_id, *group_columns(campaign.plan)).where(*here, *chosen_people(campaign.audience))
    )
    tasks = [
        {
            "id": database.new_id(),
            "key": f"no_safe_hours/{campaign.id}/{row.id}",
            "contact_id": row.contact_id,
            "beneficiary_id": row.id,
            "site_id": row.site_id,
            "kind": "no_safe_hours",
            "state": "open",
            "created_at": now,
            "due_at": now + timedelta(days=1),
        }
        for row in found.all()
        if book.group(row).hours.is_never()
    ]
    if tasks:
        statement = database.insert(t.follow_up).on_conflict_do_nothing(index_elements=["key"])
        await connection.execute(statement, tasks)
