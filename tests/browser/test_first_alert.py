"""A cry for help, from a pretend phone to its end, as staff see it in their open windows."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.async_api import Page, Route, expect

from store import tables as t
from tests.browser.conftest import Windows, World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CRY = "i dont want to live"
ANSWER = "This is Amina. I read what you wrote. I am here with you. Can I call you now?"
_ALLOWED = timedelta(seconds=1)

# One clock for all windows of a browser: each window's own start and what has passed since.
_NOTE_SUBMIT = """() => addEventListener("submit", () => {
  window.sentAt = performance.timeOrigin + performance.now();
}, true)"""
_NOTE_ALERT = """() => {
  const list = document.getElementById("queue");
  const known = new Set([...list.children].map((row) => row.id));
  window.seen = new Promise((resolve) => new MutationObserver((_, observer) => {
    const row = [...list.children].find((one) => !known.has(one.id));
    if (!row) return;
    observer.disconnect();
    // Seen is what has been painted and has a size, not what merely stands in the tree.
    requestAnimationFrame(() => setTimeout(() => resolve({
      at: performance.timeOrigin + performance.now(), id: row.id, height: row.getBoundingClientRect().height,
    })));
  }).observe(list, {childList: true}));
}"""


async def _text(phones: Page, number: str, words: str) -> None:
    phone = phones.locator(".handset", has_text=number)
    await phone.locator("input[name=text]").fill(words)
    await phone.get_by_role("button", name="Send").click()


async def _until_seen(phones: Page, queue: Page, number: str) -> tuple[str, timedelta]:
    """Text the cry: the alert's code, and how long it took from the tap on Send to the open queue."""
    await queue.evaluate(_NOTE_ALERT)
    await _text(phones, number, CRY)
    seen = await queue.evaluate("() => window.seen")
    assert seen["height"] > 0
    sent_at = await phones.evaluate("() => window.sentAt")
    return seen["id"].removeprefix("a"), timedelta(milliseconds=seen["at"] - sent_at)


async def _open_the_wall(windows: Windows, number: str) -> Page:
    phones = await windows.open("grace", f"/console/phones?number=%2B{number.removeprefix('+')}")
    await phones.evaluate(_NOTE_SUBMIT)
    await expect(phones.locator("#pulse")).to_have_text("Live")
    return phones


async def _open_the_queue(windows: Windows, login: str) -> Page:
    queue = await windows.open(login)
    await expect(queue.locator("#pulse")).to_have_text("Live")
    return queue


async def _alert(world: World, code: str) -> dict[str, Any]:
    a = t.alert
    async with world.database.read() as connection:
        found = await connection.execute(sa.select(a.c.state, a.c.outcome, a.c.level).where(a.c.code == code))
        return dict(found.mappings().one())


