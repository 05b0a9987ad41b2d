"""Two staff in two windows answer the same alert; prepared replies, the card, the cost and the notices, by hand."""

import re

import pytest
from playwright.async_api import Page, expect

from store import tables as t
from tests.browser.conftest import Windows, World
from tests.builders import a_staff_member, rows

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]
CRY = "i dont want to live"


async def _opened(windows: Windows, login: str) -> Page:
    page = await windows.open(login)
    await page.locator("#queue a").first.click()
    await expect(page.locator(".top")).to_be_visible()
    return page


async def _sent(world: World) -> list[str]:
    return [row.text for row in await rows(world.database, t.outbox, t.outbox.c.purpose == "staff_reply")]


async def test_of_two_who_answer_the_same_alert_the_second_reads_the_first_answer_before_any_of_theirs_goes(
    world: World, windows: Windows
) -> None:
    await world.text(world.person, CRY)
    amina, joseph = await _opened(windows, "amina"), await _opened(windows, "joseph")
    await amina.get_by_role("button", name="Take this alert").click()
    await amina.locator("#text").fill("This is Amina, I am here.")
    await expect(joseph.get_by_role("button", name="Take this alert")).to_have_count(0)
    await expect(joseph.locator("#reply")).to_have_count(0)

    # She hands it to him, he answers and hands it back, while her half-written answer is still open in a second window.
    second = await amina.context.new_page()
    await second.goto(amina.url)
    await second.get_by_text("Pass it on").first.click()
    await second.locator("#to").select_option(label="Joseph Otieno, psychosocial officer (en)")
    await second.locator("#acts").get_by_role("button", name="Pass it on").click()
    await joseph.reload()
    await joseph.locator("#text").fill("This is Joseph. Can I call you?")
    await joseph.locator("#reply").get_by_role("button", name="Send", exact=True).click()
    await expect(joseph.locator(".talk")).to_contain_text("This is Joseph.")
    await joseph.get_by_text("Pass it on").first.click()
    await joseph.locator("#to").select_option(label="Amina Yusuf, psychosocial officer (en)")
    await joseph.locator("#acts").get_by_role("button", name="Pass it on").click()

    await amina.locator("#reply").get_by_role("button", name="Send", exact=True).click()
    await expect(amina.locator("#reply").get_by_role("alert")).to_have_text(
        re.compile(r"Joseph Otieno answered \d+ min ago\. Read it first\.")
    )
    await expect(amina.locator(".talk")).to_contain_text("This is Joseph.")
    await expect(amina.locator("#text")).to_have_value("This is Amina, I am here.")
    assert await _sent(world) == ["This is Joseph. Can I call you?"]
    await amina.locator("#reply").get_by_role("button", name="Send", exact=True).click()
    await expect(amina.locator(".talk")).to_contain_text("This is Amina, I am here.")
    assert len(await _sent(world)) == 2


async def test_a_prepared_reply_is_tapped_into_the_box_its_gap_is_marked_and_the_cost_counted(
    world: World, windows: Windows
) -> None:
    await world.text(world.person, CRY)
    page = await _opened(windows, "amina")
    await page.get_by_role("button", name="Take this alert").click()
    await page.get_by_text("Prepared replies").click()
    await page.locator("button[value=will_call]").click()
    await expect(page.locator("#text")).to_have_value(re.compile(r"call you at \{time\}\."))
    await page.keyboard.type("15:30")  # what is marked is replaced
    await expect(page.locator("#text")).to_have_value(re.compile(r"call you at 15:30\."))
    await expect(page.locator("#cost")).to_have_text(re.compile(r"^\d+ of 160 characters · 1 SMS$"))
    await page.locator("#text").fill("ا" * 71)
    await expect(page.locator("#cost")).to_contain_text("2 SMS · This costs 2 messages.")


