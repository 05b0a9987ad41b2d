"""What a campaign would send in the next days: to whom, in which words, how many segments, and to whom not."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.checkin import open_checkin
from channels.segments import count
from content.schema import Pack
from scheduler.audience import CONSENTING, Audience, Campaign, Draft, chosen_people, site_ids
from scheduler.planning import FOREVER, Book, Window, group_columns, load_sites
from store import tables as t


@dataclass(frozen=True, slots=True)
class PreviewLine:
    day: date  # local
    site: str
    language: str
    people: int
    segments: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be sent, and to whom not. Nothing is written."""

    lines: tuple[PreviewLine, ...]
    texts: Mapping[str, str]  # language → the opening message
    left_out: Mapping[str, int] = field(default_factory=dict)  # why → how many of the sites and roles asked for

    @property
    def people(self) -> int:
        return sum(line.people for line in self.lines)

    @property
    def segments(self) -> int:
        return sum(line.segments for line in self.lines)


async def preview_of(
    connection: AsyncConnection, pack: Pack, draft: Draft | Campaign, now: datetime, days: int
) -> Preview:
    start = max(now, draft.starts_at)
    window = Window(start, min(start + timedelta(days=days), draft.ends_at or FOREVER), start)
    texts = {x: open_checkin(pack, draft.checkin, x, now).text for x in draft.audience.languages}
    segments = {x: count(text).segments for x, text in texts.items()}
    book = Book(draft, window, await load_sites(connection))
    b = t.beneficiary.c
    columns = (b.language, *group_columns(draft.plan))
    found = await connection.execute(
        sa.select(*columns, sa.func.count().label("people"))
        .select_from(t.beneficiary.join(t.contact, t.contact.c.id == b.contact_id))
        .where(*chosen_people(draft.audience), t.contact.c.opted_out_at.is_(None), CONSENTING)
        .group_by(*columns)
    )
    counted: Counter[tuple[date, str, str]] = Counter()
    no_hours = 0
    for row in found.all():
        no_hours += row.people if book.group(row).hours.is_never() else 0
        for slot in book.slots(row):
            counted[slot.key_date, book.sites[row.site_id].code, row.language] += row.people
    left_out = await _left_out(connection, draft.audience)
    return Preview(
        lines=tuple(
            PreviewLine(day, site, language, people, people * segments[language])
            for (day, site, language), people in sorted(counted.items())
        ),
        texts=texts,
        left_out={why: number for why, number in (left_out | {"no_safe_hours": no_hours}).items() if number},
    )


async def _left_out(connection: AsyncConnection, audience: Audience) -> dict[str, int]:
    """Why people of the states, sites and roles asked for get nothing: the first reason that holds for each."""
    b = t.beneficiary.c
    why = sa.case(
        (b.age_band != "adult", "not_adult"),
        (b.contact_id.is_(None), "no_contact"),
        (t.contact.c.opted_out_at.is_not(None), "opted_out"),
        ((b.state == "exited") & sa.not_(CONSENTING), "no_consent_after_exit"),
        (sa.not_(CONSENTING), "consent_withdrawn"),
        (b.language.not_in(audience.languages), "language"),
        *([(b.phone_kind.not_in(audience.phone_kinds), "phone_not_private")] if audience.phone_kinds else []),
        *([(b.site_id.in_(site_ids(audience.paused_sites)), "site_paused")] if audience.paused_sites else []),
        else_=sa.null(),
    ).label("why")
    asked: list[Any] = [b.state.in_(audience.reached_states)]
    if audience.sites:
        asked.append(b.site_id.in_(site_ids(audience.sites)))
    if audience.roles:
        asked.append(b.role.in_(audience.roles))
    people = sa.select(why).select_from(t.beneficiary.outerjoin(t.contact)).where(*asked).subquery()
    found = await connection.execute(
        sa.select(people.c.why, sa.func.count()).where(people.c.why.is_not(None)).group_by(people.c.why)
    )
    return {row[0]: row[1] for row in found.all()}
