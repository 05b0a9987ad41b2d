"""The catalogues: nothing missing, nothing left over, nothing that breaks a page; and whole pages without English."""

import re
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message

from console.language import FOLDER, OWN_NAMES
from console.locale.__main__ import missing, read, written
from console.locale.extract import messages
from store.database import Database
from tests.builders import a_beneficiary, a_channel, a_contact, a_site
from tests.conftest import HandClock
from tests.console.conftest import an_alert, visible
from tests.console.test_permissions import _a_message, _code

CODES = [code for code in OWN_NAMES if code != "en"]
_PLACE = re.compile(r"%\((\w+)\)([rsdg])")


@pytest.fixture(scope="module")
def wanted() -> Catalog:
    return messages()


def _forms(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _said(code: str) -> list[Message]:
    return [message for message in read(FOLDER / f"{code}.po", code) if message.id]


def test_the_extractor_finds_what_each_kind_of_place_says(wanted: Catalog) -> None:
    """One sentence of a template, a table, an error below, a table below, the menu, and a plural."""
    for sentence in (
        "Take this alert",
        "Pressure to go back",
        "Say why the level changes.",
        "Alert %(code)s is with %(name)s.",
        "Spoke with the person themselves.",
        "campaign %(code)r was changed by somebody else just now",
        "Check-ins",
        "Somebody was faster",
        ("%(num)s message", "%(num)s messages"),
    ):
        assert sentence in wanted, sentence


@pytest.mark.parametrize("code", CODES)
def test_a_catalogue_says_every_sentence_and_no_other(code: str, wanted: Catalog) -> None:
    """Run `make words` and translate what it names."""
    catalog = read(FOLDER / f"{code}.po", code)
    assert missing(catalog) == []
    assert {message.id for message in catalog} == {message.id for message in wanted}
    assert dict(catalog.obsolete) == {}


@pytest.mark.parametrize("code", CODES)
def test_a_catalogue_is_written_as_make_words_writes_it(code: str) -> None:
    catalog = read(FOLDER / f"{code}.po", code)
    assert (FOLDER / f"{code}.po").read_bytes() == written(catalog)
    assert "alert =" in catalog.header_comment  # the glossary that keeps the words one per thing


@pytest.mark.parametrize("code", CODES)
def test_a_translation_has_the_places_of_its_sentence(code: str) -> None:
    wrong = []
    for message in _said(code):
        places = set(_PLACE.findall(" ".join(_forms(message.id))))
        for form in filter(None, _forms(message.string)):
            found = set(_PLACE.findall(form))
            # "one message" may do without its number
            if found != places and not (message.pluralizable and found == places - {("num", "s")}):
                wrong.append((message.id, form))
        wrong += [(message.id, str(error)) for error in message.check()]
    assert wrong == []


@pytest.mark.parametrize("code", CODES)
def test_a_translation_cannot_break_the_markup_around_it(code: str) -> None:
    """Catalogues are put into pages and attributes as they are: they bring no tags, no straight quotes, no stray %."""
    wrong = [
        form
        for message in _said(code)
        for form in _forms(message.string)
        if re.search(r'[<>&"\n]', form) or "%" in _PLACE.sub("", form) or form != form.strip()
    ]
    assert wrong == []


@pytest.mark.parametrize("code", CODES)
def test_every_plural_of_the_language_is_there(code: str) -> None:
    number = {"fr": 2, "es": 2, "pt": 2, "ar": 6}[code]
    plurals = [message for message in _said(code) if message.pluralizable]
    assert plurals
    assert [m.id for m in plurals if len(_forms(m.string)) != number] == []


# --- whole pages ---

# What people and the world are called, and what every script writes in Latin letters.
_LATIN = {"Hujambo", "SMS", "English", "Français", "Español", "Português", "STOP"}
_QUOTED = {"want", "to", "die", "self", "harm", "time"}  # what a list found, as written; a slot of a prepared reply


async def test_no_page_in_arabic_shows_an_english_word(
    sqlite_database: Database, log_in: Any, clock: HandClock
) -> None:
    """Latin letters on an Arabic page are names, codes and what people wrote: here all of those are in capitals."""
    site, channel = await a_site(sqlite_database, name="KISUMU"), await a_channel(sqlite_database)
    contact = await a_contact(sqlite_database, channel, language="ar")
    person = await a_beneficiary(
        sqlite_database, site, contact, code="KS", phone_kind="shared", safe_word="X", missed=2
    )
    inbox = await _a_message(sqlite_database, channel, contact, "I WANT TO DIE", clock)
    alert = await an_alert(sqlite_database, site, channel, contact, person, clock(), inbox_id=inbox)
    browser = await log_in(sqlite_database, role="supervisor", name="AMINA", login="amina", languages=["ar"])
    await browser.post("/language", language="ar", next="/console/alerts")
    code = await _code(sqlite_database, alert)
    opened = [await browser.text(f"/alerts/{code}")]
    await browser.post(f"/alerts/{code}/take")
    opened += [
        await browser.text(path)
        for path in (
            "/alerts",
            "/alerts?state=closed",
            f"/alerts/{code}?done=taken",
            "/people",
            f"/people/{person}",
            "/tasks",
            "/campaigns",
            "/phones",
            "/login",
        )
    ]
    for path, form in (
        (f"/alerts/{code}/close", {"outcome": "UNREACHED_EXHAUSTED"}),
        (f"/alerts/{code}/level", {"level": "3"}),
        (f"/alerts/{code}/attempt", {"result": "X"}),
        ("/nowhere", {}),
    ):
        opened.append(await (await browser.post(path, **form)).text())
    words = {word for page in opened for word in re.findall(r"[A-Za-zÀ-ÿ]*[a-zà-ÿ][A-Za-zÀ-ÿ]+", _spoken(page))}
    assert words - _LATIN - _QUOTED == set()


def _spoken(page: str) -> str:
    """The visible words and the ones that are read aloud."""
    attributes = re.findall(r'(?:aria-label|placeholder|title|alt)="([^"]*)"', page)
    return " ".join([visible(page), *attributes])
