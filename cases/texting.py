"""Working an alert by SMS alone: what staff text from their own registered number is done, and answered.

Texts are stored by the inbox like any other and done here, each in one transaction: the step, its answer and the mark
that it is done, or nothing of it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit, bysms, handling, notices
from cases.duty import Site, gather_duty
from cases.handling.frame import may_see
from cases.replying import Assent
from cases.rules import AlertRuleError
from cases.telling import add_follow_ups, follow_up_row
from content.schema import Level, Pack
from content.sentence import Sentence
from store import tables
from store.database import Clock, Database, is_unreachable, signal
from store.queue import outgoing_row

log = structlog.get_logger()
_ONE_SMS, _ONE_ARABIC_SMS = 160, 70


@dataclass(frozen=True, slots=True)
class _Text:
    """One text of a staff member, being done."""

    database: Database
    connection: AsyncConnection
    pack: Pack
    asked: bysms.Asked
    staff: Any
    now: datetime
    base_url: str
    count_segments: Callable[[str], int] | None

    @property
    def language(self) -> str:
        return notices.language_of(self.staff.languages)

    def say(self, key: str, **values: str) -> str:
        return notices.WORDS[key][self.language].format(**values).strip()


async def work_texts(
    database: Database,
    pack: Pack,
    clock: Clock,
    base_url: str = "",
    *,
    count_segments: Callable[[str], int] | None = None,
) -> int:
    """Do the oldest text of staff that is not done yet; 1, or 0 when there is none. Run it again until it is 0."""
    now, i, s = clock(), tables.inbox, tables.staff
    async with database.write() as connection:
        found = sa.select(i).where(i.c.state == "staff").order_by(i.c.received_at, i.c.id).limit(1)
        if database.kind == "postgresql":
            found = found.with_for_update(skip_locked=True)
        text = (await connection.execute(found)).first()
        if text is None:
            return 0
        c = tables.contact
        number = sa.select(c.c.address_index).where(c.c.id == text.contact_id).scalar_subquery()
        who = sa.select(s).where(s.c.phone_index == number, s.c.disabled_at.is_(None))
        staff = (await connection.execute(who)).first()
        asked = bysms.read_step(text.text) or bysms.Asked("help")
        kept: dict[str, Any] = {"state": "handled"}
        if staff is None:
            answer, staff_id = await _refuse_stranger(connection, database, text, asked, now), None
        else:
            one = _Text(database, connection, pack, asked, staff, now, base_url, count_segments)
            staff_id = staff.id
            try:
                async with connection.begin_nested():
                    answer = await _answer(one)
            except Exception as error:
                if is_unreachable(error):
                    raise
                # Whatever it is, the texts behind it must not wait, and a human reads this one.
                log.exception("staff_text_set_aside", inbox_id=text.id, error=type(error).__name__)
                kept = {"state": "set_aside", "reason": type(error).__name__}
                await _leave_to_somebody(connection, database, text, staff, now)
                answer = one.say("refused", why="")
        row = outgoing_row(
            message_id=database.new_id(),
            purpose="staff_alert" if staff_id else "reply",
            channel_id=text.channel_id,
            now=now,
            text=answer,
            staff_id=staff_id,
            contact_id=None if staff_id else text.contact_id,
            key=f"r/{text.id}/staff",
            segments=count_segments(answer) if count_segments else None,
        )
        await database.insert_rows(connection, tables.outbox, [row])
        await connection.execute(sa.update(i).where(i.c.id == text.id).values(**kept))
        signal(connection, "outbox")
    return 1


async def _leave_to_somebody(
    connection: AsyncConnection, database: Database, text: Any, staff: Any, now: datetime
) -> None:
    site_id = next(iter(staff.site_ids), None)
    task = follow_up_row(database, f"set_aside/{text.id}", "set_aside", now, now, site_id=site_id)
    await add_follow_ups(database, connection, [task | {"inbox_id": text.id}])


async def _refuse_stranger(
    connection: AsyncConnection, database: Database, text: Any, asked: bysms.Asked, now: datetime
) -> str:
    """Somebody with another number tries to work on an alert: nothing is done; the trail keeps that it was tried."""
    data = {"inbox_id": text.id, "step": asked.step}
    await audit.record(connection, database, None, "alert.refused_text", f"contact/{text.contact_id}", data, now)
    log.warning("staff_text_from_unregistered_number", contact_id=text.contact_id, step=asked.step)
    c = tables.contact
    language = (await connection.execute(sa.select(c.c.language).where(c.c.id == text.contact_id))).scalar_one()
    return notices.STRANGER.get(language, notices.STRANGER["en"])


async def _answer(text: _Text) -> str:
    asked = text.asked
    if asked.step == "help":
        return text.say("help")
    if asked.step == "list":
        return await _list(text)
    alert = await _alert(text)
    if alert is None:
        return text.say("no_such", code=asked.code)
    try:
        return await _STEPS[asked.step](text, alert)
    except AlertRuleError as refused:
        return text.say("refused", why=str(refused))


async def _alert(text: _Text) -> Any | None:
    a = tables.alert
    alert = (await text.connection.execute(sa.select(a).where(a.c.code == text.asked.code))).first()
    if alert is None or alert.about_id == text.staff.id:
        return None
    if not may_see(text.staff.role, text.staff.site_ids, alert.route, alert.site_id):
        return None
    return alert


async def _take(text: _Text, alert: Any) -> str:
    await handling.take(text.database, alert.id, text.staff.id, text.now, within=text.connection)
    a, b = tables.alert, tables.beneficiary
    found = (
        await text.connection.execute(
            sa.select(a.c.due_at, b.c.code, b.c.phone_kind, b.c.safe_from, b.c.safe_until)
            .select_from(a.outerjoin(b, b.c.id == a.c.beneficiary_id))
            .where(a.c.id == alert.id)
        )
    ).one()
    phone = text.say("silent") if alert.is_silent else _phone(found, text.language)
    by = await _local(text, alert.site_id, found.due_at)
    return text.say("taken", code=alert.code, person=found.code or "", phone=phone, by=by).replace("  ", " ")


def _phone(person: Any, language: str) -> str:
    """ "SHARED phone 10:00-11:00": what one must know before calling."""
    kind = notices.PHONES.get(person.phone_kind or "", {}).get(language, "")
    if person.safe_from is None:
        return kind
    hours = "-".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in (person.safe_from, person.safe_until))
    return f"{kind} {hours}"


async def _local(text: _Text, site_id: int, moment: datetime) -> str:
    duty = await gather_duty(text.connection, {site_id})
    site: Site = duty.sites[site_id]
    local, today = site.hours.local(moment), site.hours.local(text.now)
    return f"{local:%H:%M}" if local.date() == today.date() else f"{local:%d/%m %H:%M}"


async def _pass(text: _Text, alert: Any) -> str:
    if not text.asked.what:
        await handling.release(text.database, alert.id, text.staff.id, text.now, within=text.connection)
        return text.say("done", code=alert.code, what="PASS")
    s = tables.staff
    found = sa.select(s.c.id).where(s.c.login == text.asked.what, s.c.disabled_at.is_(None))
    heir: int | None = (await text.connection.execute(found)).scalar()
    if heir is None:
        raise AlertRuleError(Sentence("There is no colleague %(name)s.", name=text.asked.what[:32]))
    await handling.pass_on(
        text.database, alert.id, text.staff.id, heir, text.now, base_url=text.base_url, within=text.connection
    )
    return text.say("done", code=alert.code, what=f"PASS {text.asked.what}")


async def _try(text: _Text, alert: Any) -> str:
    asked = text.asked
    if not asked.what:
        return text.say("help")
    await handling.log_attempt(
        text.database, alert.id, text.staff.id, asked.what, asked.text, text.now, within=text.connection
    )
    return text.say("done", code=alert.code, what=asked.what)


async def _end(text: _Text, alert: Any) -> str:
    """End it, or where a supervisor must agree, ask one. Consent is for the console: a text cannot show it."""
    asked = text.asked
    if not asked.what:
        return text.say("refused", why=" ".join(word.upper() for word in notices.ENDS))
    arguments = (text.database, alert.id, text.staff.id, asked.what, asked.text)
    try:
        await handling.close(*arguments, text.staff.role, text.now, within=text.connection)
    except AlertRuleError as refused:
        try:
            await handling.ask_to_close(*arguments, text.now, base_url=text.base_url, within=text.connection)
        except AlertRuleError:
            raise refused from None
        return text.say("done", code=alert.code, what=f"{asked.what} ?")
    return text.say("done", code=alert.code, what=asked.what)


async def _say(text: _Text, alert: Any) -> str:
    """At an unsafe hour the words wait for the next safe one, and the answer says until when: no text asks back."""
    message_id = await handling.reply(
        text.database,
        text.pack,
        alert.id,
        text.staff.id,
        text.asked.text,
        text.now,
        assent=Assent(at_safe_hour=True),
        count_segments=text.count_segments,
        within=text.connection,
    )
    o = tables.outbox
    leaves: datetime = (await text.connection.execute(sa.select(o.c.due_at).where(o.c.id == message_id))).scalar_one()
    when = f" {await _local(text, alert.site_id, leaves)}" if leaves > text.now else ""
    return text.say("done", code=alert.code, what=f"SAY{when}")


async def _note(text: _Text, alert: Any) -> str:
    await handling.add_note(text.database, alert.id, text.staff.id, text.asked.text, text.now, within=text.connection)
    return text.say("done", code=alert.code, what="NOTE")


_STEPS: Mapping[str, Callable[[_Text, Any], Awaitable[str]]] = {
    "take": _take,
    "pass": _pass,
    "try": _try,
    "end": _end,
    "say": _say,
    "note": _note,
}


async def _list(text: _Text) -> str:
    """Their own alerts and those nobody has, gravest first, as many as one SMS holds: "K7QF HIGH 12min"."""
    a, staff = tables.alert, text.staff
    found = await text.connection.execute(
        sa.select(a.c.code, a.c.level, a.c.route, a.c.site_id, a.c.due_at, a.c.owner_id)
        .where(
            a.c.state != "closed",
            sa.or_(a.c.owner_id == staff.id, a.c.owner_id.is_(None)),
            sa.or_(a.c.about_id.is_(None), a.c.about_id != staff.id),
        )
        .order_by(a.c.level.desc(), a.c.due_at, a.c.id)
        .limit(50)
    )
    lines: list[str] = []
    most = _ONE_ARABIC_SMS if text.language == "ar" else _ONE_SMS
    for alert in found:
        if not may_see(staff.role, staff.site_ids, alert.route, alert.site_id):
            continue
        level = notices.LEVELS[text.language].get(Level(alert.level), "")
        minutes = max(int((alert.due_at - text.now).total_seconds()) // 60, 0)
        left = f"{minutes}min" if minutes < 100 else f"{minutes // 60}h"
        line = f"{alert.code}{'*' * (alert.owner_id == staff.id)} {level} {left}"
        if len(text.say("list", alerts=", ".join([*lines, line]))) > most:
            break
        lines.append(line)
    return text.say("list", alerts=", ".join(lines)) if lines else text.say("none_open")
