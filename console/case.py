"""Everything the page of one alert shows, gathered in one read and bounded by what the viewer may see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from console import guide, language, safety, words
from console.context import Viewer
from console.conversation import Line, conversation
from console.language import _, comma
from console.permissions import READERS, sees_alert, sees_message
from console.reasons import Explained, explain
from content.schema import Pack
from store import tables

_MOST_READINGS = 20
# A shift: so long a conversation that a colleague opened stays open to them.
_OPEN_FOR = timedelta(hours=8)
_DANGER_EVENTS = frozenset({"opened", "joined", "raised"})


@dataclass(frozen=True, slots=True)
class Happening:
    """One step of the alert's story."""

    at: Any
    title: str
    who: str
    detail: str
    note: str


@dataclass(frozen=True, slots=True)
class Case:
    """One alert as a page shows it. `lines` is None for those who do not read messages, or have not opened them.

    `newest` is the id of its newest event; `asked` is the open request to close it, if there is one.
    """

    alert: Any
    facts: Sequence[safety.Fact]
    reasons: Sequence[Explained]
    lines: Sequence[Line] | None
    story: Sequence[Happening]
    earlier: Sequence[Any]
    colleagues: Sequence[Any]
    attempts: int
    readings: Sequence[Any] = ()  # its messages as the machine read them and as somebody judged them
    newest: int = 0
    asked: Happening | None = None
    card: guide.Card | None = None
    prepared: Sequence[guide.Prepared] = ()


async def find_alert(connection: AsyncConnection, viewer: Viewer, code: str) -> Any | None:
    """The alert with this code, if the viewer may see it. None otherwise: no difference is shown."""
    a, site, person, contact = tables.alert, tables.site, tables.beneficiary, tables.contact
    owner = tables.staff
    statement = (
        sa.select(
            a,
            site.c.name.label("site"),
            site.c.time_zone.label("zone"),
            site.c.hotline,
            site.c.country,
            person.c.code.label("person"),
            owner.c.name.label("owner"),
            contact.c.language,
            contact.c.opted_out_at,
            contact.c.held_until,
            contact.c.unverified_since,
        )
        .join(site, site.c.id == a.c.site_id)
        .join(contact, contact.c.id == a.c.contact_id)
        .outerjoin(person, person.c.id == a.c.beneficiary_id)
        .outerjoin(owner, owner.c.id == a.c.owner_id)
        .where(a.c.code == code.upper()[:12], sees_alert(viewer))
    )
    return (await connection.execute(statement)).first()


async def gather(connection: AsyncConnection, viewer: Viewer, alert: Any, pack: Pack, now: Any) -> Case:
    reads = viewer.role in READERS
    events = await _events(connection, viewer, alert.id)
    names = await _names(connection, events)
    opened = reads and (alert.owner_id == viewer.id or _has_opened(events, viewer, now))
    spoken = language.language()
    steps = guide.step_texts(pack, alert, spoken)
    person = await _person(connection, alert.beneficiary_id)
    team = await _team(connection, alert)
    return Case(
        alert=alert,
        facts=safety.safe_contact(person, alert, alert.zone, now, safety.of_alert(alert, person, team)),
        reasons=_reasons(events, pack, spoken, reads=opened),
        lines=await conversation(connection, viewer, alert.contact_id) if opened else None,
        story=[_happening(event, names, steps, reads=reads) for event in reversed(events)],
        earlier=await _earlier(connection, viewer, alert),
        colleagues=[one for one in team if one.id != alert.owner_id],
        attempts=sum(event.kind == "attempt" for event in events),
        readings=await _readings(connection, viewer, alert.id) if opened else (),
        newest=max((event.id for event in events), default=0),
        asked=_asked(alert, events, names, steps, reads=reads),
        card=guide.card(pack, alert, guide.marks(events, names), spoken),
        prepared=guide.prepared(pack, alert, spoken) if reads else (),
    )


def _has_opened(events: Sequence[Any], viewer: Viewer, now: Any) -> bool:
    return any(
        event.kind == "text_opened" and event.staff_id == viewer.id and event.at > now - _OPEN_FOR for event in events
    )


def _asked(
    alert: Any, events: Sequence[Any], names: Mapping[int, str], steps: Mapping[str, str], *, reads: bool
) -> Happening | None:
    """The request to close that a supervisor has not answered yet."""
    if alert.asked_outcome is None:
        return None
    found = [event for event in events if event.kind == "close_asked"]
    return _happening(found[-1], names, steps, reads=reads) if found else None


async def _person(connection: AsyncConnection, beneficiary_id: int | None) -> Any | None:
    b = tables.beneficiary
    return (await connection.execute(sa.select(b).where(b.c.id == beneficiary_id))).first() if beneficiary_id else None


async def _events(connection: AsyncConnection, viewer: Viewer, alert_id: int) -> list[Any]:
    e = tables.alert_event
    found = (await connection.execute(sa.select(e).where(e.c.alert_id == alert_id).order_by(e.c.id))).all()
    if viewer.role == "focal_point":
        return list(found)
    return [event for event in found if event.data.get("route") != "misconduct"]


