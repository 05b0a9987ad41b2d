"""The language of a page: how it is chosen, and that every word on it comes through the catalogues."""

import ast
import json
import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from cases.rules import AlertRuleError
from console import language, pages, words
from console.language import OWN_NAMES, preferred, say
from content.sentence import Sentence
from store.database import Database

CONSOLE = Path(language.__file__).parent
ROOT = CONSOLE.parent


# --- choosing ---


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ("fr", "fr"),
        ("fr-TD,fr;q=0.9,en;q=0.8", "fr"),
        ("en;q=0.5, ar-SD;q=0.9", "ar"),
        ("sw, so;q=0.9", None),
        ("sw, pt;q=0.3", "pt"),
        ("de, *;q=0.1", None),
        ("ar;q=0, es;q=0.1", "es"),
        ("fr;q=a, es", "es"),
        (";;;,,,q=", None),
        ("PT-br", "pt"),
    ],
)
def test_the_browsers_wish_is_read(header: str, expected: str | None) -> None:
    assert preferred(header) == expected


async def _spoken(browser: Any, **headers: str) -> str:
    answer = await browser.get("/login", **headers)
    found = re.search(r'<html lang="(\w+)" dir="(\w+)">', await answer.text())
    assert found is not None
    assert answer.headers["Content-Language"] == found[1]
    assert found[2] == ("rtl" if found[1] == "ar" else "ltr")
    return found[1]


async def test_a_page_speaks_what_was_chosen_before_what_the_browser_wants(
    sqlite_database: Database, serve: Any
) -> None:
    browser = await serve(sqlite_database)
    wish = {"Accept-Language": "es-CO, en;q=0.5"}
    before = [await _spoken(browser), await _spoken(browser, **wish)]
    answer = await browser.post("/language", language="ar", next="/console/login")
    after = [await _spoken(browser), await _spoken(browser, **wish)]
    assert (answer.status, answer.headers["Location"]) == (303, "/console/login")
    assert (before, after) == (["en", "es"], ["ar", "ar"])


async def test_without_a_wish_of_ours_a_page_speaks_as_the_staff_member_does(
    sqlite_database: Database, log_in: Any
) -> None:
    browser = await log_in(sqlite_database, languages=["so", "ar", "en"])
    somali = await browser.get("/alerts", **{"Accept-Language": "so-SO"})
    french = await browser.get("/alerts", **{"Accept-Language": "fr"})
    assert [answer.headers["Content-Language"] for answer in (somali, french)] == ["ar", "fr"]


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/console//evil.example", "/api/v1", ""])
async def test_the_choice_leads_back_to_our_own_pages_only(sqlite_database: Database, serve: Any, target: str) -> None:
    answer = await (await serve(sqlite_database)).post("/language", language="fr", next=target)
    assert answer.headers["Location"] == "/console/alerts"


async def test_a_language_that_is_not_ours_and_another_sites_form_are_refused(
    sqlite_database: Database, serve: Any
) -> None:
    browser = await serve(sqlite_database)
    unknown = await browser.post("/language", language="xx", next="/console/login")
    foreign = await browser.post("/language", headers={"Sec-Fetch-Site": "cross-site"}, language="fr")
    assert [(a.status, a.headers.get("Set-Cookie")) for a in (unknown, foreign)] == [(400, None), (403, None)]


async def test_the_choice_stands_on_pages_that_can_be_loaded_again_and_not_beside_what_was_typed(
    sqlite_database: Database, serve: Any
) -> None:
    browser = await serve(sqlite_database)
    shown = await browser.text("/login?next=/console/tasks")
    refused = await (await browser.post("/login", login="nobody", password="x")).text()
    assert 'name="next" value="/console/login?next=/console/tasks"' in unescape(shown)
    assert [f'value="{code}"' in shown for code in OWN_NAMES] == [True] * 5
    assert "/console/language" not in refused


# --- saying ---


