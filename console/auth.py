"""Logging in and out: sessions live in the database, the browser holds a random token, only its hash is stored."""

import asyncio
import hashlib
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from cases import audit
from cases.staff import verify_password
from console.context import BASE, CONSOLE, Console, Viewer, console_of, viewer_of
from console.kept import again, keep, kept, page_of
from console.language import _, own_page
from console.pages import page
from console.permissions import ROLES, allow, public
from console.proxies import visitor
from store import tables

ABSOLUTE = timedelta(hours=8)
IDLE = timedelta(minutes=60)
_SEEN_EVERY = timedelta(minutes=1)
_PER_ACCOUNT = 8
_PER_ADDRESS = 40
_LONGEST_PASSWORD = 256


def cookie_name(console: Console) -> str:
    """The `__Host-` prefix needs https; plain http is for the demo and tests on this machine."""
    return "__Host-hujambo" if console.secure_cookies else "hujambo"


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def find_viewer(request: web.Request) -> Viewer | None:
    """Who is looking, if the session is alive and the account is not disabled. Keeps the session's last use."""
    console = request.app[CONSOLE]
    token = request.cookies.get(cookie_name(console))
    if not token:
        return None
    async with console.database.read() as connection:
        row = await _live_session(connection, console, _hash(token))
    if row is None:
        return None
    now = console.clock()
    # The live stream runs by itself and must not keep an abandoned screen logged in.
    if now - row.seen_at >= _SEEN_EVERY and not request.path.endswith("/live"):
        async with console.database.write() as connection:
            s = tables.staff_session
            await connection.execute(sa.update(s).where(s.c.id == row.session_id).values(seen_at=now))
    return Viewer(
        id=row.id,
        session_id=row.session_id,
        login=row.login,
        name=row.name,
        role=row.role,
        site_ids=tuple(row.site_ids),
        languages=tuple(row.languages),
    )


async def _live_session(connection: AsyncConnection, console: Console, token_hash: bytes) -> Any | None:
    s, staff = tables.staff_session, tables.staff
    now = console.clock()
    statement = (
        sa.select(
            staff.c.id,
            staff.c.login,
            staff.c.name,
            staff.c.role,
            staff.c.site_ids,
            staff.c.languages,
            s.c.id.label("session_id"),
            s.c.seen_at,
        )
        .join(staff, staff.c.id == s.c.staff_id)
        .where(
            s.c.token_hash == token_hash,
            s.c.ended_at.is_(None),
            s.c.expires_at > now,
            s.c.seen_at > now - IDLE,
            staff.c.disabled_at.is_(None),
        )
    )
    return (await connection.execute(statement)).first()


async def is_alive(console: Console, viewer: Viewer) -> bool:
    """Whether the viewer's session still holds; long streams ask again and again."""
    s, staff = tables.staff_session, tables.staff
    now = console.clock()
    statement = (
        sa.select(s.c.id)
        .join(staff, staff.c.id == s.c.staff_id)
        .where(
            s.c.id == viewer.session_id,
            s.c.ended_at.is_(None),
            s.c.expires_at > now,
            s.c.seen_at > now - IDLE,
            staff.c.disabled_at.is_(None),
            staff.c.role == viewer.role,
        )
    )
    async with console.database.read() as connection:
        return (await connection.execute(statement)).first() is not None


async def to_login(request: web.Request) -> web.StreamResponse:
    """A page asks to log in and comes back; a live stream is told so plainly; a form's text is not lost."""
    if request.path.endswith("/live"):
        return web.Response(status=401)
    back = request.path_qs if request.method == "GET" else page_of(request.path)
    fields = keep(request.path, await request.post()) if request.method == "POST" else {}
    if fields:
        return page(request, "login.html", status=403, next=back, fault="", login="", kept=fields)
    raise web.HTTPSeeOther(f"{BASE}/login?next={quote(back, safe='')}" if back else f"{BASE}/login")


