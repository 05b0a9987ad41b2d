"""A site with a rota, one person and a channel: where every test of alerts begins."""

from dataclasses import replace
from typing import Any

from cases.alerts import Danger, open_or_join
from content.schema import Level
from store import tables
from store.database import Database
from tests.builders import a_beneficiary, a_channel, a_contact, a_site, a_staff_member, on_rota, rows
from tests.conftest import NOW


class World:
    """A site with a rota of three rungs, one person and a channel."""

    person: int | None

    def __init__(self, database: Database) -> None:
        self.database, self.person = database, None

    async def build(self, **site: Any) -> "World":
        db = self.database
        self.site = await a_site(db, code="KISIMA", **site)
        self.channel = await a_channel(db)
        self.contact = await a_contact(db, self.channel)
        self.person = await a_beneficiary(db, self.site, self.contact)
        self.first = await a_staff_member(db, name="First")
        self.second = await a_staff_member(db, name="Second", role="caseworker")
        self.boss = await a_staff_member(db, name="Boss", role="supervisor")
        for rung, staff_id in enumerate((self.first, self.second, self.boss), 1):
            await on_rota(db, self.site, staff_id, rung)
        return self

    def danger(self, level: Level = Level.HIGH, **values: Any) -> Danger:
        base = Danger(
            self.contact,
            self.person,
            self.site,
            self.channel,
            level,
            "self_harm",
            [{"code": "list", "detail": "wish to die"}],
            None,
            NOW,
        )
        return replace(base, **values)

    async def raise_(self, *dangers: Danger, now: Any = NOW, base_url: str = "") -> dict[int, int]:
        async with self.database.write() as connection:
            opened = await open_or_join(self.database, connection, dangers, now, base_url=base_url)
        return {contact_id: alert_id for (contact_id, _), alert_id in opened.items()}

    async def alert(self) -> Any:
        (alert,) = await rows(self.database, tables.alert)
        return alert

    async def events(self) -> list[str]:
        return [event.kind for event in await rows(self.database, tables.alert_event)]

    async def told(self, since: int = 0) -> list[int]:
        return [row.staff_id for row in (await rows(self.database, tables.outbox))[since:]]
