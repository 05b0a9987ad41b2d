"""Leaving the programme, and death: check-ins end, what was planned is held back, and no one is rung for nothing."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import consent
from cases.casework.frame import PersonCase, a_note, add_event, working_on
from cases.casework.rules import AFTER_EXIT, AFTER_EXIT_DAYS, EXITS, MOVING, WEEKLY, CaseError
from cases.telling import add_follow_ups, follow_up_row
from content.sentence import Sentence
from store import tables
from store.database import Database, signal

_ASK_AFTER = timedelta(days=7)
# Tasks that only a person in the programme has. Others, such as a referral to confirm, outlast it.
_ENDS_WITH_EXIT = (WEEKLY, "after_alert", "silence", "unfinished")


async def leave(
    database: Database,
    beneficiary_id: int,
    staff_id: int,
    reason: str,
    on: date,
    after_exit: str,
    note: str,
    now: datetime,
    *,
    version: str = "",
    source: str = "in_person",
    within: AsyncConnection | None = None,
) -> None:
    """The end of the programme for this person: a reason of `EXITS` and its day. Check-ins end at once.

    `after_exit`: whether they agreed to be contacted afterwards ("yes" with the `version` of the text read to them
    leaves two dated tasks), or "later": a task to ask.
    """
    async with working_on(database, beneficiary_id, staff_id, now, roles=MOVING, within=within) as case:
        case.must_be_alive()
        if case.person["state"] == "exited":
            raise CaseError("This person has left the programme already.")
        if reason not in EXITS:
            raise CaseError("Choose why they leave.")
        if on > case.today or on < case.hours.local(case.person["enrolled_at"]).date():
            raise CaseError("The day they left lies between their enrolment and today.")
        if after_exit not in AFTER_EXIT:
            raise CaseError("Say whether they want to hear from us afterwards.")
        await _no_open_alert(case)
        if after_exit == "yes":
            await consent.give(
                database, case.id, "after_exit", version, case.person["language"], source, staff_id, now,
                within=case.connection,
            )  # fmt: skip
        await case.change(state="exited", exited_on=on)  # from here contacts after it are counted
        await stop_sending(case.connection, case.person["contact_id"], now, "the person has left", only_unasked=True)
        await end_tasks(case.connection, case.id, now, "EXITED", kinds=_ENDS_WITH_EXIT)
        await _tasks_after(case, on, after_exit)
        await case.enter("exit", {"reason": reason, "on": on.isoformat(), "after_exit": after_exit}, a_note(note))


async def _no_open_alert(case: PersonCase) -> None:
    a = tables.alert
    found = sa.select(a.c.code).where(
        a.c.beneficiary_id == case.id, a.c.state != "closed", a.c.is_report.is_(False), a.c.route != "misconduct"
    )
    code = (await case.connection.execute(found.limit(1))).scalar()
    if code is not None:
        raise CaseError(Sentence("Alert %(code)s of this person is still open: end it first.", code=code))


async def _tasks_after(case: PersonCase, on: date, after_exit: str) -> None:
    def task(kind: str, key: str, due_at: datetime) -> dict[str, Any]:
        return follow_up_row(
            case.database,
            f"{kind}/{case.id}/{on.isoformat()}/{key}",
            kind,
            case.now,
            due_at,
            contact_id=case.person["contact_id"],
            beneficiary_id=case.id,
            site_id=case.person["site_id"],
            staff_id=case.person["caseworker_id"] or case.actor["id"],
        )

    rows = []
    if after_exit == "yes":
        zone = ZoneInfo(case.hours.time_zone)
        for days in AFTER_EXIT_DAYS:
            due_at = datetime.combine(on + timedelta(days=days), time(9), zone)
            if due_at > case.now:
                rows.append(task("after_exit", str(days), due_at))
    elif after_exit == "later":
        rows.append(task("ask_after_exit", "ask", case.now + _ASK_AFTER))
    await add_follow_ups(case.database, case.connection, rows)


async def record_death(
    database: Database,
    beneficiary_id: int,
    staff_id: int,
    note: str,
    now: datetime,
    *,
    within: AsyncConnection | None = None,
) -> None:
    """The person has died: only a supervisor says so. All messages stop and every task of theirs ends."""
    async with working_on(database, beneficiary_id, staff_id, now, roles=MOVING, within=within) as case:
        case.must_supervise()
        case.must_be_alive()
        note = a_note(note, "Say how this is known.")
        await _no_open_alert(case)
        await let_rest(case.connection, case.person["contact_id"], case.id, now)
        await case.enter("died", {}, note)


async def died_in_alert(
    connection: AsyncConnection, contact_id: int, beneficiary_id: int | None, staff_id: int, now: datetime
) -> None:
    """The same when an alert was closed as a death: its own trail says by whom and why, the case file says that."""
    await let_rest(connection, contact_id, beneficiary_id, now)
    if beneficiary_id is not None:
        await add_event(connection, beneficiary_id, now, "died", {}, staff_id)


async def let_rest(
    connection: AsyncConnection, contact_id: int | None, beneficiary_id: int | None, now: datetime
) -> None:
    """Nothing is sent to this number any more, no question stays open, and nobody is asked to get in touch."""
    b, c = tables.beneficiary, tables.contact
    if contact_id is not None:
        await connection.execute(
            sa.update(c).where(c.c.id == contact_id).values(opted_out_at=now, opted_out_by="staff")
        )
    await stop_sending(connection, contact_id, now, "the person has died")
    if beneficiary_id is not None:
        await connection.execute(sa.update(b).where(b.c.id == beneficiary_id).values(state="died"))
        await end_tasks(connection, beneficiary_id, now, "DIED")
    signal(connection, "messages")


async def stop_sending(
    connection: AsyncConnection, contact_id: int | None, now: datetime, why: str, *, only_unasked: bool = False
) -> None:
    """Hold back what waits in the outbox and end the check-in that is open. `only_unasked`: answers still go out."""
    if contact_id is None:
        return
    o, s = tables.outbox, tables.session
    waiting = sa.update(o).where(o.c.contact_id == contact_id, o.c.state == "queued")
    if only_unasked:
        waiting = waiting.where(o.c.purpose.in_(("checkin", "reminder")))
    await connection.execute(waiting.values(state="withheld", detail=why, settled_at=now))
    await connection.execute(
        sa.update(s)
        .where(s.c.contact_id == contact_id, s.c.state == "open")
        .values(state="stopped", ended_at=now, due_at=None, timer=None)
    )


async def end_tasks(
    connection: AsyncConnection, beneficiary_id: int, now: datetime, result: str, *, kinds: tuple[str, ...] = ()
) -> None:
    """End the person's open tasks, or those of some kinds; those of a report about staff are its focal point's."""
    f, a = tables.follow_up, tables.alert
    of_report = sa.exists().where(a.c.id == f.c.alert_id, a.c.route == "misconduct")
    ending = sa.update(f).where(f.c.beneficiary_id == beneficiary_id, f.c.state == "open", ~of_report)
    if kinds:
        ending = ending.where(f.c.kind.in_(kinds))
    await connection.execute(ending.values(state="done", result=result, done_at=now))
