"""Every page in every language for people who hear it or work it by keys: axe finds nothing, Tab reaches everything."""

import re
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, ViewportSize, expect

from console.app import _ROUTES, _WALL_ROUTES
from console.language import COOKIE, OWN_NAMES
from tests.browser.conftest import Windows, World
from tests.browser.test_pages import _a_busy_day, _alert_of, _paths, _plan

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

_AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
# All that WCAG 2.2 AA asks, whatever axe thinks of its weight, and its advice on headings, landmarks and live parts.
_RUN = """async ([where, colours]) => (await axe.run(where, {
    resultTypes: ["violations"], rules: {"color-contrast": {enabled: colours}}, elementRef: false,
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})).violations
  .map((v) => `${v.impact} ${v.id}: ${v.nodes.map((n) => n.html.slice(0, 90)).slice(0, 3).join(" | ")}`)"""
_UNFOLD = "(which) => document.querySelectorAll(which).forEach((one) => { one.open = true; })"
_PHONE = ViewportSize(width=360, height=740)
_DESK = ViewportSize(width=1280, height=800)
_NOT_PAGES = re.compile(r"/static/|/live$|^/$")


async def _speak(page: Page, world: World, language: str) -> None:
    await page.context.add_cookies([{"name": COOKIE, "value": language, "url": f"{world.url}/console"}])


async def _faults(page: Page, *, colours: bool = True) -> list[str]:
    """What axe finds with everything unfolded. Its script is evaluated, not added: the page's content policy stands."""
    await page.evaluate(_AXE)
    await page.evaluate(_UNFOLD, "details:not(.me)")
    found: list[str] = await page.evaluate(_RUN, ["html", colours])
    if await page.locator(".me").count():
        await page.evaluate(_UNFOLD, ".me")  # by itself: it lies over the page
        found += await page.evaluate(_RUN, [".me", colours])
    return [f"{page.url.split('/console')[1]} {fault}" for fault in found]


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_axe_finds_nothing_on_any_page_in_any_language_and_none_is_wider_than_a_phone(
    world: World, windows: Windows
) -> None:
    people = await _a_busy_day(world)
    await _plan(await windows.open("grace"), "A check-in", "2026-03-04", "10:00")
    paths = await _paths(world, people)
    pages = [(await windows.open(login), path) for login, path in paths.items()]
    pages += [(await windows.open("amina"), ("/console/campaigns",))]  # the page that says no
    pages += [(await windows.open(), ("/console/login",))]
    faults, too_wide, seen = [], [], set()
    for number, language in enumerate(OWN_NAMES):
        for page, addresses in pages:
            await _speak(page, world, language)
            await page.emulate_media(color_scheme="dark" if number % 2 else "light")
            for path in addresses:
                await page.set_viewport_size(_PHONE)
                await page.goto(path)
                assert await page.locator("html").get_attribute("lang") == language
                width = await page.evaluate("() => document.documentElement.scrollWidth")
                too_wide += [(language, path, width)] if width > _PHONE["width"] else []
                await page.set_viewport_size(_PHONE if number < 3 else _DESK)
                # Colours are those of the style sheet, whatever the language: looked at once in light and once in dark.
                faults += await _faults(page, colours=number < 2)
                seen |= {path, urlsplit(page.url).path}  # some lead on to another
    assert (faults, too_wide) == ([], [])
    assert [pattern for pattern in _pages() if not any(_fits(pattern, path) for path in seen)] == []


def _pages() -> list[str]:
    """The console's pages: a new one is looked at as soon as it stands in `_paths` of test_pages.py."""
    return [r.path for r in (*_ROUTES, *_WALL_ROUTES) if r.method == "GET" and not _NOT_PAGES.search(r.path)]


def _fits(pattern: str, path: str) -> bool:
    return re.fullmatch("/console" + re.sub(r"\{\w+\}", "[^/]+", pattern), path) is not None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_axe_would_find_a_field_without_a_name_and_pale_text(windows: Windows) -> None:
    page = await windows.open("", "/console/login")
    await page.goto("/console/login")
    await page.evaluate("""() => {
        const field = document.querySelector("main").appendChild(document.createElement("input"));
        field.style.color = "#ddd"; field.style.background = "#fff";
        const pale = document.querySelector("main").appendChild(document.createElement("p"));
        pale.textContent = "pale"; pale.style.color = "#ddd"; pale.style.background = "#fff"; }""")
    found = " ".join(await _faults(page))
    assert "critical label" in found
    assert "serious color-contrast" in found


