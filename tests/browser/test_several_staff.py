"""Several staff, each in a window or with a telephone only: nobody moves, somebody works it by SMS, and what must not
leak does not."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from playwright.async_api import Page, expect

from content.pack import load_pack
from content.schema import Level
from store import tables as t
from tests.browser.conftest import Windows, World
from tests.browser.test_answering import _RECORD_NOTICES
from tests.builders import a_number, a_staff_member, on_rota, rows

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]
CRY = "i dont want to live"
_WORDS = ("mango", "peter", "shamba", "every night")  # of the texts below: they belong on no page, notice or log line


async def _staff_phone(world: World, name: str, rung: int, **values: Any) -> str:
    """A further officer with a pretend phone of their own; its number."""
    number = a_number()
    member = await a_staff_member(
        world.database, login=name.lower(), name=name, site_ids=[world.site], phone=number,
        password=values.pop("password", "!"), **values,
    )  # fmt: skip
    if rung:
        await on_rota(world.database, world.site, member, rung)
    return number


async def _texts_on(world: World, number: str) -> list[str]:
    assert world.service.wall is not None
    return [message.text for message in await world.service.wall.conversation(number) if not message.inbound]


async def _until_answered(world: World, number: str, count: int) -> str:
    """The newest text on a phone, once there are so many."""
    for _ in range(150):
        texts = await _texts_on(world, number)
        if len(texts) >= count:
            return texts[-1]
        await asyncio.sleep(0.1)
    raise AssertionError(f"{len(texts)} texts on the phone, expected {count}")


async def test_nobody_moves_it_climbs_and_the_next_works_it_by_sms_alone_under_the_rules(
    world: World, windows: Windows
) -> None:
    boto = await _staff_phone(world, "Boto", 2)
    amina, joseph = await windows.open("amina"), await windows.open("joseph")
    for page in (amina, joseph):
        await expect(page.locator("#pulse")).to_have_text("Live")
    await world.text(world.person, CRY)
    await expect(amina.locator("#queue a")).to_have_count(1)
    (alert,) = await rows(world.database, t.alert)
    assert await _texts_on(world, boto) == []

    # A quarter of an hour passes and nobody has taken it: the second rung is told.
    world.clock.forward(minutes=16)
    notice = await _until_answered(world, boto, 1)
    assert alert.code in notice
    assert not [word for word in CRY.split() if f" {word} " in f" {notice.lower()} " and word not in ("to", "i")]

    async def say(words: str, answers: int) -> str:
        assert world.service.wall is not None
        await world.service.wall.text(boto, words)
        return await _until_answered(world, boto, answers)

    assert (await say(alert.code, 2)).startswith(f"{alert.code} is yours.")
    for page in (amina, joseph):
        await expect(page.locator(f"#a{alert.code}")).to_contain_text("Boto")
        await expect(page.locator(f"#a{alert.code}")).not_to_contain_text("Nobody has it")
    assert (await say(f"END {alert.code} SAFE", 3)).startswith("Not done. This outcome says the person was reached")
    await expect(amina.locator(f"#a{alert.code}")).to_have_count(1)
    assert await say(f"TRY {alert.code} 1", 4) == f"Done: {alert.code} REACHED_SELF."
    assert await say(f"END {alert.code} SAFE calmer now", 5) == f"Done: {alert.code} SAFE_SUPPORTED."
    for page in (amina, joseph):
        await expect(page.locator(f"#a{alert.code}")).to_have_count(0)


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


async def test_duress_a_report_about_staff_and_a_shared_phone_leak_nothing(
    world: World, windows: Windows, lines: list[Any]
) -> None:
    phrases = load_pack().phrases
    hashed = (await rows(world.database, t.staff, t.staff.c.login == "amina"))[0].password
    forced = await world.someone(code="KS-0051", duress_word="mango")
    reporter = await world.someone(code="KS-0052")
    sharing = await world.someone(code="KS-0053", phone_kind="shared")
    focal = await _staff_phone(world, "Fofo", 0, role="focal_point", password=hashed)
    amina, joseph, fofo = await windows.open("amina"), await windows.open("joseph"), await windows.open("fofo")
    for page in (amina, joseph, fofo):
        await page.evaluate(_RECORD_NOTICES)
        await expect(page.locator("#pulse")).to_have_text("Live")
        await page.locator("#bell").click()

    # A report about staff: the queue of the site does not move, and only the focal point is told.
    before = await amina.locator("#queue").inner_html()
    await world.text(reporter, "your staff Peter asks me for sex before he gives the money")
    await expect(fofo.locator("#queue a")).to_have_count(1)
    (report,) = await rows(world.database, t.alert)
    assert (report.is_report, report.route) == (True, "misconduct")
    assert report.code in await _until_answered(world, focal, 1)
    assert await amina.locator("#queue").inner_html() == before
    told = {row.staff_id for row in await rows(world.database, t.outbox, t.outbox.c.purpose == "staff_alert")}
    assert told == {row.id for row in await rows(world.database, t.staff, t.staff.c.login == "fofo")}

    # The duress word: on the phone it looks like the end of an ordinary chat; staff see an imminent alert at once.
    await world.text(forced, "all is good, the mango is ripe at the shamba")
    await expect(amina.locator("#queue a")).to_have_count(1)
    assert await _until_answered(world, forced.number, 1) == phrases["duress", "en"]
    (duress,) = [row for row in await rows(world.database, t.alert) if row.id != report.id]
    assert (Level(duress.level), duress.is_silent) == (Level.IMMINENT, True)

    # A shared phone: the answer names nothing that others should not read.
    await world.text(sharing, "my husband beats me every night")
    await expect(amina.locator("#queue a")).to_have_count(2)
    said = (await _until_answered(world, sharing.number, 1)).lower()
    assert not [word for word in ("beat", "husband", "violence", "abuse", "hurt", "danger") if word in said]

    pages = [amina, joseph]
    sources = [str(await page.evaluate("window.notices")) for page in pages]
    assert all(duress.code in notices for notices in sources)
    sources += [await _source(page, path) for page in pages for path in _PATHS]
    sources += [await _source(amina, f"/console/people/{person.id}") for person in (forced, reporter, sharing)]
    sources.append(await _source(amina, f"/console/alerts/{duress.code}"))
    leaks = [
        (number, word)
        for number, source in enumerate(sources)
        for word in (*_WORDS, report.code, forced.number)
        if word.lower() in source.lower()
    ]
    assert leaks == []
    # For the site there is no such alert.
    for code in (report.code, "ZZZZ"):
        answer = await amina.goto(f"/console/alerts/{code}")
        assert answer is not None
        assert answer.status == 404
    windows.complaints = [one for one in windows.complaints if "status of 404" not in one]
    numbers = (forced.number, reporter.number, sharing.number, focal)
    assert not [line for line in lines if any(word in str(line).lower() for word in (*_WORDS, *numbers))]


_PATHS = ("/console/alerts", "/console/people", "/console/tasks", "/console/people?q=KS-0052", "/console/silence")


async def _source(page: Page, path: str) -> str:
    await page.goto(path)
    return await page.content()
