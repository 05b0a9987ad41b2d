"""Every page on a small phone, in light and in dark, by keyboard, without scripts, and light enough for a slow line."""

import re
from collections.abc import Sequence

import pytest
from playwright.async_api import Page, expect

from cases.ladder import climb_due
from store import tables as t
from tests.browser.conftest import PASSWORD, Person, Windows, World
from tests.builders import rows

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

_HEAVIEST = 100_000  # bytes on the wire, the page with its style sheet, script and pictures, nothing cached
_WIDTH = 360
_LONG = "I walked to the clinic and then to my brother and nobody had any time for me, " * 6
_WORST = "https://example.org/" + "a" * 120


async def _a_busy_day(world: World) -> Sequence[Person]:
    """Alerts of several kinds, tasks, long words, people whose phones others read."""
    shared = await world.someone(code="KS-LONGEST-CODE-OF-ALL-0099", phone_kind="shared", safe_word="mango", missed=2)
    await world.text(world.person, "i dont want to live")
    await world.text(world.person, f"{_LONG} {_WORST}")
    await world.text(shared, "my husband beat me and the children again last night, i want to die")
    stranger = Person(0, "", "+19995559999")
    await world.text(stranger, "call me")
    await world.text(await world.someone(), "xkcd qwpo zzzk")
    return (world.person, shared)


async def _alert_of(world: World, person: Person) -> str:
    (found,) = await rows(world.database, t.alert, t.alert.c.beneficiary_id == person.id)
    return str(found.code)


async def _paths(world: World, people: Sequence[Person]) -> dict[str, tuple[str, ...]]:
    """Who looks at which pages."""
    alerts = [f"/console/alerts/{await _alert_of(world, person)}" for person in people]
    persons = [f"/console/people/{person.id}" for person in people]
    parts = ("timeline", "plan", "referrals", "facts", "move", "messages")
    files = [f"/console/people/{people[0].id}/{part}" for part in parts]
    open_tasks = await rows(world.database, t.follow_up, t.follow_up.c.state == "open")
    tasks = [f"/console/tasks/{row.id}" for row in open_tasks[:1]]
    return {
        "amina": (
            "/console/alerts",
            *alerts,
            "/console/people",
            *persons,
            *files,
            *tasks,
            "/console/services",
            "/console/tasks",
            "/console/silence",
            "/console/sample",
        ),
        "grace": (
            "/console/campaigns",
            "/console/campaigns/new",
            *await _campaigns(world),
            "/console/rota",
            "/console/handover",
            "/console/supervision",
            "/console/accuracy",
            "/console/phones",
        ),
    }


async def _campaigns(world: World) -> list[str]:
    codes = [row.code for row in await rows(world.database, t.campaign)]
    return [f"/console/campaigns/{code}" for code in codes]


async def _plan(page: Page, name: str, day: str, hour: str) -> None:
    """A coordinator plans the weekly check-in for one day, through the page."""
    await page.goto("/console/campaigns")
    await page.get_by_role("link", name="New campaign").click()
    await page.get_by_label("Name, for staff only").fill(name)
    await page.get_by_label("Once, on one day").check()
    await page.locator("#date").fill(day)
    await page.locator("#hour").fill(hour)
    await page.get_by_role("button", name="Save and see what it sends").click()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_every_page_fits_a_narrow_phone_in_light_and_dark_and_is_light_on_the_line(
    world: World, windows: Windows
) -> None:
    people = await _a_busy_day(world)
    coordinator = await windows.open("grace")
    await _plan(coordinator, "A check-in with a name that is rather long for a small screen", "2026-03-04", "10:00")
    too_wide, too_heavy, small = [], [], []
    for login, paths in (await _paths(world, people)).items():
        for scheme in ("light", "dark"):
            page = await windows.open(
                login, viewport={"width": _WIDTH, "height": 740}, color_scheme=scheme, has_touch=True
            )
            for path in paths:
                weight = await _weigh(page, path)
                width = await page.evaluate("() => document.documentElement.scrollWidth")
                too_wide += [(path, scheme, width)] if width > _WIDTH else []
                too_heavy += [(path, weight)] if weight >= _HEAVIEST else []
                small += await page.evaluate(_SMALL_TARGETS)
    assert (too_wide, too_heavy, small) == ([], [], [])


# What a thumb must hit is at least 24 px high (WCAG 2.2, 2.5.8), links inside a sentence excepted.
_SMALL_TARGETS = """() => [...document.querySelectorAll(
    "button, input:not([type=hidden]), select, summary, a.row, nav a")]
  .map((one) => [one, (one.closest("label") || one).getBoundingClientRect()])
  .filter(([_, box]) => box.width && box.height < 24)
  .map(([one, box]) => `${location.pathname} ${one.outerHTML.slice(0, 60)} ${box.height}`)"""


async def _weigh(page: Page, path: str) -> int:
    """Bytes on the wire for the page and all that belongs to it. The live stream never ends and is not counted."""
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    weights: list[int] = []
    session.on("Network.loadingFinished", lambda event: weights.append(int(event["encodedDataLength"])))
    await page.goto(path, wait_until="load")
    await session.detach()
    assert len(weights) >= 3, f"{path}: the page came without its style sheet or script"
    return sum(weights)


