"""Consent by purpose and version: given, withdrawn, and what stands now. Nothing is overwritten."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit
from content.sentence import Sentence
from store import tables
from store.database import Database

# checkins: messages and their answers · after_exit: contacts after the end of the programme · referral: passing facts
# to a named service · research: anonymous study · family: speaking with a named relative.
PURPOSES = ("checkins", "after_exit", "referral", "research", "family")
SOURCES = ("in_person", "phone", "paper", "message")
_LONGEST_VERSION = 32


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
    *,
    within: AsyncConnection | None = None,
) -> None:
    """Record consent. The same version again changes nothing; a new version ends the old one.

    With the first consent to check-ins a person who had none begins to get them.
    """
    if purpose not in PURPOSES:
        raise ConsentError(
            Sentence("There is no purpose %(name)r; they are %(names)s.", name=purpose[:32], names=", ".join(PURPOSES))
        )
    if not 0 < len(version) <= _LONGEST_VERSION:
        raise ConsentError("Name the version of the consent text that was read out, in at most 32 characters.")
    b, c = tables.beneficiary, tables.consent
    async with _transaction(database, within) as connection:
        standing = await _standing(connection, beneficiary_id, purpose)
        if standing is not None and standing["version"] == version:
            return
        if standing is not None:
            await connection.execute(sa.update(c).where(c.c.id == standing["id"]).values(withdrawn_at=now))
        row = consent_row(database, beneficiary_id, purpose, version, language, source, now)
        await connection.execute(sa.insert(c), [row])
        if purpose == "checkins":
            had_none = (b.c.id == beneficiary_id, b.c.state == "no_consent")
            await connection.execute(sa.update(b).where(*had_none).values(state="active"))
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


async def withdraw(
    database: Database,
    beneficiary_id: int,
    purpose: str,
    staff_id: int | None,
    now: datetime,
    *,
    within: AsyncConnection | None = None,
) -> bool:
    """Withdraw what stands for this purpose; False if nothing stood. Never asks why (DOMAIN §5.1, principle 4).

    Without consent to check-ins none leaves any more, planned ones included: the last look before sending finds the
    person not active.
    """
    b, c = tables.beneficiary, tables.consent
    async with _transaction(database, within) as connection:
        standing = await _standing(connection, beneficiary_id, purpose)
        if standing is None:
            return False
        await connection.execute(sa.update(c).where(c.c.id == standing["id"]).values(withdrawn_at=now))
        if purpose == "checkins":
            gets_them = (b.c.id == beneficiary_id, b.c.state == "active")
            await connection.execute(sa.update(b).where(*gets_them).values(state="no_consent"))
        data = {"purpose": purpose, "version": standing["version"]}
        await audit.record(
            connection, database, staff_id, "consent.withdrawn", f"beneficiary/{beneficiary_id}", data, now
        )
        return True


@contextlib.asynccontextmanager
async def _transaction(database: Database, within: AsyncConnection | None) -> AsyncIterator[AsyncConnection]:
    async with database.write() if within is None else contextlib.nullcontext(within) as connection:
        yield connection


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
