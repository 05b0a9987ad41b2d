"""Campaigns: which check-in goes to whom and when; making, previewing, pausing them, and planning their messages.

Planning is set-based. A round walks over the beneficiaries in chunks: it reads which groups a chunk has (time zone,
day, hour, allowed hours), finds their slots in pure code (`scheduler.due`), and writes the chunk's messages with one
INSERT … SELECT and the new cursor in one short transaction. A round begins at *now*, not where the last one ended, so
whoever enrolled meanwhile is planned too; the message's key makes the second time do nothing.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.checkin import open_checkin
from channels.segments import count
from content.schema import Pack
from scheduler.due import DAY, LATE_MINUTES, Group, Plan, Slot, slots
from store import tables as t
from store.database import Clock, Database, signal
from store.queue import PURPOSES
from store.tables import to_ms

log = structlog.get_logger()

HORIZON = timedelta(hours=36)
EVERY = timedelta(hours=1)  # how often a campaign is looked through again
CHUNK = 5000
CONSENT = "checkins"
_COUNTED = {"preserve_rowcount": True}
_MS = timedelta(milliseconds=1)
_NO_DATE = date(1, 1, 1)
_CODE = "abcdefghijklmnopqrstuvwxyz0123456789-_"


class CampaignError(ValueError):
    """The campaign cannot be made or changed like this; the sentence is for the person who asked."""


# --- who ---


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a campaign is for. Empty: everybody. Sites are named by their codes."""

    sites: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    phone_kinds: tuple[str, ...] = ()
    paused_sites: tuple[str, ...] = ()

    def to_json(self) -> dict[str, list[str]]:
        return {name: list(getattr(self, name)) for name in self.__slots__ if getattr(self, name)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Audience":
        unknown = sorted(set(data) - set(cls.__slots__))
        if unknown:
            raise CampaignError(f"an audience has no {unknown[0]!r}: it is sites, languages and roles")
        return cls(**{name: tuple(values) for name, values in data.items()})


def _chosen(audience: Audience) -> list[Any]:
    """Conditions on a beneficiary and its site for being written to at all."""
    b = t.beneficiary.c
    conditions: list[Any] = [b.state == "active", b.age_band == "adult", b.contact_id.is_not(None)]
    if audience.languages:
        conditions.append(b.language.in_(audience.languages))
    if audience.roles:
        conditions.append(b.role.in_(audience.roles))
    if audience.phone_kinds:
        conditions.append(b.phone_kind.in_(audience.phone_kinds))
    if audience.sites:
        conditions.append(b.site_id.in_(_site_ids(audience.sites)))
    if audience.paused_sites:
        conditions.append(b.site_id.not_in(_site_ids(audience.paused_sites)))
    return conditions


def _site_ids(codes: Sequence[str]) -> Any:
    return sa.select(t.site.c.id).where(t.site.c.code.in_(codes))


def _consents(*, withdrawn: bool) -> Any:
    is_withdrawn = t.consent.c.withdrawn_at.is_not(None)
    return (
        sa.select(sa.literal(1))
        .where(t.consent.c.beneficiary_id == t.beneficiary.c.id, t.consent.c.purpose == CONSENT)
        .where(is_withdrawn if withdrawn else sa.not_(is_withdrawn))
        .exists()
    )


# Withdrawn counts unless it was given again; a programme that does not record consent for check-ins excludes nobody.
_NOT_WITHDRAWN = sa.not_(_consents(withdrawn=True) & sa.not_(_consents(withdrawn=False)))

# --- making ---


@dataclass(frozen=True, slots=True)
class Draft:
    """A campaign as it was asked for."""

    code: str
    name: str
    checkin: str
    plan: Plan
    audience: Audience
    starts_at: datetime
    ends_at: datetime | None = None
    late_minutes: int = LATE_MINUTES


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as it is stored."""

    id: int
    code: str
    name: str
    checkin: str
    plan: Plan
    audience: Audience
    late_minutes: int
    state: str
    created_at: datetime
    starts_at: datetime
    ends_at: datetime | None
    planned_until: datetime | None
    cursor: int
    due_at: datetime


def _campaign(row: Any) -> Campaign:
    values = {name: getattr(row, name) for name in Campaign.__slots__}
    return Campaign(**values | {"plan": Plan.from_json(row.plan), "audience": Audience.from_json(row.audience)})


async def create(
    database: Database,
    pack: Pack,
    *,
    code: str,
    name: str,
    checkin: str,
    plan: Plan,
    audience: Mapping[str, Any],
    now: datetime,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    late_minutes: int = LATE_MINUTES,
) -> int:
    """A new campaign as a draft; `start` sets it going. Gives its id. Raises CampaignError."""
    draft = Draft(
        code, name, checkin, plan, Audience.from_json(audience), max(starts_at or now, now), ends_at, late_minutes
    )
    campaign_id = database.new_id()
    async with database.write() as connection:
        draft = await _checked(connection, pack, draft)
        row = {
            "id": campaign_id,
            "code": draft.code,
            "name": draft.name,
            "checkin": draft.checkin,
            "kind": draft.plan.kind,
            "plan": draft.plan.to_json(),
            "audience": draft.audience.to_json(),
            "late_minutes": draft.late_minutes,
            "state": "draft",
            "created_at": now,
            "starts_at": draft.starts_at,
            "ends_at": draft.ends_at,
            "planned_until": None,
            "cursor": 0,
            "due_at": now,
        }
        statement = database.insert(t.campaign).values(row).on_conflict_do_nothing(index_elements=["code"])
        if (await connection.execute(statement, execution_options=_COUNTED)).rowcount != 1:
            raise CampaignError(f"there is a campaign {code!r} already")
    return campaign_id


async def _checked(connection: AsyncConnection, pack: Pack, draft: Draft) -> Draft:
    """The draft with what the check-in itself asks of its audience. Raises CampaignError."""
    if not draft.code or len(draft.code) > 48 or set(draft.code.lower()) - set(_CODE):
        raise CampaignError("a campaign's code is up to 48 letters, digits, - and _")
    if not draft.name.strip() or len(draft.name) > 120:
        raise CampaignError("a campaign has a name of up to 120 characters")
    if not 1 <= draft.late_minutes <= 7 * DAY:
        raise CampaignError("a message may be late by 1 minute to 7 days")
    if draft.ends_at is not None and draft.ends_at <= draft.starts_at:
        raise CampaignError("a campaign ends after it starts")
    checkin = pack.checkins.get(draft.checkin)
    if checkin is None:
        raise CampaignError(f"there is no check-in {draft.checkin!r}; there are {', '.join(sorted(pack.checkins))}")
    offered = tuple(x for x in checkin.languages if x in pack.languages)
    missing = [x for x in draft.audience.languages if x not in offered]
    if missing:
        raise CampaignError(f"check-in {draft.checkin!r} is not written in {', '.join(missing)}")
    await _check_sites(connection, (*draft.audience.sites, *draft.audience.paused_sites))
    # Whoever speaks another language is left out, and the preview says so: nobody gets a text they cannot read.
    audience = replace(draft.audience, languages=draft.audience.languages or offered)
    if checkin.private_only:
        audience = replace(audience, phone_kinds=("private",))
    plan = draft.plan
    if plan.kind == "weekly" and plan.since is None:
        plan = Plan("weekly", every=plan.every, since=draft.starts_at.date(), minute=plan.minute)
    return Draft(
        draft.code, draft.name, draft.checkin, plan, audience, draft.starts_at, draft.ends_at, draft.late_minutes
    )


async def _check_sites(connection: AsyncConnection, codes: Sequence[str]) -> None:
    known = set((await connection.execute(sa.select(t.site.c.code).where(t.site.c.code.in_(codes)))).scalars())
    for code in codes:
        if code not in known:
            raise CampaignError(f"there is no site {code!r}")


# --- looking ---


async def list_campaigns(database: Database) -> list[Campaign]:
    async with database.read() as connection:
        found = await connection.execute(sa.select(t.campaign).order_by(t.campaign.c.created_at, t.campaign.c.id))
        return [_campaign(row) for row in found.all()]


async def find(connection: AsyncConnection, code: str) -> Campaign:
    """Raises CampaignError when there is none of that code."""
    row = (await connection.execute(sa.select(t.campaign).where(t.campaign.c.code == code))).one_or_none()
    if row is None:
        raise CampaignError(f"there is no campaign {code!r}")
    return _campaign(row)


@dataclass(frozen=True, slots=True)
class Status:
    """A campaign in numbers. `planned` counts every message ever planned, whatever became of it."""

    campaign: Campaign
    planned: int
    waiting: int
    sent: int  # left us, whether or not the network says more
    delivered: int
    failed: int  # failed or came too late to be sent
    withheld: int
    answered: int
    done: int


async def status(database: Database, code: str) -> Status:
    async with database.read() as connection:
        campaign = await find(connection, code)
        messages = sa.select(t.outbox.c.state, sa.func.count()).where(
            t.outbox.c.campaign_id == campaign.id, t.outbox.c.purpose == "checkin"
        )
        by_state: Counter[str] = Counter()
        for state, number in (await connection.execute(messages.group_by(t.outbox.c.state))).all():
            by_state[state] = number
        sessions = sa.select(
            sa.func.count(t.session.c.answered_at), sa.func.count().filter(t.session.c.state == "done")
        ).where(t.session.c.campaign_id == campaign.id)
        answered, done = (await connection.execute(sessions)).one()
    return Status(
        campaign=campaign,
        planned=by_state.total(),
        waiting=by_state["queued"] + by_state["sending"] + by_state["uncertain"],
        sent=by_state["sent"] + by_state["delivered"],
        delivered=by_state["delivered"],
        failed=by_state["failed"] + by_state["expired"],
        withheld=by_state["withheld"],
        answered=answered,
        done=done,
    )


# --- preview ---


@dataclass(frozen=True, slots=True)
class PreviewLine:
    day: date  # local
    site: str
    language: str
    people: int
    segments: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be sent, and to whom not. Nothing is written."""

    lines: tuple[PreviewLine, ...]
    texts: Mapping[str, str]  # language → the opening message
    left_out: Mapping[str, int] = field(default_factory=dict)  # why → how many of the sites and roles asked for

    @property
    def people(self) -> int:
        return sum(line.people for line in self.lines)

    @property
    def segments(self) -> int:
        return sum(line.segments for line in self.lines)


async def preview(database: Database, pack: Pack, campaign: str | Draft, now: datetime, *, days: int = 7) -> Preview:
    """The messages of the next `days`, of a stored campaign or of a draft that is not stored."""
    async with database.read() as connection:
        draft: Draft | Campaign
        draft = (
            await find(connection, campaign)
            if isinstance(campaign, str)
            else await _checked(connection, pack, campaign)
        )
        start = max(now, draft.starts_at)
        window = _Window(start, min(start + timedelta(days=days), draft.ends_at or _FOREVER), start)
        return await _preview(connection, pack, draft, window, now)


async def _preview(
    connection: AsyncConnection, pack: Pack, draft: Draft | Campaign, window: "_Window", now: datetime
) -> Preview:
    texts = {x: open_checkin(pack, draft.checkin, x, now).text for x in draft.audience.languages}
    segments = {x: count(text).segments for x, text in texts.items()}
    book = _Book(draft, window, await _sites(connection))
    b = t.beneficiary.c
    columns = (b.language, *_group_columns(draft.plan))
    found = await connection.execute(
        sa.select(*columns, sa.func.count().label("people"))
        .select_from(t.beneficiary.join(t.contact, t.contact.c.id == b.contact_id))
        .where(*_chosen(draft.audience), t.contact.c.opted_out_at.is_(None), _NOT_WITHDRAWN)
        .group_by(*columns)
    )
    counted: Counter[tuple[date, str, str]] = Counter()
    no_hours = 0
    for row in found.all():
        no_hours += row.people if book.group(row).hours.is_never() else 0
        for slot in book.slots(row):
            counted[slot.key_date, book.sites[row.site_id].code, row.language] += row.people
    left_out = await _left_out(connection, draft.audience)
    return Preview(
        lines=tuple(
            PreviewLine(day, site, language, people, people * segments[language])
            for (day, site, language), people in sorted(counted.items())
        ),
        texts=texts,
        left_out={why: number for why, number in (left_out | {"no_safe_hours": no_hours}).items() if number},
    )


async def _left_out(connection: AsyncConnection, audience: Audience) -> dict[str, int]:
    """Why active people of the sites and roles asked for get nothing: the first reason that holds for each."""
    b = t.beneficiary.c
    why = sa.case(
        (b.age_band != "adult", "not_adult"),
        (b.contact_id.is_(None), "no_contact"),
        (t.contact.c.opted_out_at.is_not(None), "opted_out"),
        (sa.not_(_NOT_WITHDRAWN), "consent_withdrawn"),
        (b.language.not_in(audience.languages), "language"),
        *([(b.phone_kind.not_in(audience.phone_kinds), "phone_not_private")] if audience.phone_kinds else []),
        *([(b.site_id.in_(_site_ids(audience.paused_sites)), "site_paused")] if audience.paused_sites else []),
        else_=sa.null(),
    ).label("why")
    asked: list[Any] = [b.state == "active"]
    if audience.sites:
        asked.append(b.site_id.in_(_site_ids(audience.sites)))
    if audience.roles:
        asked.append(b.role.in_(audience.roles))
    people = sa.select(why).select_from(t.beneficiary.outerjoin(t.contact)).where(*asked).subquery()
    found = await connection.execute(
        sa.select(people.c.why, sa.func.count()).where(people.c.why.is_not(None)).group_by(people.c.why)
    )
    return {row[0]: row[1] for row in found.all()}


# --- starting and stopping ---


async def start(database: Database, code: str, now: datetime) -> None:
    """A draft begins to be planned at once."""
    async with database.write() as connection:
        campaign = await find(connection, code)
        if campaign.state != "draft":
            raise CampaignError(f"campaign {code!r} is {campaign.state}: only a draft can be started")
        starts_at = max(campaign.starts_at, now)  # hours that passed while it was a draft are not made up for
        await _change(connection, campaign, state="running", starts_at=starts_at, due_at=now)


async def _change(connection: AsyncConnection, campaign: Campaign, **values: Any) -> None:
    changed = await connection.execute(
        sa.update(t.campaign)
        .where(t.campaign.c.id == campaign.id, t.campaign.c.state == campaign.state)
        .values(cursor=0, **values)
    )
    if changed.rowcount != 1:
        raise CampaignError(f"campaign {campaign.code!r} was changed by somebody else just now")
    signal(connection, "campaigns", "timers")


async def pause(database: Database, code: str, now: datetime, *, site: str | None = None) -> int:
    """Nothing of the campaign leaves any more (`site`: to that site). Gives how many messages were held back."""
    async with database.write() as connection:
        campaign = await find(connection, code)
        if site is None:
            if campaign.state != "running":
                raise CampaignError(f"campaign {code!r} is {campaign.state}: only a running one can be paused")
            await _change(connection, campaign, state="paused")
        else:
            if campaign.state not in ("running", "paused", "draft"):
                raise CampaignError(f"campaign {code!r} is {campaign.state}")
            await _check_sites(connection, [site])
            paused = tuple(sorted({*campaign.audience.paused_sites, site}))
            audience = replace(campaign.audience, paused_sites=paused).to_json()
            # Another due time: a round that is under way with the old audience notices and stops.
            other = now if now != campaign.due_at else now + _MS
            await _change(connection, campaign, audience=audience, due_at=other)
    return await _move(
        database,
        [t.outbox.c.campaign_id == campaign.id, t.outbox.c.state == "queued", *_to_sites([site] if site else [])],
        {"state": "withheld", "outcome": "paused", "settled_at": now},
    )


async def resume(database: Database, code: str, now: datetime, *, site: str | None = None) -> int:
    """What was held back and is still in time leaves after all, the rest stays withheld. Gives how many will leave."""
    async with database.write() as connection:
        campaign = await find(connection, code)
        audience = campaign.audience
        if site is None:
            if campaign.state != "paused":
                raise CampaignError(f"campaign {code!r} is {campaign.state}: only a paused one can be resumed")
            await _change(connection, campaign, state="running", due_at=now)
        else:
            if site not in audience.paused_sites:
                raise CampaignError(f"campaign {code!r} is not paused at site {site!r}")
            audience = replace(audience, paused_sites=tuple(x for x in audience.paused_sites if x != site))
            await _change(connection, campaign, audience=audience.to_json(), due_at=now)
            if campaign.state != "running":
                return 0
    return await _move(
        database,
        [
            t.outbox.c.campaign_id == campaign.id,
            t.outbox.c.state == "withheld",
            t.outbox.c.outcome == "paused",
            t.outbox.c.not_after > now,
            *_to_sites([site] if site else []),
            *[sa.not_(condition) for condition in _to_sites(audience.paused_sites)],
        ],
        {"state": "queued", "outcome": None, "settled_at": None},
    )


def _to_sites(codes: Sequence[str]) -> list[Any]:
    b = t.beneficiary.c
    if not codes:
        return []
    return [t.outbox.c.contact_id.in_(sa.select(b.contact_id).where(b.site_id.in_(_site_ids(codes))))]


async def _move(database: Database, conditions: list[Any], values: dict[str, Any]) -> int:
    """Set-based, a few thousand rows to a transaction: a district's pause must not hold up a cry for help."""
    total = 0
    chosen = sa.select(t.outbox.c.id).where(*conditions).limit(CHUNK)
    if database.kind == "postgresql":
        chosen = chosen.with_for_update(skip_locked=False)
    while True:
        async with database.write() as connection:
            moved = await connection.execute(sa.update(t.outbox).where(t.outbox.c.id.in_(chosen)).values(**values))
            signal(connection, "outbox")
        total += moved.rowcount
        if moved.rowcount < CHUNK:
            return total
        await asyncio.sleep(0)


# --- planning ---

_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Window:
    """Slots from `start` (never before `starts_at` of the campaign) to `end` that are still in time at `now`."""

    start: datetime
    end: datetime
    now: datetime

    @classmethod
    def of(cls, campaign: Campaign, now: datetime, horizon: timedelta) -> "_Window":
        # Hours that passed while nobody planned (an outage) count as long as their messages are in time.
        start = max(campaign.starts_at, now - timedelta(minutes=campaign.late_minutes))
        return cls(start, min(now + horizon, campaign.ends_at or _FOREVER), now)

    def slots(self, campaign: "Campaign | Draft", group: Group) -> list[Slot]:
        found = slots(campaign.plan, group, self.start, self.end, campaign.late_minutes)
        return [slot for slot in found if slot.not_after > self.now]


async def plan_due(database: Database, clock: Clock, *, horizon: timedelta = HORIZON, chunk: int = CHUNK) -> int:
    """Plan every running campaign that is due, up to `horizon` from now. Gives how many messages were planned."""
    now = clock()
    async with database.read() as connection:
        due = sa.select(t.campaign).where(t.campaign.c.state == "running", t.campaign.c.due_at <= now)
        campaigns = [_campaign(row) for row in (await connection.execute(due.order_by(t.campaign.c.due_at))).all()]
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
    window = _Window.of(campaign, now, horizon)
    async with database.read() as connection:
        book = _Book(campaign, window, await _sites(connection))
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
    sites = await _sites(connection)
    for campaign in [_campaign(row) for row in running.all()]:
        book = _Book(campaign, _Window.of(campaign, now, horizon), sites)
        found = await connection.execute(
            sa.select(*_group_columns(campaign.plan)).where(chosen, *_chosen(campaign.audience)).distinct()
        )
        await _write(database, connection, book, found.all(), [chosen], now)


async def _sites(connection: AsyncConnection) -> dict[int, Any]:
    return {row.id: row for row in (await connection.execute(sa.select(t.site))).all()}


def _is_over(campaign: Campaign, now: datetime) -> bool:
    if campaign.ends_at is not None and now >= campaign.ends_at:
        return True
    day = campaign.plan.date
    # Three days: the last time zone, and a slot that moved on to the next allowed hour.
    return day is not None and now.date() > day + timedelta(days=3)


def _group_columns(plan: Plan) -> list[Any]:
    b = t.beneficiary.c
    columns: list[Any] = [b.site_id, b.weekday, b.minute, b.safe_from, b.safe_until]
    return [*columns, b.anchor_date] if plan.kind == "after_anchor" else columns


class _Book:
    """The slots of each group of one campaign in one window, worked out once."""

    MOST = 20_000  # groups remembered: a programme in which everybody has hours of their own must fit into memory too

    def __init__(self, campaign: Campaign | Draft, window: _Window, sites: Mapping[int, Any]) -> None:
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
    columns = _group_columns(campaign.plan)
    people = (
        sa.select(t.beneficiary.c.id, *columns)
        .where(t.beneficiary.c.id > campaign.cursor, *_chosen(campaign.audience))
        .order_by(t.beneficiary.c.id)
        .limit(chunk)
        .subquery()
    )
    names = [people.c[column.name] for column in columns]
    found = await connection.execute(sa.select(sa.func.max(people.c.id).label("last"), *names).group_by(*names))
    groups = found.all()
    return max((row.last for row in groups), default=None), groups


async def _write(
    database: Database, connection: AsyncConnection, book: _Book, groups: Sequence[Any], here: list[Any], now: datetime
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
    by_anchor = campaign.plan.kind == "after_anchor"
    moments = _moments(database.kind, planned)
    m = moments.c
    people = (await connection.execute(sa.select(sa.func.count()).select_from(t.beneficiary).where(*here))).scalar_one()
    tick = database.ids.reserve(people * most)
    number = (sa.literal(tick, t.Id) + sa.func.row_number().over()) * database.ids.WORKERS + database.ids.worker
    # The person's own spread, wrapped round where the allowed stretch is shorter than a quarter of an hour.
    due_at = m.at + (b.spread * 1000) % m.room
    purpose = PURPOSES["checkin"]
    key = sa.literal(f"c/{campaign.id}/") + sa.cast(b.id, sa.String) + "/" + m.key_date
    same_group = [
        b.site_id == m.site_id,
        b.weekday == m.weekday,
        b.minute == m.minute,
        sa.func.coalesce(b.safe_from, -1) == m.safe_from,
        sa.func.coalesce(b.safe_until, -1) == m.safe_until,
        *([sa.func.coalesce(b.anchor_date, _NO_DATE) == m.anchor_date] if by_anchor else []),
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
        .where(*here, *_chosen(campaign.audience), t.contact.c.opted_out_at.is_(None), _NOT_WITHDRAWN)
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


async def _report(database: Database, connection: AsyncConnection, book: _Book, here: list[Any], now: datetime) -> None:
    """People whose quiet and safe hours leave no minute of the day get nothing, and somebody must be told."""
    b = t.beneficiary.c
    campaign: Any = book.campaign
    found = await connection.execute(
        sa.select(b.id, b.contact_id, *_group_columns(campaign.plan)).where(*here, *_chosen(campaign.audience))
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