async def test_without_scripts_an_alert_is_taken_answered_and_closed(world: World, windows: Windows) -> None:
    await world.text(world.person, "i dont want to live")
    page = await windows.open("amina", java_script_enabled=False)
    await page.locator("#queue a").click()
    await page.get_by_role("button", name="Take this alert").click()
    await page.locator("#text").fill("This is Amina. Can I call you now?")
    await page.locator("#reply").get_by_role("button", name="Send").click()
    await expect(page.locator(".talk")).to_contain_text("Can I call you now?")
    await page.locator("#result").select_option("REACHED_SELF")
    await page.get_by_role("button", name="Save the attempt").click()
    await page.get_by_text("Close with an outcome").click()
    await page.locator("#outcome").select_option("SAFE_SUPPORTED")
    await page.locator("#close-note").fill("She is with her sister tonight.")
    await page.get_by_role("button", name="Close the alert").click()
    await expect(page.locator(".top")).to_contain_text("Reached, safe, support given")
    await page.get_by_role("link", name="All alerts").click()
    await expect(page.locator("#empty")).to_contain_text("Nobody is waiting")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_keyboard_alone_reaches_the_first_alert_and_takes_it(world: World, windows: Windows) -> None:
    await world.text(world.person, "i dont want to live")
    page = await windows.open("amina")
    opened = await _tab_to(page, "#queue a")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Take this alert")).to_be_visible()
    taken = await _tab_to(page, "form[action$='/take'] button")
    await page.keyboard.press("Enter")
    await expect(page.locator(".top")).to_contain_text("Yours")
    assert opened <= 24
    assert taken <= 16  # past the menu, as long as it is for her role; the skip link is shorter


async def _tab_to(page: Page, selector: str) -> int:
    """Press Tab until the element has the focus, visibly: how often that took."""
    for presses in range(1, 60):
        await page.keyboard.press("Tab")
        outline = await page.evaluate(
            """(selector) => document.activeElement.matches(selector)
                ? getComputedStyle(document.activeElement).outlineStyle : null""",
            selector,
        )
        if outline is not None:
            assert outline != "none"
            return presses
    raise AssertionError(f"Tab never reaches {selector}")


async def test_a_campaign_is_planned_started_answered_on_a_phone_and_shows_in_the_persons_page(
    world: World, windows: Windows
) -> None:
    await world.text(world.person, "hello")
    grace = await windows.open("grace")
    await _plan(grace, "First week", "2026-03-03", "12:40")  # in Nairobi; it is noon there now
    await expect(grace.locator("tfoot")).to_have_text(re.compile(r"Together\s*1\s*1\s*"))
    await expect(grace.locator(".sms", has_text="How are you this week?")).to_be_visible()
    await grace.get_by_role("button", name="Start it").click()
    await expect(grace.locator(".top")).to_contain_text("Running")
    # Planned now, due in forty minutes: the message waits in the outbox until its hour.
    await _until_planned(grace)

    phones = await windows.open("grace", "/console/phones")
    screen = phones.locator(".screen")
    await expect(phones.locator("#pulse")).to_have_text("Live")
    await expect(screen).not_to_contain_text("How are you this week?")
    _pass_time(world, minutes=41)
    await expect(screen).to_contain_text("STOP to end")  # before the first check-in ever, what it is and how to end it
    _pass_time(world, minutes=2)
    await expect(screen).to_contain_text("How are you this week?")
    await phones.locator(".handset", has_text=world.person.number).locator("input[name=text]").fill("1")
    await phones.keyboard.press("Enter")
    await expect(screen.locator(".say").last).to_contain_text(re.compile("thank", re.IGNORECASE))

    amina = await windows.open("amina", f"/console/people/{world.person.id}")
    await expect(amina.locator(".line")).to_contain_text("How are you this week?")
    await expect(amina.locator(".line")).to_contain_text("fine")
    await grace.reload()
    await expect(grace.locator(".facts", has_text="Planned")).to_contain_text("Answered1")


def _pass_time(world: World, **delta: float) -> None:
    """Put the service's clock forward, and let what waits for an hour look at it again."""
    world.clock.forward(**delta)
    world.database.signals.send(("outbox", "timers"))


async def _until_planned(page: Page) -> None:
    for _ in range(40):
        await page.reload()
        if "Planned1" in (await page.locator(".facts", has_text="Planned").text_content() or ""):
            return
        await page.wait_for_timeout(250)
    raise AssertionError("the campaign was started and nothing was planned")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_was_written_before_the_session_ended_can_still_be_sent_after_logging_in_again(
    world: World, windows: Windows
) -> None:
    await world.text(world.person, "i dont want to live")
    page = await windows.open("amina")
    await page.locator("#queue a").click()
    await page.get_by_role("button", name="Take this alert").click()
    await page.locator("#text").fill("I read what you wrote.\nCan I call you now?")
    world.clock.forward(minutes=61)
    await climb_due(world.database, world.clock, world.url)  # nobody tried to reach the person: back to the queue
    await page.locator("#reply").get_by_role("button", name="Send").click()
    for password in ("a wrong password", PASSWORD):
        await page.get_by_text("Log in: your text is kept here").wait_for()
        await page.fill("#login", "amina")
        await page.fill("#password", password)
        await page.click("button.main")
    await expect(page.locator("textarea")).to_have_value("I read what you wrote.\nCan I call you now?")
    assert await rows(world.database, t.outbox, t.outbox.c.purpose == "staff_reply") == []
    await page.get_by_role("button", name="Send it now").click()
    await expect(page.locator("#reply").get_by_role("alert")).to_contain_text("take it first")
    await page.get_by_role("button", name="Take the alert and send").click()
    await expect(page.locator(".talk")).to_contain_text("I read what you wrote. Can I call you now?")
    (reply,) = await rows(world.database, t.outbox, t.outbox.c.purpose == "staff_reply")
    assert reply.text == "I read what you wrote.\nCan I call you now?"
