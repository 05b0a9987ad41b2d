"""How well danger is read: figures from staff's own judgements, without a word of what anybody wrote."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from aiohttp import web

from bot import judged
from cases.judged import readings
from console import words
from console.context import console_of, now_of, viewer_of
from console.language import _
from console.pages import page
from console.permissions import CAMPAIGN_VIEWERS, allow
from content.schema import Level
from store import tables

PERIODS = (30, 90, 365)  # days


@allow(CAMPAIGN_VIEWERS)
async def accuracy_page(request: web.Request) -> web.StreamResponse:
    console, viewer, now = console_of(request), viewer_of(request), now_of(request)
    asked = request.query.get("days", "")
    days = next((period for period in PERIODS if str(period) == asked), PERIODS[1])
    site = tables.site
    async with console.database.read() as connection:
        found = await readings(connection, now - timedelta(days=days), site_ids=viewer.site_ids)
        names = {row.id: row.name for row in await connection.execute(sa.select(site.c.id, site.c.name))}
    weighed = judged.weigh(found)
    enough = len(weighed) >= judged.FEWEST
    return page(
        request,
        "accuracy.html",
        section="accuracy",
        days=days,
        periods=PERIODS,
        fewest=judged.FEWEST,
        coverage=judged.coverage(found),
        enough=enough,
        groups=_groups(judged.figures(weighed)) if enough else {},
        sites=_sites(weighed, names) if enough and len({x.reading.site_id for x in weighed}) > 1 else [],
        levels=list(reversed(Level)),
        confusion=judged.confusion(weighed) if enough else {},
        worst=judged.worst(weighed),
        name_of=name_of,
    )


def _groups(lines: Sequence[judged.Line]) -> dict[str, list[judged.Line]]:
    """Lines by what they are told apart by. A language or route of too few people's messages is not shown."""
    shown: dict[str, list[judged.Line]] = {}
    for line in lines:
        if line.by in {"all", "level"} or line.whole >= judged.FEWEST:
            shown.setdefault(line.by, []).append(line)
    return shown


def _sites(weighed: Sequence[judged.Judged], names: dict[int, str]) -> list[tuple[str, list[judged.Line]]]:
    return [
        (names[next(iter(sites))] if len(sites) == 1 else _("%(count)s small sites together", count=len(sites)), lines)
        for sites, lines in judged.by_site(weighed)
    ]


def name_of(line: judged.Line) -> str:
    """What a line tells, in words."""
    what = words.label(words.FIGURES, line.what)
    if line.by == "language":
        return f"{words.label(words.LANGUAGES, line.name)}: {what}"
    if line.by == "route":
        return words.label(words.ROUTES, line.name)
    if line.by == "level":
        level = words.label(words.LEVELS, Level.of(line.name))
        if line.what.startswith("meant"):
            return _("Meant %(level)s: read so or graver", level=level)
        return _("Read %(level)s: meant so or graver", level=level)
    return what
