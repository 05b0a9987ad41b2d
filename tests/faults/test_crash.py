"""Kill -9 under load, again and again: no message lost, no check-in twice, no cry for help without its alert."""

import asyncio
import random
from pathlib import Path

import aiohttp
import pytest

from store.database import open_database
from store.secrets import KeyRing
from tests.faults.programme import Fake, Gateway, Served, a_fake_twilio, build, texts, until
from tests.faults.reckoning import Books, audit_faults, is_drained, only_wrong, unsettled

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

SEED = 20260303
PEOPLE = 800  # every second has an open check-in; for the others one is due: 400 check-ins
MESSAGES = 1600
RATE = 100.0
KILLS = 6
_DRAINED_WITHIN = 90.0  # seconds; two leases and the time until the gateway is asked, several times over


async def test_no_message_no_check_in_and_no_alert_is_lost_or_doubled_by_kill_9(
    database_url: str, keys: KeyRing, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    written = texts(MESSAGES, PEOPLE, chance)
    # A tenth comes twice, also though it was answered: not every 200 finds its way back to the gateway.
    deliveries = written + chance.sample(written, MESSAGES // 10)
    database = await open_database(database_url, keys)
    try:
        with a_fake_twilio() as url:
            await build(database, PEOPLE, api_base=url, rate=RATE)
            async with aiohttp.ClientSession() as session:
                fake, served = Fake(url, session), Served(database_url, tmp_path)
                gateway = Gateway(session, served.port, [served.port])
                served.start()
                try:
                    await served.ready()
                    await asyncio.gather(gateway.deliver(deliveries), kill_at_random(served, gateway, fake, chance))
                    await until(lambda: is_drained(database), _DRAINED_WITHIN)
                    assert await unsettled(database) == []
                    assert served.stop() == 0
                finally:
                    served.kill()
                books = await Books.read(database, fake)
        print(books.sizes(), gateway.refused)
        assert (
            only_wrong(
                books.messages(written, gateway),
                books.sends(),
                books.cries(written),
                books.sessions(),
                await audit_faults(database),
            )
            == {}
        )
        checkins = [row for row in books.outbox.values() if row.purpose == "checkin"]
        assert (len(checkins), [row.id for row in checkins if row.state == "queued"]) == (PEOPLE, [])
        assert gateway.answered.total() == len(deliveries)
        assert gateway.refused.total() > 0, "no delivery was ever interrupted: the kills came too late"
    finally:
        await database.close()


async def kill_at_random(served: Served, gateway: Gateway, fake: Fake, chance: random.Random) -> None:
    """Not at moments but at counts of answered messages: they hit the same places on a slow machine."""
    points = sorted(chance.sample(range(20, MESSAGES - 100), KILLS))
    for turn, point in enumerate(points):
        assert await until(lambda: _is_answered(gateway, point), 60.0, every=0.005)  # noqa: B023  awaited here
        if turn == KILLS // 2:
            # The gateway takes its time: our requests are under way, and their answers will find nobody.
            await fake.control(answer_delay=1.0)
            assert await until(lambda: _is_at_least(fake, 10), 30.0, every=0.05)
        await asyncio.sleep(chance.random() * 0.3)
        served.kill()
        served.start()
        await served.ready()
        await fake.control(answer_delay=0.0)


async def _is_answered(gateway: Gateway, count: int) -> bool:
    return len(gateway.answered) >= count


async def _is_at_least(fake: Fake, count: int) -> bool:
    return await fake.unanswered() >= count
