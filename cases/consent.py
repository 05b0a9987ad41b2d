"""Consent by purpose and version: given, withdrawn, and what stands now. Nothing is overwritten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit
from store import tables
from store.database import Database

# checkins: messages and their answers · referral: passing facts to a named service · research: anonymous study ·
# family: speaking with a named relative · after_exit: a few messages after the person has left the programme.
PURPOSES = ("checkins", "referral", "research", "family", "after_exit")


class ConsentError(ValueError):
    """The consent cannot be recorded so; the message is a sentence for staff."""


def consent_row(
    database: Database, beneficiary_id: int, purpose: str, version: str, language: str, source: str, given_at: datetime
) -> dict[str, Any]:
    """One `consent` row. `version` names the text that was read out, `source` how it was given."""
    return {
        "id": database.new_id(),
        "beneficiary_id": beneficiary_id,
        "purpose": purpose,
        "version": version,
        "language": language,
        "source": source,
        "given_at": given_at,
        "withdrawn_at": None,
    }


async def give(
    database: Database,
    beneficiary_id: int,
    purpose: str,
    version: str,
    language: str,
    source: str,
    staff_id: int | None,
    now: datetime,
) -> None:
    """Record consent. The same version again changes nothing; a new version ends the old one."""
    if purpose not in PURPOSES:
        raise ConsentError(f"There is no purpose {purpose[:32]!r}; they are {', '.join(PURPOSES)}.")
    c = tables.consent
    async with database.write() as connection:
        standing = await _standing(connection, beneficiary_id, purpose)
        if standing is not None and standing["version"] == version:
            return
        if standing is not None:
            await connection.execute(sa.update(c).where(c.c.id == standing["id"]).values(withdrawn_at=now))
        row = consent_row(database, beneficiary_id, purpose, version, language, source, now)
        await connection.execute(sa.insert(c), [row])
        data = {"purpose": purpose, "version": version, "language": language}
        await audit.record(connection, database, staff_id, "consent.given", f"beneficiary/{beneficiary_id}", data, now)


@dataclass(frozen=True, slots=True)
class AnsweredConsent:
    """What a person themselves answered to a question about consent, in a check-in of this version."""

    beneficiary_id: int
    purpose: str
    is_given: bool
    version: str
    language: str


async def record_answers(
    database: Database, connection: AsyncConnection, answers: Sequence[AnsweredConsent], now: datetime
) -> None:
    """Consent given or withdrawn by answers, in the caller's transaction: the last answer of a person counts.

    Nothing goes to the audit trail: these are the person's own words, stored as their answers.
    """
    c = tables.consent
    last = {(each.beneficiary_id, each.purpose): each for each in answers}
    for purpose in sorted({purpose for _, purpose in last}):
        people = [beneficiary_id for beneficiary_id, each in last if each == purpose]
        await connection.execute(
            sa.update(c)
            .where(c.c.beneficiary_id.in_(people), c.c.purpose == purpose, c.c.withdrawn_at.is_(None))
            .values(withdrawn_at=now)
        )
    given = [each for each in last.values() if each.is_given]
    rows = [
        consent_row(database, each.beneficiary_id, each.purpose, each.version, each.language, "answer", now)
        for each in given
    ]
    await database.insert_rows(connection, c, rows)


async def withdraw(database: Database, beneficiary_id: int, purpose: str, staff_id: int | None, now: datetime) -> bool:
    """Withdraw what stands for this purpose; False if nothing stood. Never asks why (DOMAIN §5.1, principle 4)."""
    c = tables.consent
    async with database.write() as connection:
        standing = await _standing(connection, beneficiary_id, purpose)
        if standing is None:
            return False
        await connection.execute(sa.update(c).where(c.c.id == standing["id"]).values(withdrawn_at=now))
        data = {"purpose": purpose, "version": standing["version"]}
        await audit.record(
            connection, database, staff_id, "consent.withdrawn", f"beneficiary/{beneficiary_id}", data, now
        )
        return True


async def _standing(connection: AsyncConnection, beneficiary_id: int, purpose: str) -> Mapping[str, Any] | None:
    c = tables.consent
    found = (
        sa.select(c)
        .where(c.c.beneficiary_id == beneficiary_id, c.c.purpose == purpose, c.c.withdrawn_at.is_(None))
        .order_by(c.c.given_at.desc(), c.c.id.desc())
    )
    row = (await connection.execute(found)).mappings().first()
    return dict(row) if row is not None else None


async def list_consents(database: Database, beneficiary_id: int) -> list[Mapping[str, Any]]:
    """Every consent this person ever gave, oldest first, withdrawn ones included."""
    c = tables.consent
    async with database.read() as connection:
        found = sa.select(c).where(c.c.beneficiary_id == beneficiary_id).order_by(c.c.given_at, c.c.id)
        return [dict(row) for row in (await connection.execute(found)).mappings()]
