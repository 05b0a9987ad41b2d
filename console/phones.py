"""The wall of pretend phones in the demo: a grid of telephones one can text from, live."""

import asyncio
import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from aiohttp import web

from channels.phones import TOPIC
from console import auth
from console.context import BASE, Console, PhoneWall, console_of, viewer_of
from console.live import HEARTBEAT, begin, new_stream, sse, wait
from console.pages import page, render
from console.permissions import ROLES, allow
from store import tables

MOST_PHONES = 12
MOST_LINES = 30
_LONGEST = 1600
_NUMBER = re.compile(r"\+[0-9]{6,15}")


def phone_id(number: str) -> str:
    """A name for a phone that is safe in a page's markup."""
    return hashlib.sha256(number.encode()).hexdigest()[:12]


def _wall(console: Console) -> PhoneWall:
    if console.wall is None:
        raise web.HTTPNotFound
    return console.wall


async def _holders(console: Console, numbers: list[str]) -> dict[str, str]:
    """Number → whose phone it is: a person's code or a staff member's name. The wall has no real people on it."""
    index = {console.database.keys.index(number): number for number in numbers}
    b, c, staff = tables.beneficiary, tables.contact, tables.staff
    people = sa.select(c.c.address_index, b.c.code).join(b, b.c.contact_id == c.c.id)
    async with console.database.read() as connection:
        found = (await connection.execute(people.where(c.c.address_index.in_(index)))).all()
        own = sa.select(staff.c.phone_index, staff.c.name).where(staff.c.phone_index.in_(index))
        found = [*found, *(await connection.execute(own)).all()]
    return {index[bytes(row[0])]: row[1] for row in found}


async def _phone(wall: PhoneWall, number: str) -> dict[str, Any]:
    lines = await wall.conversation(number)
    return {"number": number, "id": phone_id(number), "lines": list(lines)[-MOST_LINES:]}


@allow(ROLES)
async def wall_page(request: web.Request) -> web.StreamResponse:
    wall = _wall(console_of(request))
    # In the order of their numbers: a phone must not jump about while somebody writes on it.
    numbers = sorted(phone.number for phone in list(await wall.list_phones())[:MOST_PHONES])
    wanted = request.query.get("number", "")
    if _NUMBER.fullmatch(wanted) and wanted not in numbers:
        numbers = [wanted, *numbers[: MOST_PHONES - 1]]
    return page(
        request,
        "phones.html",
        section="phones",
        phones=[await _phone(wall, number) for number in numbers],
        holders=await _holders(console_of(request), numbers),
    )


@allow(ROLES)
async def text_in(request: web.Request) -> web.StreamResponse:
    """A text leaves a pretend phone towards the service."""
    wall, form = _wall(console_of(request)), await request.post()
    number, text = _number(form), str(form.get("text", ""))[:_LONGEST]
    if not text.strip():
        raise web.HTTPBadRequest
    await wall.text(number, text)
    raise _back_to(number)


@allow(ROLES)
async def ring_in(request: web.Request) -> web.StreamResponse:
    """A pretend phone rings the service and hangs up, as people do who have no credit."""
    number = _number(await request.post())
    await _wall(console_of(request)).ring(number)
    raise _back_to(number)


def _number(form: Mapping[str, Any]) -> str:
    number = str(form.get("number", "")).replace(" ", "")
    if not _NUMBER.fullmatch(number):
        raise web.HTTPBadRequest
    return number


def _back_to(number: str) -> web.HTTPSeeOther:
    return web.HTTPSeeOther(f"{BASE}/phones?number={quote(number)}")


@allow(ROLES)
async def live(request: web.Request) -> web.StreamResponse:
    """Each phone of the page (`number`, several times) whose screen has changed, as soon as it has."""
    console, viewer = console_of(request), viewer_of(request)
    wall = _wall(console)
    numbers = [number for number in request.query.getall("number", []) if _NUMBER.fullmatch(number)][:MOST_PHONES]
    shown: dict[str, str] = {}
    with console.database.signals.listen(TOPIC) as woken:
        response = new_stream()
        try:
            await begin(response, request)
            while not console.stopping.is_set() and await auth.is_alive(console, viewer):
                for number in numbers:
                    phone = await _phone(wall, number)
                    html = render(request.app, "_screen.html", {"lines": phone["lines"]})
                    if shown.get(number) != html:
                        await response.write(sse("phone", {"id": phone["id"], "html": html}))
                        shown[number] = html
                if not await wait(console, woken, HEARTBEAT):
                    await response.write(b": still here\n\n")
            await response.write(sse("bye", {}))
        except (ConnectionResetError, asyncio.CancelledError):
            pass  # the browser went away
    return response
