"""Campaigns: which check-in goes to whom and when; making, previewing, starting, pausing and counting them."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from content.schema import Checkin, Pack
from content.sentence import Sentence
from scheduler.audience import Audience, Campaign, CampaignError, Draft, read_campaign, site_ids
from scheduler.due import DAY, LATE_MINUTES, Plan
from scheduler.planning import plan_due, replan_people
from scheduler.previews import Preview, PreviewLine, preview_of
from store import tables as t
from store.database import Database, signal

__all__ = [
    "Audience", "Campaign", "CampaignError", "Draft", "Preview", "PreviewLine", "Status", "create", "find",
    "list_campaigns", "pause", "plan_due", "preview", "replan_people", "resume", "start", "status",
]  # fmt: skip

CHUNK = 5000
_MS = timedelta(milliseconds=1)
_COUNTED = {"preserve_rowcount": True}
_CODE = "abcdefghijklmnopqrstuvwxyz0123456789-_"


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
            raise CampaignError(Sentence("there is a campaign %(code)r already", code=code))
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
        raise CampaignError(
            Sentence(
                "there is no check-in %(name)r; there are %(names)s",
                name=draft.checkin,
                names=", ".join(sorted(pack.checkins)),
            )
        )
    offered = tuple(x for x in checkin.languages if x in pack.languages)
    missing = [x for x in draft.audience.languages if x not in offered]
    if missing:
        raise CampaignError(
            Sentence("check-in %(name)r is not written in %(names)s", name=draft.checkin, names=", ".join(missing))
        )
    await _check_sites(connection, (*draft.audience.sites, *draft.audience.paused_sites))
    audience = _narrowed(draft, checkin, offered)
    plan = draft.plan
    if plan.kind == "weekly" and plan.since is None:
        plan = Plan("weekly", every=plan.every, since=draft.starts_at.date(), minute=plan.minute)
    return Draft(
        draft.code, draft.name, draft.checkin, plan, audience, draft.starts_at, draft.ends_at, draft.late_minutes
    )


def _narrowed(draft: Draft, checkin: Checkin, offered: tuple[str, ...]) -> Audience:
    # Whoever speaks another language is left out, and the preview says so: nobody gets a text they cannot read.
    audience = replace(draft.audience, languages=draft.audience.languages or offered)
    if checkin.private_only:
        audience = replace(audience, phone_kinds=("private",))
    if draft.plan.kind == "after_exit":
        if audience.states not in ((), ("exited",)):
            raise CampaignError("days after exit reach only people who have left")
        audience = replace(audience, states=("exited",))
    return audience


async def _check_sites(connection: AsyncConnection, codes: Sequence[str]) -> None:
    known = set((await connection.execute(sa.select(t.site.c.code).where(t.site.c.code.in_(codes)))).scalars())
    for code in codes:
        if code not in known:
            raise CampaignError(Sentence("there is no site %(code)r", code=code))


# --- looking ---


async def list_campaigns(database: Database) -> list[Campaign]:
    async with database.read() as connection:
        found = await connection.execute(sa.select(t.campaign).order_by(t.campaign.c.created_at, t.campaign.c.id))
        return [read_campaign(row) for row in found.all()]


async def find(connection: AsyncConnection, code: str) -> Campaign:
    """Raises CampaignError when there is none of that code."""
    row = (await connection.execute(sa.select(t.campaign).where(t.campaign.c.code == code))).one_or_none()
    if row is None:
        raise CampaignError(Sentence("there is no campaign %(code)r", code=code))
    return read_campaign(row)


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


async def preview(database: Database, pack: Pack, campaign: str | Draft, now: datetime, *, days: int = 7) -> Preview:
    """The messages of the next `days`, of a stored campaign or of a draft that is not stored."""
    async with database.read() as connection:
        draft: Draft | Campaign
        draft = (
            await find(connection, campaign)
            if isinstance(campaign, str)
            else await _checked(connection, pack, campaign)
        )
        return await preview_of(connection, pack, draft, now, days)


# --- starting and stopping ---


async def start(database: Database, code: str, now: datetime) -> None:
    """A draft begins to be planned at once."""
    async with database.write() as connection:
        campaign = await find(connection, code)
        if campaign.state != "draft":
            raise CampaignError(
                Sentence("campaign %(code)r is %(state)s: only a draft can be started", code=code, state=campaign.state)
            )
        starts_at = max(campaign.starts_at, now)  # hours that passed while it was a draft are not made up for
        await _change(connection, campaign, state="running", starts_at=starts_at, due_at=now)


async def _change(connection: AsyncConnection, campaign: Campaign, **values: Any) -> None:
    changed = await connection.execute(
        sa.update(t.campaign)
        .where(t.campaign.c.id == campaign.id, t.campaign.c.state == campaign.state)
        .values(cursor=0, **values)
    )
    if changed.rowcount != 1:
        raise CampaignError(Sentence("campaign %(code)r was changed by somebody else just now", code=campaign.code))
    signal(connection, "campaigns", "timers")


async def pause(database: Database, code: str, now: datetime, *, site: str | None = None) -> int:
    """Nothing of the campaign leaves any more (`site`: to that site). Gives how many messages were held back."""
    async with database.write() as connection:
        campaign = await find(connection, code)
        if site is None:
            if campaign.state != "running":
                raise CampaignError(
                    Sentence(
                        "campaign %(code)r is %(state)s: only a running one can be paused",
                        code=code,
                        state=campaign.state,
                    )
                )
            await _change(connection, campaign, state="paused")
        else:
            if campaign.state not in ("running", "paused", "draft"):
                raise CampaignError(Sentence("campaign %(code)r is %(state)s", code=code, state=campaign.state))
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
                raise CampaignError(
                    Sentence(
                        "campaign %(code)r is %(state)s: only a paused one can be resumed",
                        code=code,
                        state=campaign.state,
                    )
                )
            await _change(connection, campaign, state="running", due_at=now)
        else:
            if site not in audience.paused_sites:
                raise CampaignError(Sentence("campaign %(code)r is not paused at site %(site)r", code=code, site=site))
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
    return [t.outbox.c.contact_id.in_(sa.select(b.contact_id).where(b.site_id.in_(site_ids(codes))))]


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