def test_a_sentence_of_a_lower_floor_is_english_text_that_can_be_said_again() -> None:
    made = Sentence("Alert %(code)s is with %(name)s.", code="A7K2", name="Amina")
    assert (made, made.pattern) == ("Alert A7K2 is with Amina.", "Alert %(code)s is with %(name)s.")
    assert Sentence("100 % sure") == "100 % sure"
    assert say(Sentence("%(what)s Twice.", what=made)) == "Alert A7K2 is with Amina. Twice."
    assert say(AlertRuleError(made)) == "Alert A7K2 is with Amina."
    assert [say("Anything else"), say(AlertRuleError()), say("")] == ["Anything else", "", ""]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (59, "under a minute left"),
        (12 * 60, "12 min left"),
        (5 * 3600 + 120, "5 h 2 min left"),
        (6 * 3600 + 120, "6 h left"),
        (50 * 3600, "2 d 2 h left"),
        (-180, "late by 3 min"),
    ],
)
def test_the_time_that_is_left_is_said_in_words(seconds: int, expected: str) -> None:
    now = datetime(2026, 3, 3, tzinfo=UTC)
    assert pages.time_left(now + timedelta(seconds=seconds), now) == expected


def test_dates_and_numbers_in_english() -> None:
    moment = datetime(2026, 3, 3, 9, 4, tzinfo=UTC)
    assert [
        pages.at(moment, "Africa/Nairobi"),
        pages.day(moment, "Africa/Nairobi"),
        pages.date_words(date(2026, 3, 3)),
        pages.weekday(0),
        pages.zone_words("Africa/Dar_es_Salaam"),
        pages.number(7.5),
        pages.number(3.0),
    ] == ["Tue 3 Mar, 12:04", "Tuesday 3 March 2026", "Tue 3 Mar", "Monday", "Dar es Salaam time", "7.5", "3"]


# --- every word comes through the catalogues ---

_TEMPLATES = sorted((CONSOLE / "templates").glob("*.html"))
_NAMES = {"Hujambo"}  # the same in every language
_SPOKEN_ATTRIBUTES = re.compile(r'(?:aria-label|placeholder|title|alt)="([^"]*)"')


@pytest.mark.parametrize("path", _TEMPLATES, ids=lambda path: path.name)
def test_no_template_says_a_word_past_the_catalogues(path: Path) -> None:
    markup = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    texts = re.findall(r">([^<>]+)", markup) + _SPOKEN_ATTRIBUTES.findall(markup)
    words_found = {word for text in texts for word in re.findall(r"[A-Za-z]{2,}", re.sub(r"&\w+;", "", text))}
    assert words_found - _NAMES == set()


def test_tables_of_words_are_never_read_past_the_catalogues() -> None:
    """`words.ROUTES[code]` would be English on every page; `words.label(words.ROUTES, code)` is not."""
    files = [*_TEMPLATES, *sorted(CONSOLE.glob("**/*.py"))]
    found = [
        f"{path.name}: {hit}"
        for path in files
        if path.name != "words.py"
        for hit in re.findall(r"\bwords\.[A-Z_]+(?:\[|\.(?:get|items|values)\()", path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_every_table_of_words_is_one_that_the_extractor_reads() -> None:
    tree = ast.parse((CONSOLE / "words.py").read_text(encoding="utf-8"))
    read = {
        node.target.id
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(node.value, ast.Dict)
    }
    assert {name for name in vars(words) if name.isupper()} == read


@pytest.mark.parametrize("room", ["cases", "scheduler", "console"])
def test_an_errors_sentence_is_put_together_by_Sentence_and_not_by_python(room: str) -> None:  # noqa: N802
    """An f-string is English for good: nobody can find its pattern again."""
    errors = {"AlertRuleError", "CaseError", "ConsentError", "CampaignError", "PlanError", "FormError"}
    spoken = errors | {"Sentence", "_", "gettext"}
    wrong = []
    for path in sorted((ROOT / room).glob("**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in spoken:
                wrong += [f"{path.name}:{node.lineno}" for arg in node.args if isinstance(arg, ast.JoinedStr)]
    assert wrong == []


async def test_the_script_has_all_its_words_from_the_page(sqlite_database: Database, serve: Any) -> None:
    page = await (await serve(sqlite_database)).text("/login")
    found = re.search(r'data-words="([^"]*)"', page)
    assert found is not None
    given = json.loads(unescape(found[1]))
    script = (CONSOLE / "static" / "app.js").read_text(encoding="utf-8")
    assert set(given) == set(re.findall(r"\bwords\.(\w+)", script))
    assert given["late"] == "late by {}"