async def test_ticking_a_step_shows_on_a_colleagues_open_page(world: World, windows: Windows) -> None:
    await world.text(world.person, CRY)
    amina, joseph = await _opened(windows, "amina"), await _opened(windows, "joseph")
    await amina.get_by_role("button", name="Take this alert").click()
    step = amina.get_by_role("button", name="Ask by voice, plainly")
    await step.click()
    await expect(step).to_have_attribute("aria-pressed", "true")
    await expect(joseph.locator("#protocol .on")).to_contain_text("Ask by voice, plainly")
    await expect(joseph.locator("#protocol")).to_contain_text("1 of 5 done")


@pytest.mark.parametrize("width", [360])
async def test_on_a_small_phone_the_card_is_folded_and_one_tap_away(world: World, windows: Windows, width: int) -> None:
    await world.text(world.person, CRY)
    page = await windows.open("amina", viewport={"width": width, "height": 720})
    await page.locator("#queue a").first.click()
    await expect(page.locator("#protocol .steps")).to_be_hidden()
    await page.get_by_role("link", name="What to do next").click()
    await expect(page.locator("#protocol .steps")).to_be_visible()
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width


_RECORD_NOTICES = """() => {
  window.notices = [];
  window.Notification = class {
    constructor(title, options) { window.notices.push([title, options]); }
    static get permission() { return window.allowed || "default"; }
    static async requestPermission() { window.allowed = "granted"; return "granted"; }
  };
}"""


async def test_a_notice_of_a_new_alert_says_its_code_level_and_site_and_no_more(world: World, windows: Windows) -> None:
    page = await windows.open("amina")
    await page.evaluate(_RECORD_NOTICES)
    await expect(page.locator("#pulse")).to_have_text("Live")
    bell = page.locator("#bell")
    await world.text(world.person, CRY)
    await expect(page.locator("#queue a")).to_have_count(1)
    assert await page.evaluate("window.notices") == []  # nobody asked for them
    await bell.click()
    await expect(bell).to_have_text("Sound and notices are on")
    await expect(bell).to_have_attribute("aria-pressed", "true")
    other = await world.someone(code="KS-0099")
    await world.text(other, CRY)
    await expect(page.locator("#queue a")).to_have_count(2)
    alerts = {alert.beneficiary_id: alert.code for alert in await rows(world.database, t.alert)}
    code = alerts[other.id]
    assert await page.evaluate("window.notices") == [[f"New alert {code}: High, Kisima", {"tag": code}]]


async def test_a_supervisor_is_asked_and_says_not_yet(world: World, windows: Windows) -> None:
    await a_staff_member(
        world.database, login="ruth", name="Ruth", role="supervisor", site_ids=[world.site],
        password=await _a_password(world),
    )  # fmt: skip
    await world.text(world.person, CRY)
    amina = await _opened(windows, "amina")
    await amina.get_by_role("button", name="Take this alert").click()
    await amina.get_by_text("Log an attempt").first.wait_for()
    await amina.locator("#result").select_option("REACHED_SELF")
    await amina.get_by_role("button", name="Save the attempt").click()
    ruth = await _opened(windows, "ruth")
    await amina.get_by_text("Close with an outcome").click()
    await amina.locator("#outcome").select_option("DECLINED_SUPPORT")
    await amina.locator("#close-note").fill("She wants no help from us.")
    await amina.get_by_role("button", name="Ask a supervisor to close it").click()
    await expect(ruth.locator("#asked")).to_contain_text("Amina Yusuf asks to close it")
    await ruth.get_by_text("Not yet", exact=True).click()
    await ruth.locator("#refuse-why").fill("Visit her first.")
    await ruth.get_by_role("button", name="Tell them").click()
    await expect(ruth.locator("#asked")).to_have_count(0)
    await expect(amina.locator("#asked")).to_have_count(0)
    await expect(amina.locator("[data-part=story]")).to_contain_text("Visit her first.")


async def _a_password(world: World) -> str:
    (amina,) = await rows(world.database, t.staff, t.staff.c.login == "amina")
    return str(amina.password)