def _visitor(request: web.Request) -> str:
    return visitor(request.remote, request.headers.getall("X-Forwarded-For", []), request.app[CONSOLE].proxies)


@public
async def login_page(request: web.Request) -> web.StreamResponse:
    return page(request, "login.html", next=request.query.get("next", ""), fault="", login="", kept={})


@public
async def login(request: web.Request) -> web.StreamResponse:
    console = console_of(request)
    form = await request.post()
    name = str(form.get("login", "")).strip().lower()[:64]
    password = str(form.get("password", ""))
    target, fields = str(form.get("next", "")), kept(form)
    now = console.clock()
    account, address = f"account/{name}", f"address/{_visitor(request)}"

    def refuse(fault: str, status: int) -> web.Response:
        return page(request, "login.html", status=status, next=target, fault=fault, login=name, kept=fields)

    if console.throttle.is_blocked(((account, _PER_ACCOUNT), (address, _PER_ADDRESS)), now):
        return refuse(_("Too many tries. Wait a quarter of an hour, or ask for help."), 429)
    # Counted before the slow check: a hundred tries sent at once are a hundred tries.
    console.throttle.failed((account, address), now)
    staff_id = await _check(console, name, password)
    if staff_id is None:
        return refuse(_("This name and password do not belong together."), 403)
    console.throttle.succeeded(account, address)
    token = await _open_session(console, staff_id)
    response = page(request, "kept.html", **again(fields)) if fields else _redirect(own_page(target))
    response.set_cookie(
        cookie_name(console), token, path="/", httponly=True, secure=console.secure_cookies, samesite="Lax"
    )
    return response


def _redirect(place: str) -> web.Response:
    return web.Response(status=303, headers={"Location": place})


async def _check(console: Console, name: str, password: str) -> int | None:
    staff = tables.staff
    async with console.database.read() as connection:
        statement = sa.select(staff.c.id, staff.c.password).where(staff.c.login == name, staff.c.disabled_at.is_(None))
        row = (await connection.execute(statement)).first()
    stored = row.password if row is not None else None  # takes as long, and is never right
    async with console.hashing:
        fits = await asyncio.to_thread(verify_password, stored, password[:_LONGEST_PASSWORD])
    if row is not None and fits:
        return int(row.id)
    if row is not None:
        async with console.database.write() as connection:
            await audit.record(
                connection, console.database, row.id, "login_failed", f"staff/{row.id}", {}, console.clock()
            )
    return None


async def _open_session(console: Console, staff_id: int) -> str:
    token, now = secrets.token_urlsafe(32), console.clock()
    row = {
        "id": console.database.new_id(),
        "token_hash": _hash(token),
        "staff_id": staff_id,
        "created_at": now,
        "seen_at": now,
        "expires_at": now + ABSOLUTE,
    }
    async with console.database.write() as connection:
        await connection.execute(sa.insert(tables.staff_session), [row])
        await audit.record(connection, console.database, staff_id, "login", f"staff/{staff_id}", {}, now)
    return token


@allow(ROLES)
async def logout(request: web.Request) -> web.StreamResponse:
    """Ends this session, or with `everywhere` all of this person's sessions, at once and for good."""
    console, viewer = console_of(request), viewer_of(request)
    form = await request.post()
    s = tables.staff_session
    mine = s.c.staff_id == viewer.id if form.get("everywhere") else s.c.id == viewer.session_id
    async with console.database.write() as connection:
        await connection.execute(sa.update(s).where(mine, s.c.ended_at.is_(None)).values(ended_at=console.clock()))
        await audit.record(connection, console.database, viewer.id, "logout", f"staff/{viewer.id}", {}, console.clock())
    response = web.HTTPSeeOther(f"{BASE}/login")
    response.del_cookie(cookie_name(console), path="/", secure=console.secure_cookies, httponly=True, samesite="Lax")
    raise response
