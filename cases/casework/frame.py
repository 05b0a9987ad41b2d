"""One person's case in the hands of one staff member: locked, allowed, and every change entered in the trail."""

import contextlib
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit
from cases.casework.rules import CARING, DECIDING, LONGEST_NOTE, CaseError, may_work
from cases.hours import Hours
from content.sentence import Sentence
from store import tables
from store.database import Database, signal


@dataclass(slots=True)
class PersonCase:
    """One person's case inside one transaction."""

    database: Database
    connection: AsyncConnection
    person: dict[str, Any]
    actor: Mapping[str, Any]
    hours: Hours
    now: datetime

    @property
    def id(self) -> int:
        return int(self.person["id"])

    @property
    def today(self) -> date:
        """The day it is at the person's site."""
        return self.hours.local(self.now).date()

    async def change(self, **values: Any) -> None:
        b = tables.beneficiary
        await self.connection.execute(sa.update(b).where(b.c.id == self.id).values(**values))

    async def enter(self, kind: str, data: Mapping[str, Any], note: str | None = None) -> None:
        """Append the event and its audit record. Notes go into the event (sealed), never into the audit trail."""
        await add_event(self.connection, self.id, self.now, kind, data, self.actor["id"], note)
        await self.audit(f"case.{kind}", data)

    async def audit(self, action: str, data: Mapping[str, Any]) -> None:
        await audit.record(
            self.connection, self.database, self.actor["id"], action, f"beneficiary/{self.id}", data, self.now
        )
        signal(self.connection, "messages")

    def must_be_alive(self) -> None:
        if self.person["state"] == "died":
            raise CaseError("This person has died: nothing more is arranged for them.")

    def must_supervise(self) -> None:
        if self.actor["role"] not in DECIDING:
            raise CaseError("Only a supervisor may do this.")


async def add_event(
    connection: AsyncConnection,
    beneficiary_id: int,
    at: datetime,
    kind: str,
    data: Mapping[str, Any],
    staff_id: int | None,
    note: str | None = None,
) -> None:
    row = {"beneficiary_id": beneficiary_id, "at": at, "kind": kind, "staff_id": staff_id, "data": dict(data)}
    await connection.execute(sa.insert(tables.case_event), [row | {"note": note or None}])


def a_note(text: str, why_needed: str = "") -> str:
    """The text without space around it. `why_needed` is the refusal when there is none."""
    text = text.strip()
    if not text and why_needed:
        raise CaseError(why_needed)
    if len(text) > LONGEST_NOTE:
        raise CaseError(Sentence("Too long: at most %(most)s characters.", most=LONGEST_NOTE))
    return text


@contextlib.asynccontextmanager
async def working_on(
    database: Database,
    beneficiary_id: int,
    staff_id: int,
    now: datetime,
    *,
    roles: Collection[str] = CARING,
    within: AsyncConnection | None = None,
) -> AsyncIterator[PersonCase]:
    """The person, locked, for a staff member of their site in one of these roles. `within`: in that transaction."""
    async with database.write() if within is None else contextlib.nullcontext(within) as connection:
        b, c, s, site = tables.beneficiary, tables.contact, tables.staff, tables.site
        found = sa.select(b).where(b.c.id == beneficiary_id)
        if database.kind == "postgresql":
            # The contact first: the order in which an arriving message and the handling of an alert lock them.
            of_person = sa.select(b.c.contact_id).where(b.c.id == beneficiary_id).scalar_subquery()
            await connection.execute(sa.select(c.c.id).where(c.c.id == of_person).with_for_update())
            found = found.with_for_update()
        person = (await connection.execute(found)).mappings().first()
        who = sa.select(s.c.id, s.c.role, s.c.site_ids, s.c.disabled_at).where(s.c.id == staff_id)
        actor = (await connection.execute(who)).mappings().first()
        if actor is None or actor["disabled_at"] is not None:
            raise CaseError("This account may not work on cases.")
        if person is None or not may_work(actor["role"], roles, actor["site_ids"], person["site_id"]):
            raise CaseError("There is no such person among yours.")
        where = sa.select(site.c.staffed, site.c.time_zone, site.c.holidays).where(site.c.id == person["site_id"])
        place = (await connection.execute(where)).one()
        hours = Hours(place.staffed, place.time_zone, frozenset(place.holidays))
        yield PersonCase(database, connection, dict(person), dict(actor), hours, now)
