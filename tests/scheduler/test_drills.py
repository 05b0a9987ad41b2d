"""Drills go the real way in, must be taken in time by a human, and count as nothing that is real."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.distress import Reader
from cases import alerts, drills, exports
from cases.alerts import AlertRuleError
from cases.drills import TEXTS, run_drills
from channels.base import IncomingMessage
from content.pack import load_pack
from content.schema import Level, Pack
from hujambo.health import measure
from scheduler.inbox import Inbox
from store import tables as t
from store.database import Database
from tests.builders import a_channel, a_site, a_staff_member, on_rota, rows
from tests.conftest import NOW, HandClock


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack()


@pytest.fixture(scope="module")
def reader(pack: Pack) -> Reader:
    return Reader(pack)


class Place:
    """A site whose on-call staff are tried, and a second channel beside the one that is."""

    def __init__(self, database: Database, inbox: Inbox, clock: HandClock) -> None:
        self.database, self.inbox, self.clock = database, inbox, clock

    async def build(self) -> "Place":
        db = self.database
        # The channel answers for another site than the one that is tried.
        elsewhere = await a_site(db, code="ELSE")
        self.site = await a_site(db, code="KIS", languages=["sw", "en"])
        self.channel = await a_channel(db, site_id=elsewhere)
        self.other = await a_channel(db, site_id=self.site)
        self.amina = await a_staff_member(db, name="Amina", site_ids=[self.site])
        self.boss = await a_staff_member(db, role="coordinator", site_ids=[self.site])
        await on_rota(db, self.site, self.amina, 1)
        await drills.set_drill(db, self.site, self.channel, 7, self.clock(), by=self.boss)
        return self

    @property
    def submit(self) -> Callable[[int, str, str, str], Awaitable[object]]:
        return lambda channel, address, text, mark: self.inbox.accept(channel, IncomingMessage(mark, address, "", text))

    async def step(self) -> int:
        return await run_drills(self.database, self.clock, self.submit, "https://h.example")

    async def run(self) -> object:
        (run,) = await rows(self.database, t.drill_run)
        return run


@pytest.fixture
async def place(database: Database, pack: Pack, reader: Reader, clock: HandClock) -> Place:
    return await Place(database, Inbox(database, pack, reader, clock), clock).build()


@pytest.mark.parametrize("language", TEXTS)
def test_the_lists_alone_read_the_words_of_a_drill_as_danger(reader: Reader, language: str) -> None:
    assert reader.assess(TEXTS[language], language, (language,)).level >= Level.HIGH


async def test_a_drill_is_told_taken_and_closed_by_itself(place: Place) -> None:
    db, clock = place.database, place.clock
    assert await place.step() == 0
    clock.forward(days=1)
    assert await place.step() == 1
    (alert,) = await rows(db, t.alert)
    assert (alert.is_drill, alert.site_id, alert.level, alert.state) == (True, place.site, Level.HIGH, "open")
    (notice,) = await rows(db, t.outbox)  # nothing goes to the address of the drill
    assert notice.staff_id == place.amina
    assert notice.text.startswith("DRILL Hujambo: alert ")
    assert await place.step() == 0
    await alerts.take(db, alert.id, place.amina, clock.forward(minutes=9))
    assert await place.step() == 1
    run = await place.run()
    assert (run.state, run.taken_by, run.alert_id) == ("passed", place.amina, alert.id)
    (alert,) = await rows(db, t.alert)
    assert (alert.state, alert.outcome) == ("closed", "TEST_OR_JOKE")
    assert len(await rows(db, t.outbox)) == 1
    (listed,) = await drills.list_drills(db)
    assert (listed["site"], listed["last"], listed["due_at"]) == ("KIS", "passed", NOW + timedelta(days=8))


async def test_a_drill_that_nobody_takes_pages_others_through_another_channel_too(place: Place) -> None:
    db, clock = place.database, place.clock
    clock.forward(days=1)
    await place.step()
    for _ in range(4):
        clock.forward(minutes=15)
        await alerts.climb_due(db, clock)
    before = {row.id for row in await rows(db, t.outbox)}
    assert await place.step() == 1
    assert (await place.run()).state == "failed"
    paged = [row for row in await rows(db, t.outbox) if row.id not in before]
    assert {(row.staff_id, row.channel_id) for row in paged} == {(place.boss, place.channel), (place.boss, place.other)}
    assert all("reached nobody in time" in row.text and "/console/rota/KIS" in row.text for row in paged)
    (alert,) = await rows(db, t.alert)
    assert alert.state == "closed"


async def test_a_drill_whose_text_raises_nothing_has_failed_as_well(place: Place) -> None:
    place.clock.forward(days=1)

    async def lost(*_: object) -> None:
        pass

    assert await run_drills(place.database, place.clock, lost) == 1
    place.clock.forward(minutes=6)
    assert await run_drills(place.database, place.clock, lost) == 1
    assert (await place.run()).state == "failed"


async def test_a_drill_counts_as_nothing(place: Place, tmp_path: Path) -> None:
    db, clock = place.database, place.clock
    clock.forward(days=1)
    await place.step()
    assert await rows(db, t.assessment) == []
    assert await rows(db, t.follow_up) == []
    assert (await measure(db, clock())).open_alerts == {}
    for what in ("alerts", "outcomes"):
        assert await exports.export(db, what, "csv", tmp_path / f"{what}.csv") == 0


async def test_after_a_long_outage_one_drill_is_held_and_not_all_that_were_missed(place: Place) -> None:
    place.clock.forward(days=40)
    assert await place.step() == 1
    assert await place.step() == 0
    (drill,) = await rows(place.database, t.drill)
    assert drill.due_at > place.clock()


async def test_drills_are_changed_held_and_stopped(place: Place) -> None:
    db, clock = place.database, place.clock
    with pytest.raises(AlertRuleError, match="every 1 to 92 days"):
        await drills.set_drill(db, place.site, place.channel, 0, clock(), by=None)
    await drills.set_drill(db, place.site, place.channel, 30, clock(), by=None)
    await drills.hold_now(db, place.site, place.channel, clock(), by=None)
    assert await place.step() == 1
    await drills.stop_drill(db, place.site, place.channel, clock(), by=None)
    with pytest.raises(AlertRuleError, match="No drill"):
        await drills.stop_drill(db, place.site, place.channel, clock(), by=None)
    with pytest.raises(AlertRuleError, match="No drill"):
        await drills.hold_now(db, place.site, place.channel, clock(), by=None)
    (drill,) = await rows(db, t.drill)
    assert (drill.every_days, drill.state) == (30, "off")