async def _names(connection: AsyncConnection, events: Sequence[Any]) -> dict[int, str]:
    ids: set[int] = set()
    for event in events:
        ids |= {event.staff_id, event.data.get("to"), event.data.get("from"), *event.data.get("staff", [])}
    s = tables.staff
    statement = sa.select(s.c.id, s.c.name).where(s.c.id.in_([i for i in ids if isinstance(i, int)]))
    return {row.id: row.name for row in await connection.execute(statement)}


def _reasons(events: Sequence[Any], pack: Pack, language: str, *, reads: bool) -> list[Explained]:
    """Each reason once, in the order in which they came; the details are for those who may read messages."""
    found: dict[str, dict[str, None]] = {}
    for event in events:
        for reason in event.data.get("reasons", []) if event.kind in _DANGER_EVENTS else []:
            one = explain(reason, pack, language)
            details = found.setdefault(one.text, {})
            if reads and one.detail:
                details[one.detail] = None
    return [Explained(text, ", ".join(details)) for text, details in found.items()]


def _happening(event: Any, names: Mapping[int, str], steps: Mapping[str, str], *, reads: bool) -> Happening:
    return Happening(
        at=event.at,
        title=words.label(words.EVENTS, event.kind),
        who=names.get(event.staff_id, "") if event.staff_id else "",
        detail=_detail(event.kind, event.data, names, steps),
        note=(event.note or "") if reads else "",
    )


def _detail(  # noqa: PLR0911  one line a kind
    kind: str, data: Mapping[str, Any], names: Mapping[int, str], steps: Mapping[str, str]
) -> str:
    if kind in _DANGER_EVENTS:
        level, route = data.get("level", 0), data.get("route", "none")
        return f"{words.label(words.LEVELS, level)} · {words.label(words.ROUTES, route)}"
    if kind in {"told", "owner_told"}:
        return comma().join(names.get(i, "") for i in data.get("staff", []))
    if kind == "passed_on":
        return _("to %(name)s", name=names.get(data.get("to", 0)) or _("a colleague"))
    if kind == "attempt":
        return words.label(words.CONTACT_RESULTS, data.get("result"))
    if kind == "level_set":
        before, after = (words.label(words.LEVELS, data.get(key, 0)) for key in ("from", "to"))
        return _("from %(before)s to %(after)s", before=before, after=after)
    if kind in {"step_done", "step_undone"}:
        return steps.get(data.get("step", ""), str(data.get("step", "")))
    if kind == "replied" and data.get("leaves_at"):
        return _("it waits for a safe hour")
    if kind in {"closed", "close_asked", "close_refused"}:
        return words.label(words.OUTCOMES, data.get("outcome"))
    return ""


async def _readings(connection: AsyncConnection, viewer: Viewer, alert_id: int) -> list[Any]:
    """The newest messages of the alert, each once, by its gravest reading."""
    x, m = tables.assessment, tables.inbox
    found = (
        sa.select(x.c.inbox_id, x.c.level, x.c.route, x.c.judged_level, x.c.judged_route, x.c.judged_how, m.c.text)
        .join(m, m.c.id == x.c.inbox_id)
        .where(x.c.alert_id == alert_id, sees_message(viewer, m.c.id))
        .order_by(m.c.received_at.desc(), x.c.level.desc(), x.c.id)
        .limit(_MOST_READINGS)
    )
    rows: dict[int, Any] = {}
    for row in await connection.execute(found):
        rows.setdefault(row.inbox_id, row)
    return list(rows.values())


async def _earlier(connection: AsyncConnection, viewer: Viewer, alert: Any) -> list[Any]:
    a = tables.alert
    same = a.c.contact_id == alert.contact_id
    if alert.beneficiary_id is not None:
        same = sa.or_(same, a.c.beneficiary_id == alert.beneficiary_id)
    statement = (
        sa.select(a.c.code, a.c.level, a.c.route, a.c.opened_at, a.c.outcome, a.c.state)
        .where(same, a.c.id != alert.id, a.c.is_report.is_(bool(alert.is_report)), sees_alert(viewer))
        .order_by(a.c.opened_at.desc())
        .limit(8)
    )
    return list((await connection.execute(statement)).all())


async def colleagues_for(connection: AsyncConnection, alert: Any) -> list[Any]:
    """To whom this alert can be passed: those who could open its page, without its owner."""
    return [one for one in await _team(connection, alert) if one.id != alert.owner_id]


async def _team(connection: AsyncConnection, alert: Any) -> list[Any]:
    """Everyone who could open the page of this alert, by name; never whom a report is about."""
    s = tables.staff
    statement = sa.select(s.c.id, s.c.name, s.c.role, s.c.site_ids, s.c.languages, s.c.gender).where(
        s.c.disabled_at.is_(None)
    )
    found = []
    for row in await connection.execute(statement):
        is_focal = row.role == "focal_point"
        fits = is_focal if alert.route == "misconduct" else not is_focal and row.role != "admin"
        here = is_focal or not row.site_ids or alert.site_id in row.site_ids
        if fits and here and row.id != alert.about_id:
            found.append(row)
    return sorted(found, key=lambda row: row.name.casefold())
