"""An alert worked by SMS alone, from the staff member's own number; and refused from every other."""

from dataclasses import dataclass

import pytest

from bot.distress import Reader
from cases import audit, handling
from cases.texting import work_texts
from channels.base import IncomingMessage
from content.pack import load_pack
from content.schema import Pack
from scheduler.inbox import Inbox
from store import tables as t
from store.database import Database
from tests.builders import a_beneficiary, a_channel, a_contact, a_number, a_site, a_staff_member, on_rota, rows
from tests.conftest import NOW, HandClock


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack()


@pytest.fixture(scope="module")
def reader(pack: Pack) -> Reader:
    return Reader(pack)


@dataclass
class Phones:
    """Two staff phones and a person's, and what each of them received."""

    database: Database
    pack: Pack
    inbox: Inbox
    clock: HandClock
    channel: int
    site: int
    person: int
    numbers: dict[str, str]
    staff: dict[str, int]
    sent: int = 0

    async def text(self, who: str, text: str) -> list[str]:
        """Send a text from one phone; what the service answers to it (to staff, or to whoever that is)."""
        before = {row.id for row in await rows(self.database, t.outbox)}
        self.sent += 1
        await self.inbox.accept(
            self.channel, IncomingMessage(f"T{self.sent}", self.numbers.get(who, who), "+19995550100", text)
        )
        while await work_texts(self.database, self.pack, self.clock):
            pass
        return [
            row.text
            for row in await rows(self.database, t.outbox)
            if row.id not in before and row.key.endswith("/staff")
        ]

    async def alert(self) -> object:
        (alert,) = await rows(self.database, t.alert)
        return alert


@pytest.fixture
async def phones(database: Database, pack: Pack, reader: Reader, clock: HandClock) -> Phones:
    site = await a_site(database, code="KIS")
    channel = await a_channel(database, site_id=site)
    numbers = {name: a_number() for name in ("amina", "boto", "dada", "person")}
    staff = {}
    for rung, (name, role) in enumerate((("amina", "psychosocial"), ("boto", "caseworker"), ("dada", "supervisor")), 1):
        number = numbers[name]
        staff[name] = await a_staff_member(
            database, login=name, name=name.title(), role=role, site_ids=[site], phone=number,
            phone_index=database.keys.index(number),
        )  # fmt: skip
        await on_rota(database, site, staff[name], rung)
    contact = await a_contact(database, channel, numbers["person"])
    person = await a_beneficiary(
        database, site, contact, code="KIS-0042", phone_kind="shared", safe_from=600, safe_until=660
    )
    inbox = Inbox(database, pack, reader, clock)
    return Phones(database, pack, inbox, clock, channel, site, person, numbers, staff)


async def test_an_alert_is_taken_answered_tried_and_ended_by_sms_alone(phones: Phones) -> None:
    await phones.text("person", "i want to die")
    alert = await phones.alert()
    (notice,) = [row.text for row in await rows(phones.database, t.outbox) if row.staff_id == phones.staff["amina"]]
    assert f"reply {alert.code}" in notice
    assert await phones.text("amina", "list") == [f"Open: {alert.code} HIGH 15min"]
    (taken,) = await phones.text("amina", alert.code.lower())
    assert taken.startswith(f"{alert.code} is yours. KIS-0042 SHARED phone 10:00-11:00. Act by ")
    assert "die" not in taken
    assert (await phones.alert()).owner_id == phones.staff["amina"]
    assert await phones.text("boto", alert.code) == [f"Not done. Alert {alert.code} is with Amina."]
    # It is noon there, and ten to eleven is safe: the words wait for tomorrow.
    assert await phones.text("amina", f"SAY {alert.code} Can we talk at ten?") == [
        f"Done: {alert.code} SAY 04/03 10:00."
    ]
    (said,) = [row for row in await rows(phones.database, t.outbox) if row.purpose == "staff_reply"]
    assert (said.text, said.due_at) == ("Can we talk at ten?", NOW.replace(day=4, hour=7))
    (refused,) = await phones.text("amina", f"say {alert.code} your weapon")
    assert refused.startswith("Not done. Others read this phone. These words can give the person away")
    assert await phones.text("amina", f"END {alert.code} SAFE") == [
        "Not done. This outcome says the person was reached: log the attempt that reached them first."
    ]
    assert await phones.text("amina", f"try {alert.code} 2") == [f"Done: {alert.code} NO_ANSWER."]
    assert await phones.text("amina", f"try {alert.code} 1 calmer") == [f"Done: {alert.code} REACHED_SELF."]
    assert await phones.text("amina", f"end {alert.code} safe talked") == [f"Done: {alert.code} SAFE_SUPPORTED."]
    alert = await phones.alert()
    assert (alert.state, alert.outcome) == ("closed", "SAFE_SUPPORTED")
    kinds = [event.kind for event in await rows(phones.database, t.alert_event)]
    assert kinds == ["opened", "told", "taken", "replied", "attempt", "attempt", "closed"]
    assert await audit.verify(phones.database) == []
    assert {row.state for row in await rows(phones.database, t.inbox)} == {"handled"}


