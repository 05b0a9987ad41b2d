"""Staff accounts: adding, listing, disabling, and their passwords (Argon2id)."""

import asyncio
import functools
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import phonenumbers
import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cases import audit
from store import tables
from store.database import Database

ROLES = ("admin", "coordinator", "psychosocial", "supervisor", "focal_point", "caseworker")
SHORTEST_PASSWORD = 12
_LONGEST_PASSWORD = 256  # hashing is slow on purpose: a megabyte of password is an attack
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_hasher = PasswordHasher()


class StaffError(ValueError):
    """The account cannot be added or changed; the message is a sentence for whoever tried."""


def hash_password(password: str) -> str:
    """About 50 ms on purpose: in a service, call it in a thread."""
    if len(password) < SHORTEST_PASSWORD:
        raise StaffError(f"A password has at least {SHORTEST_PASSWORD} characters.")
    if len(password) > _LONGEST_PASSWORD:
        raise StaffError(f"A password has at most {_LONGEST_PASSWORD} characters.")
    return _hasher.hash(password)


@functools.cache
def _nobody() -> str:
    """Verified when the login does not exist, so that the answer takes as long as for one that does."""
    return _hasher.hash("nobody has this password")


def verify_password(hashed: str | None, password: str) -> bool:
    """Whether this is the password. `None` (no such login) takes as long and is always False."""
    if len(password) > _LONGEST_PASSWORD:
        return False
    try:
        return _hasher.verify(hashed or _nobody(), password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


def canonical_phone(text: str, country: str | None = None) -> str:
    """The number in E.164. The error never repeats the number."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        raise StaffError("This is not a telephone number; write it as +254 7…") from None
    if not phonenumbers.is_possible_number(number):
        raise StaffError("This telephone number has too few or too many digits.")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


async def add_staff(
    database: Database,
    login: str,
    name: str,
    role: str,
    now: datetime,
    *,
    password: str,
    sites: Sequence[str] = (),
    languages: Sequence[str] = ("en",),
    gender: str | None = None,
    phone: str | None = None,
    email: str | None = None,
    by: int | None = None,
) -> int:
    """Add an account; `sites` are site codes, none means all sites. The id of the new staff member."""
    login = login.strip().lower()
    if not _LOGIN.fullmatch(login):
        raise StaffError("A login has 2 to 64 letters, digits, dots, dashes or underscores.")
    if role not in ROLES:
        raise StaffError(f"There is no role {role[:32]!r}; the roles are {', '.join(ROLES)}.")
    if not name.strip():
        raise StaffError("An account needs the name of its owner.")
    if email and not _EMAIL.fullmatch(email):
        raise StaffError("This is not an e-mail address.")
    number = canonical_phone(phone) if phone else None
    row: dict[str, Any] = {
        "id": database.new_id(),
        "login": login,
        "name": name.strip(),
        "password": await asyncio.to_thread(hash_password, password),
        "role": role,
        "languages": list(languages),
        "gender": gender,
        "phone": number,
        "phone_index": database.keys.index(number) if number else None,
        "email": email or None,
        "disabled_at": None,
        "created_at": now,
    }
    s = tables.staff
    async with database.write() as connection:
        found = await connection.execute(sa.select(tables.site.c.code, tables.site.c.id))
        known = {row.code: row.id for row in found}
        missing = sorted(set(sites) - set(known))
        if missing:
            raise StaffError(f"There is no site {', '.join(missing)}.")
        row["site_ids"] = [known[code] for code in sites]
        same = sa.or_(s.c.login == login, s.c.phone_index == row["phone_index"] if number else sa.false())
        other = (await connection.execute(sa.select(s.c.login).where(same))).scalar()
        if other is not None:
            what = "login" if other == login else "telephone number"
            raise StaffError(f"Another account has this {what}.")
        await connection.execute(sa.insert(s), [row])
        await audit.record(
            connection, database, by, "staff.added", f"staff/{row['id']}", {"role": role, "sites": list(sites)}, now
        )
    return int(row["id"])


async def disable_staff(database: Database, login: str, now: datetime, *, by: int | None = None) -> None:
    """Close the account: its sessions end, it is on call no more, its alerts go back to the ladder now."""
    s, a, session = tables.staff, tables.alert, tables.staff_session
    async with database.write() as connection:
        found = await connection.execute(
            sa.update(s)
            .where(s.c.login == login.strip().lower(), s.c.disabled_at.is_(None))
            .values(disabled_at=now)
            .returning(s.c.id)
        )
        staff_id = found.scalar()
        if staff_id is None:
            raise StaffError("There is no such account, or it is disabled already.")
        await connection.execute(
            sa.update(session).where(session.c.staff_id == staff_id, session.c.ended_at.is_(None)).values(ended_at=now)
        )
        await connection.execute(sa.update(a).where(a.c.owner_id == staff_id, a.c.state == "taken").values(due_at=now))
        await audit.record(connection, database, by, "staff.disabled", f"staff/{staff_id}", {}, now)


async def set_password(database: Database, login: str, password: str, now: datetime, *, by: int | None = None) -> None:
    """Set a new password; every open session of the account ends."""
    s, session = tables.staff, tables.staff_session
    hashed = await asyncio.to_thread(hash_password, password)
    async with database.write() as connection:
        changed = await connection.execute(
            sa.update(s).where(s.c.login == login.strip().lower()).values(password=hashed).returning(s.c.id)
        )
        staff_id = changed.scalar()
        if staff_id is None:
            raise StaffError("There is no such account.")
        await connection.execute(
            sa.update(session).where(session.c.staff_id == staff_id, session.c.ended_at.is_(None)).values(ended_at=now)
        )
        await audit.record(connection, database, by, "staff.password", f"staff/{staff_id}", {}, now)


async def list_staff(database: Database) -> list[Mapping[str, Any]]:
    """All accounts by login, without numbers or addresses; `sites` are codes, none means all."""
    s = tables.staff
    async with database.read() as connection:
        codes = {row.id: row.code for row in await connection.execute(sa.select(tables.site.c.id, tables.site.c.code))}
        found = await connection.execute(
            sa.select(
                s.c.id,
                s.c.login,
                s.c.name,
                s.c.role,
                s.c.site_ids,
                s.c.languages,
                s.c.disabled_at,
                s.c.phone_index.is_not(None).label("has_phone"),
                s.c.email.is_not(None).label("has_email"),
            ).order_by(s.c.login)
        )
        return [
            {
                "id": row.id,
                "login": row.login,
                "name": row.name,
                "role": row.role,
                "sites": [codes[i] for i in row.site_ids if i in codes],
                "languages": row.languages,
                "has_phone": bool(row.has_phone),
                "has_email": bool(row.has_email),
                "disabled_at": row.disabled_at,
            }
            for row in found
        ]