# What Tab should reach: what can be used and is shown. Of a group of radio buttons one; arrows do the rest.
_REACHABLE = """() => [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
  .filter((one) => one.checkVisibility({visibilityProperty: true}) && !one.disabled)
  .filter((one) => one.type !== "radio" || one === document.querySelector(`input[type=radio][name="${one.name}"]`))
  .map((one, index) => { one.dataset.stop = String(index); return one.outerHTML.slice(0, 80); })"""
_FOCUSED = """() => { const one = document.activeElement, style = getComputedStyle(one);
  return {stop: one.dataset.stop ?? "", shown: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
          radio: one.type === "radio" ? one.name : ""}; }"""


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_tab_reaches_everything_on_the_alert_page_in_reading_order_and_shows_where_it_is(
    world: World, windows: Windows, language: str
) -> None:
    await world.text(world.person, "i dont want to live")
    page = await windows.open("amina")
    await _speak(page, world, language)
    await page.goto(f"/console/alerts/{await _alert_of(world, world.person)}")
    await page.locator("form[action$='/take'] button").click()
    await page.wait_for_url("**done=taken")
    await page.evaluate("() => document.querySelectorAll('.acts details').forEach((one) => { one.open = true; })")
    wanted: list[str] = await page.evaluate(_REACHABLE)
    order: list[int] = []
    hidden: list[str] = []
    for _ in range(len(wanted) + 12):
        await page.keyboard.press("Tab")
        at: dict[str, Any] = await page.evaluate(_FOCUSED)
        # A date has several stops of its own inside.
        if at["stop"] and int(at["stop"]) != (order or [-1])[-1]:
            order.append(int(at["stop"]))
            hidden += [] if at["shown"] else [wanted[order[-1]]]
        if len(order) == len(wanted):
            break
    assert [wanted[i] for i in range(len(wanted)) if i not in order] == []
    assert order == sorted(order)
    assert hidden == []
    assert len(wanted) >= 25


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_first_tab_offers_to_skip_to_the_content_and_does(world: World, windows: Windows) -> None:
    page = await windows.open("amina", "/console/people")
    await page.keyboard.press("Tab")
    skip = page.locator(".skip")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.locator("main :focus")).to_have_count(1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_new_danger_is_read_aloud_at_once_and_changes_of_an_alert_politely_in_the_pages_language(
    world: World, windows: Windows
) -> None:
    page = await windows.open("amina")
    await _speak(page, world, "ar")
    await page.reload()
    await expect(page.locator("#pulse")).to_have_text("مباشر")
    await world.text(world.person, "i dont want to live")
    say = page.locator("#say")
    await expect(say).to_contain_text("تنبيه جديد")
    await expect(say).to_have_attribute("aria-live", "assertive")
    await expect(page.locator("#queue .ow")).to_have_text("لم يتسلمه أحد")
    await expect(page.locator("#queue .dl")).to_contain_text("بقي")
    await page.locator("#queue a").click()
    await expect(page.locator("#say")).to_have_attribute("aria-live", "polite")
    await world.text(world.person, "please answer me")
    await expect(page.locator("#say")).to_have_text("تغير هذا التنبيه")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_language_is_chosen_at_the_foot_of_the_page_without_scripts_and_stays(
    world: World, windows: Windows
) -> None:
    page = await windows.open(
        "amina", "/console/people", java_script_enabled=False, viewport={"width": 360, "height": 740}
    )
    await page.get_by_role("button", name="العربية").click()
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    await expect(page.get_by_role("heading", level=1)).to_have_text("الأشخاص")
    assert page.url.endswith("/console/people")
    await page.goto("/console/tasks")
    await page.get_by_role("button", name="Français").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Tâches")
    await expect(page.locator("html")).to_have_attribute("lang", "fr")