async def test_passing_it_on_and_giving_it_back(phones: Phones) -> None:
    await phones.text("person", "i want to die")
    code = (await phones.alert()).code
    await phones.text("amina", code)
    assert await phones.text("amina", f"PASS {code} nobody") == ["Not done. There is no colleague nobody."]
    assert await phones.text("amina", f"PASS {code} boto") == [f"Done: {code} PASS boto."]
    assert (await phones.alert()).owner_id == phones.staff["boto"]
    assert await phones.text("boto", f"pass {code}") == [f"Done: {code} PASS."]
    alert = await phones.alert()
    assert (alert.state, alert.owner_id, alert.due_at) == ("open", None, phones.clock())


async def test_an_outcome_that_needs_a_supervisor_is_asked_for(phones: Phones) -> None:
    await phones.text("person", "i want to die")
    code = (await phones.alert()).code
    await phones.text("amina", code)
    assert await phones.text("amina", f"end {code} joke") == [f"Done: {code} TEST_OR_JOKE ?."]
    assert (await phones.alert()).asked_outcome == "TEST_OR_JOKE"
    assert await phones.text("dada", f"end {code} joke my own phone") == [f"Done: {code} TEST_OR_JOKE."]
    assert (await phones.alert()).state == "closed"


async def test_another_number_is_refused_clearly_and_the_trail_keeps_it(phones: Phones) -> None:
    await phones.text("person", "i want to die")
    code = (await phones.alert()).code
    other = a_number()
    (answer,) = await phones.text(other, f"take {code}")
    assert answer.startswith("This number is not registered for this. Nothing was done.")
    assert code not in answer
    assert (await phones.alert()).state == "open"
    assert "alert.refused_text" in [row.action for row in await rows(phones.database, t.audit)]
    # A code that is none gets what any stranger gets.
    assert await phones.text(other, "take ZZZZ") == []


async def test_an_account_that_was_closed_is_a_strangers(phones: Phones) -> None:
    await phones.text("person", "i want to die")
    code = (await phones.alert()).code
    async with phones.database.write() as connection:
        await connection.execute(t.staff.update().where(t.staff.c.login == "boto").values(disabled_at=phones.clock()))
    phones.clock.forward(minutes=1)
    (answer,) = await phones.text("boto", code)
    assert answer.startswith("This number is not registered")
    assert (await phones.alert()).state == "open"


async def test_staff_see_only_what_they_would_see_in_the_console(phones: Phones) -> None:
    db = phones.database
    away = a_number()
    await a_staff_member(
        db, login="gigi", site_ids=[await a_site(db)], phone=away, phone_index=db.keys.index(away), languages=["fr"]
    )
    await phones.text("person", "i want to die")
    code = (await phones.alert()).code
    phones.clock.forward(minutes=1)
    (answer,) = await phones.text(away, code)
    assert answer.startswith(f"Pas d'alerte ouverte {code} parmi les votres.")
    assert await phones.text(away, "liste") == ["Aucune alerte ouverte pour vous."]


async def test_a_person_who_writes_a_code_by_chance_is_answered_as_always(phones: Phones) -> None:
    assert await phones.text("person", "KEPT") == []
    assert [row.state for row in await rows(phones.database, t.inbox)] == ["handled"]


async def test_staff_in_danger_are_read_like_everybody(phones: Phones) -> None:
    assert await phones.text("boto", "they are shooting at us help") == []
    alert = await phones.alert()
    assert alert.level >= 3
    assert await phones.text("boto", "thanks a lot") == [
        row.text for row in await rows(phones.database, t.outbox) if row.key.endswith("/staff")
    ]


async def test_a_text_that_breaks_the_step_is_set_aside_and_those_behind_it_do_not_wait(
    phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    await phones.text("person", "i want to die")
    code = (await phones.alert()).code

    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(handling, "add_note", broken)
    await phones.text("amina", code)
    assert await phones.text("amina", f"NOTE {code} his mother answered") == ["Not done."]
    assert await phones.text("amina", f"TRY {code} 2") == [f"Done: {code} NO_ANSWER."]
    (aside,) = await rows(phones.database, t.inbox, t.inbox.c.state == "set_aside")
    assert (aside.text, aside.reason) == (f"NOTE {code} his mother answered", "ZeroDivisionError")
    (task,) = await rows(phones.database, t.follow_up, t.follow_up.c.kind == "set_aside")
    assert (task.inbox_id, task.site_id, task.state) == (aside.id, phones.site, "open")