async def test_a_cry_for_help_is_seen_within_a_second_taken_answered_on_the_phone_and_closed(
    world: World, windows: Windows, capsys: pytest.CaptureFixture[str]
) -> None:
    phones = await _open_the_wall(windows, world.person.number)
    amina, joseph = await _open_the_queue(windows, "amina"), await _open_the_queue(windows, "joseph")
    await expect(amina.locator("#empty")).to_be_visible()

    code, took = await _until_seen(phones, amina, world.person.number)
    if took >= _ALLOWED:  # a busy machine gets one more try, with somebody else's cry
        other = await world.someone()
        phones = await _open_the_wall(windows, other.number)
        code, took = await _until_seen(phones, amina, other.number)
    with capsys.disabled():
        print(f"\n  from Send on the phone to the alert in the open queue ({world.database.kind}): {took}")
    assert took < _ALLOWED
    row = f"#a{code}"
    assert await amina.locator("#say").text_content() == f"New alert {code}: High, Kisima"
    await expect(joseph.locator(row)).to_contain_text("Nobody has it")

    await amina.locator(row).get_by_role("link").click()
    await expect(amina.get_by_role("button", name="Show the conversation")).to_be_visible()
    await amina.get_by_role("button", name="Take this alert").click()
    await expect(amina.locator(".talk")).to_contain_text(CRY)
    await expect(joseph.locator(row)).to_contain_text("Amina Yusuf")
    await expect(joseph.locator(row)).not_to_contain_text("Nobody has it")

    await amina.get_by_label("Your words go to the person’s phone").fill(ANSWER)
    await amina.locator("#reply").get_by_role("button", name="Send").click()
    await expect(phones.locator(".screen", has_text=CRY)).to_contain_text(ANSWER)
    await expect(amina.locator(".talk")).to_contain_text("delivered", ignore_case=True)

    await _close(amina, "SAFE_SUPPORTED")
    refusal = amina.locator("#acts").get_by_role("alert")
    await expect(refusal).to_have_text(
        "This outcome says the person was reached: log the attempt that reached them first."
    )
    assert (await _alert(world, code))["state"] == "taken"
    await _unfold(amina, "Log an attempt to reach the person")
    await amina.locator("#result").select_option("REACHED_SELF")
    await amina.get_by_role("button", name="Save the attempt").click()
    await expect(amina.locator("[data-part=story]")).to_contain_text("Reached the person")
    await _close(amina, "SAFE_SUPPORTED")
    await expect(amina.locator(".top")).to_contain_text("Reached, safe, support given")
    assert await _alert(world, code) == {"state": "closed", "outcome": "SAFE_SUPPORTED", "level": 3}

    await expect(joseph.locator(row)).to_have_count(0)
    await amina.get_by_role("link", name="All alerts").click()
    await expect(amina.locator(row)).to_have_count(0)


async def _unfold(page: Page, title: str) -> None:
    if await page.locator("details:not([open])", has_text=title).count():
        await page.get_by_text(title).click()


async def _close(page: Page, outcome: str) -> None:
    await _unfold(page, "Close with an outcome")
    await page.locator("#outcome").select_option(outcome)
    await page.locator("#close-note").fill("Talked for a while, she is with her sister tonight.")
    await page.get_by_role("button", name="Close the alert").click()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_who_takes_it_shows_on_a_colleagues_open_page_and_his_half_written_note_stays(
    world: World, windows: Windows
) -> None:
    await world.text(world.person, CRY)
    pages = [await windows.open(login) for login in ("amina", "joseph")]
    for page in pages:
        await page.locator("#queue a").click()
        await expect(page.get_by_role("button", name="Take this alert")).to_be_visible()
    amina, joseph = pages
    await joseph.get_by_text("Add a note").click()
    await joseph.get_by_label("For colleagues; never sent").fill("His brother says")

    # The service is away for a moment when the change is fetched: nothing is lost, and it is fetched again.
    refusals = await _refuse_once(joseph)
    await amina.get_by_role("button", name="Take this alert").click()
    await expect(joseph.locator(".top")).to_contain_text("Amina Yusuf", timeout=10_000)
    assert len(refusals) == 1
    await expect(joseph.get_by_role("button", name="Take this alert")).to_have_count(0)
    await expect(joseph.get_by_label("For colleagues; never sent")).to_have_value("His brother says")
    await joseph.get_by_role("button", name="Save the note").click()
    await expect(amina.locator("[data-part=story]")).to_contain_text("His brother says")
    windows.complaints = [one for one in windows.complaints if "status of 503" not in one]


async def _refuse_once(page: Page) -> list[str]:
    """The next time the page fetches itself it gets a 503: the addresses that were refused."""
    refused: list[str] = []

    async def answer(route: Route) -> None:
        if "x-refresh" not in route.request.headers or refused:
            await route.continue_()
            return
        refused.append(route.request.url)
        await route.fulfill(status=503, body="")

    await page.route("**/console/alerts/*", answer)
    return refused
