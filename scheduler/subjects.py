"""Who is writing: everything a turn may know of its contacts, loaded in a few statements however many they are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import effects as fx
from bot.history import History
from cases.hours import Hours
from content.schema import Pack
from scheduler.due import AllowedHours
from store import tables as t
from store.choice import KINDS, chosen, is_chosen
from store.database import Database


@dataclass(slots=True)
class Subject:
    """One contact and everything a turn may know of it. Changes as effects are added."""

    contact_id: int
    channel_id: int
    site_id: int
    beneficiary_id: int | None
    person: fx.Person
    memory: fx.Memory
    session_id: int | None = None
    progress: fx.Progress | None = None
    session_due: datetime | None = None
    session_timer: str | None = None
    session_timer_step: int = 0
    missed: int = 0
    campaign_id: int | None = None
    alert_id: int | None = None  # the unclosed one that is no report about staff
    report_id: int | None = None  # the unclosed report about staff
    is_drill: bool = False  # nobody is behind this address: an alert is raised, and nothing else is said or kept
    # For the timers: when this person may be written to.
    time_zone: str = "UTC"
    quiet_from: int = 0
    quiet_until: int = 0
    safe_from: int | None = None
    safe_until: int | None = None

    @property
    def hours(self) -> AllowedHours:
        return AllowedHours(self.time_zone, self.quiet_from, self.quiet_until, self.safe_from, self.safe_until)


_REPORT = t.alert.alias("report")
_CONTACT_COLUMNS = (
    t.contact.c.id, t.contact.c.channel_id, t.contact.c.address_index, t.contact.c.language.label("contact_language"),
    t.contact.c.opted_out_at, t.contact.c.held_until, t.contact.c.memory, t.contact.c.drill_site_id,
    t.contact.c.unverified_since,
    t.beneficiary.c.id.label("beneficiary_id"), t.beneficiary.c.site_id, t.beneficiary.c.language,
    t.beneficiary.c.age_band, t.beneficiary.c.phone_kind, t.beneficiary.c.duress_word, t.beneficiary.c.missed,
    t.beneficiary.c.safe_from, t.beneficiary.c.safe_until, t.beneficiary.c.state.label("beneficiary_state"),
    t.beneficiary.c.history,
    t.session.c.id.label("session_id"), t.session.c.progress, t.session.c.campaign_id, t.session.c.due_at,
    t.session.c.timer, t.session.c.timer_step,
    t.alert.c.id.label("alert_id"), t.alert.c.is_silent, _REPORT.c.id.label("report_id"),
    t.channel.c.site_id.label("channel_site"),
)  # fmt: skip


def _is_unclosed(alert: sa.FromClause, *, is_report: bool) -> sa.ColumnElement[bool]:
    """At most one row of each kind per contact (ix_alert_unclosed), so that neither join doubles a subject."""
    return sa.and_(alert.c.contact_id == t.contact.c.id, alert.c.state != "closed", alert.c.is_report.is_(is_report))


_SUBJECTS = (
    sa.select(*_CONTACT_COLUMNS)
    .select_from(t.contact)
    .join(t.channel, t.channel.c.id == t.contact.c.channel_id)
    .outerjoin(t.beneficiary, t.beneficiary.c.contact_id == t.contact.c.id)
    .outerjoin(t.session, sa.and_(t.session.c.contact_id == t.contact.c.id, t.session.c.state == "open"))
    .outerjoin(t.alert, _is_unclosed(t.alert, is_report=False))
    .outerjoin(_REPORT, _is_unclosed(_REPORT, is_report=True))
)
# The order of locks is the same in every process.
_LOCKS = sa.select(t.contact.c.id).order_by(t.contact.c.id).with_for_update()
_CHOICES = {
    (kind, column): (_SUBJECTS.where(is_chosen(column, kind)), _LOCKS.where(is_chosen(column, kind)))
    for kind in KINDS
    for column in (t.contact.c.id, t.contact.c.address_index)
}


async def load_subjects(
    connection: AsyncConnection,
    database: Database,
    pack: Pack,
    now: datetime,
    *,
    contact_ids: Collection[int] = (),
    address_indexes: Collection[bytes] = (),
    sites: Mapping[int, "Site"] | None = None,
) -> dict[int | bytes, Subject]:
    """The subjects, by contact id or, where asked by it, by address index. On PostgreSQL their contacts are locked.

    `sites` as `load_sites` gave them a moment ago spares looking again.
    """
    if not (contact_ids or address_indexes):
        return {}
    column: sa.Column[Any] = t.contact.c.id if contact_ids else t.contact.c.address_index
    subjects, locks = _CHOICES[database.kind, column]
    given = chosen(column, database.kind, contact_ids or address_indexes)
    if database.kind == "postgresql":
        # A statement of its own: what is read after the wait for a lock must be what the lock's last holder left, and
        # rows joined in the same statement would still be the old ones.
        await connection.execute(locks, given)
    found = (await connection.execute(subjects, given)).all()
    sites = await load_sites(connection, now) if sites is None else sites
    return {row.id if contact_ids else bytes(row.address_index): _subject(row, sites, pack, now) for row in found}


@dataclass(frozen=True, slots=True)
class Site:
    """What the dialogue and the timers must know of a place, at one moment."""

    id: int
    country: str
    time_zone: str
    languages: tuple[str, ...]
    quiet_from: int
    quiet_until: int
    hotline: str
    is_staffed: bool  # so the automatic reply says truthfully whether somebody is on duty; no hours named: nobody is


async def load_sites(connection: AsyncConnection, now: datetime) -> dict[int, Site]:
    rows = (await connection.execute(sa.select(t.site).order_by(t.site.c.id))).all()
    return {
        row.id: Site(
            id=row.id,
            country=row.country,
            time_zone=row.time_zone,
            languages=tuple(row.languages),
            quiet_from=row.quiet_from,
            quiet_until=row.quiet_until,
            hotline=row.hotline or "",
            is_staffed=bool(row.staffed) and Hours(row.staffed, row.time_zone, frozenset(row.holidays)).is_staffed(now),
        )
        for row in rows
    }


async def load_staff_numbers(connection: AsyncConnection) -> frozenset[bytes]:
    """The blind indexes of the telephone numbers of all staff whose account is open."""
    s = t.staff
    found = await connection.execute(
        sa.select(s.c.phone_index).where(s.c.phone_index.is_not(None), s.c.disabled_at.is_(None))
    )
    return frozenset(bytes(index) for index in found.scalars())


def _subject(row: Any, sites: Mapping[int, Site], pack: Pack, now: datetime) -> Subject:
    site_id = row.site_id or row.drill_site_id or row.channel_site or next(iter(sites), 0)
    subject = stranger(
        row.id,
        row.channel_id,
        site_id,
        sites,
        pack,
        language=row.language or row.contact_language,
        opted_out=row.opted_out_at is not None,
        is_held=row.held_until is not None and row.held_until > now,
        # An alert under duress shows in nothing that is answered.
        has_open_alert=(row.alert_id is not None and not row.is_silent) or row.report_id is not None,
        is_under_duress=bool(row.is_silent),
        **_enrolment(row),
    )
    subject.memory = fx.Memory.from_json(row.memory)
    subject.alert_id, subject.report_id = row.alert_id, row.report_id
    subject.is_drill = row.drill_site_id is not None
    if row.beneficiary_id is None or row.unverified_since is not None:
        # Whoever holds this number now is read for danger and answered as a stranger: their words are not put into
        # the file of the person whose number it was.
        return subject
    subject.beneficiary_id = row.beneficiary_id
    if row.history is not None:
        subject.memory = replace(subject.memory, history=History.from_json(row.history))
    subject.missed = row.missed
    subject.safe_from, subject.safe_until = row.safe_from, row.safe_until
    if row.progress:
        subject.session_id, subject.campaign_id = row.session_id, row.campaign_id
        subject.progress = fx.Progress.from_json(row.progress)
        subject.session_due, subject.session_timer = row.due_at, row.timer
        subject.session_timer_step = row.timer_step
    return subject


def _enrolment(row: Any) -> dict[str, Any]:
    if row.beneficiary_id is None or row.unverified_since is not None:
        return {}
    return {
        # Whoever has left is still ours to hear; whoever writes from the number of somebody who died is a stranger.
        "enrolled": row.beneficiary_state != "died",
        "has_left": row.beneficiary_state == "exited",
        "is_minor": row.age_band != "adult",
        "phone_kind": row.phone_kind,
        "duress_word": row.duress_word or "",
    }


def stranger(
    contact_id: int,
    channel_id: int,
    site_id: int,
    sites: Mapping[int, Site],
    pack: Pack,
    *,
    language: str = "",
    **known: Any,
) -> Subject:
    """Somebody seen from the site that answers for them; not enrolled unless `known` (fields of Person) says so."""
    site = sites.get(site_id)
    languages = tuple(x for x in (site.languages if site else pack.languages) if x in pack.languages)
    person = fx.Person(
        **{"enrolled": False} | known,
        language=language or (languages or ("en",))[0],
        languages=languages or pack.languages,
        country=site.country if site else "",
        staff_on_duty=site.is_staffed if site else False,
        hotline=site.hotline if site else "",
        time_zone=site.time_zone if site else "UTC",
    )
    return Subject(
        contact_id=contact_id, channel_id=channel_id, site_id=site_id, beneficiary_id=None, person=person,
        memory=fx.Memory(), time_zone=site.time_zone if site else "UTC",
        quiet_from=site.quiet_from if site else 0, quiet_until=site.quiet_until if site else 0,
    )  # fmt: skip
