"""Referring a person to a service and seeing it through: from proposed until they have arrived, or why they did not."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases.casework.frame import PersonCase, a_note, working_on
from cases.casework.rules import CONFIRMED, CONSENTS, LONGEST_WAIT, SETTLED, CaseError, may_move, may_send
from cases.telling import add_follow_ups, follow_up_row
from store import tables
from store.database import Clock, Database, signal

CONFIRM = "confirm_arrival"
_MOST = 500


def confirm_key(referral_id: int) -> str:
    return f"{CONFIRM}/{referral_id}"


async def refer(
    database: Database,
    beneficiary_id: int,
    staff_id: int,
    service_id: int,
    consent: str,
    due_at: datetime,
    note: str,
    now: datetime,
    *,
    is_sent: bool = False,
    alert_code: str = "",
    within: AsyncConnection | None = None,
) -> int:
    """Propose a service of the person's site, or send the referral at once; its id.

    `due_at`: by when it must be known whether the person arrived. `alert_code`: the alert that it comes from, if any.
    """
    async with working_on(database, beneficiary_id, staff_id, now, within=within) as case:
        case.must_be_alive()
        v = tables.service
        found = sa.select(v).where(v.c.id == service_id, v.c.disabled_at.is_(None))
        service = (await case.connection.execute(found)).first()
        if service is None or (service.site_ids and case.person["site_id"] not in service.site_ids):
            raise CaseError("There is no such service for this person’s site.")
        if consent not in CONSENTS:
            raise CaseError("Say how the person agreed.")
        if is_sent and (refused := may_send(consent, has_agreement=bool(service.agreement))) is not None:
            raise CaseError(refused)
        if not now < due_at <= now + LONGEST_WAIT:
            raise CaseError("The day by which it must be known whether the person arrived lies in the next 90 days.")
        referral_id = database.new_id()
        row = {
            "id": referral_id,
            "beneficiary_id": case.id,
            "alert_id": await _alert_id(case, alert_code),
            "service_id": service_id,
            "state": "sent" if is_sent else "proposed",
            "consent": consent,
            "note": a_note(note) or None,
            "made_at": now,
            "made_by": staff_id,
            "due_at": due_at,
        }
        await case.connection.execute(sa.insert(tables.referral), [row])
        data = {"referral_id": referral_id, "service_id": service_id, "state": row["state"], "consent": consent}
        await case.enter("referral", data)
        return referral_id


async def _alert_id(case: PersonCase, code: str) -> int | None:
    """The alert of this person that the referral comes from. Reports about staff are none of the site's business."""
    if not code.strip():
        return None
    a = tables.alert
    mine = sa.or_(a.c.beneficiary_id == case.id, a.c.contact_id == case.person["contact_id"])
    found = sa.select(a.c.id).where(
        a.c.code == code.strip().upper()[:12], mine, a.c.is_report.is_(False), a.c.route != "misconduct"
    )
    alert_id: int | None = (await case.connection.execute(found)).scalar()
    if alert_id is None:
        raise CaseError("This person has no alert of that code.")
    return alert_id


async def move(
    database: Database,
    beneficiary_id: int,
    referral_id: int,
    staff_id: int,
    to: str,
    note: str,
    now: datetime,
    *,
    consent: str = "",
    within: AsyncConnection | None = None,
) -> None:
    """The next state of a referral (`rules.REFERRAL_MOVES`). `consent`: as asked since it was proposed."""
    async with working_on(database, beneficiary_id, staff_id, now, within=within) as case:
        r, v = tables.referral, tables.service
        found = (
            sa.select(r, v.c.agreement)
            .join(v, v.c.id == r.c.service_id)
            .where(r.c.id == referral_id, r.c.beneficiary_id == case.id)
        )
        referral = (await case.connection.execute(found)).first()
        if referral is None:
            raise CaseError("There is no such referral of this person.")
        agreed = consent if consent and referral.state == "proposed" else referral.consent
        refused = may_move(referral.state, to, consent=agreed, has_agreement=bool(referral.agreement))
        if refused is not None:
            raise CaseError(refused)
        settled: dict[str, Any] = {"settled_at": now, "settled_by": staff_id} if to in SETTLED else {}
        await case.connection.execute(
            sa.update(r).where(r.c.id == referral_id).values(state=to, consent=agreed, **settled)
        )
        if settled:
            f = tables.follow_up
            await case.connection.execute(
                sa.update(f)
                .where(f.c.key == confirm_key(referral_id), f.c.state == "open")
                .values(state="done", result=to.upper(), done_at=now, done_by=staff_id)
            )
        data = {"referral_id": referral_id, "service_id": referral.service_id, "state": to, "from": referral.state}
        await case.enter("referral", data | ({"consent": agreed} if to == "sent" else {}), a_note(note))


async def is_unconfirmed(connection: AsyncConnection, alert_id: int) -> bool:
    """Whether the alert has referrals and none of them has been accepted or has ended with the person's arrival."""
    r = tables.referral
    states = set((await connection.execute(sa.select(r.c.state).where(r.c.alert_id == alert_id))).scalars())
    return bool(states) and not states & CONFIRMED


async def ask_for_arrivals(database: Database, clock: Clock) -> int:
    """Raise a task for each referral whose time is up and of which nobody knows what came; how many were raised."""
    now = clock()
    r, b, f = tables.referral, tables.beneficiary, tables.follow_up
    is_asked = sa.exists().where(f.c.key == sa.literal(f"{CONFIRM}/").concat(sa.cast(r.c.id, sa.String)))
    overdue = (
        sa.select(
            r.c.id, r.c.alert_id, r.c.due_at, r.c.made_by, b.c.id.label("person"), b.c.contact_id, b.c.site_id,
            b.c.caseworker_id,
        )
        .join(b, b.c.id == r.c.beneficiary_id)
        .where(r.c.settled_at.is_(None), r.c.due_at <= now, b.c.state != "died", ~is_asked)
        .order_by(r.c.due_at)
        .limit(_MOST)
    )  # fmt: skip
    async with database.write() as connection:
        found = (await connection.execute(overdue)).all()
        tasks = [
            follow_up_row(
                database,
                confirm_key(row.id),
                CONFIRM,
                now,
                row.due_at,
                contact_id=row.contact_id,
                beneficiary_id=row.person,
                alert_id=row.alert_id,
                site_id=row.site_id,
                staff_id=row.caseworker_id or row.made_by,
            )
            for row in found
        ]
        await add_follow_ups(database, connection, tasks)
        if tasks:
            signal(connection, "messages")
    return len(tasks)
