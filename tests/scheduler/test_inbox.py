"""What comes in: stored once, in order, with everything that follows from it, on both databases."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from bot.checkin import open_checkin
from bot.distress import Reader
from bot.effects import Assessment, Opinion
from bot.language import Identified
from channels.base import IncomingMessage
from content.pack import load_pack
from content.schema import Level, Pack
from hujambo.languages import local_identifier
from scheduler.inbox import Inbox
from scheduler.subjects import load_subjects
from store import tables as t
from store.database import Database, is_unreachable
from tests.builders import a_beneficiary, a_channel, a_contact, a_number, a_site, a_staff_member, on_rota, rows
from tests.conftest import NOW, HandClock


class BreakingReader(Reader):
    """A reader with a fault in it: one text makes it raise."""

    def assess(
        self,
        text: str,
        language: str,
        languages: Sequence[str],
        opinion: Opinion | None = None,
        spoken: Identified | None = None,
    ) -> Assessment:
        if "xyzzy" in text:
            raise RuntimeError(text)
        return super().assess(text, language, languages, opinion, spoken)


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack()


@pytest.fixture(scope="module")
def reader(pack: Pack) -> Reader:
    return BreakingReader(pack)


@pytest.fixture
def inbox(database: Database, pack: Pack, reader: Reader, clock: HandClock) -> Inbox:
    return Inbox(database, pack, reader, clock)


def said(sender: str, text: str, provider_id: str = "", media: int = 0) -> IncomingMessage:
    return IncomingMessage(provider_id or f"SM{abs(hash((sender, text))):x}", sender, "+19995550100", text, media)


async def a_person(database: Database, *, checkin: bool = False, pack: Pack | None = None, **values: Any) -> Any:
    """Somebody enrolled, with somebody on call for them: (channel, contact, number, beneficiary)."""
    site_id = await a_site(database)
    await on_rota(database, site_id, await a_staff_member(database, site_ids=[site_id]))
    channel_id = await a_channel(database, site_id=site_id)
    number = a_number()
    contact_id = await a_contact(database, channel_id, number)
    person_id = await a_beneficiary(database, site_id, contact_id, **values)
    if checkin and pack is not None:
        opening = open_checkin(pack, "weekly", "en", NOW)
        async with database.write() as connection:
            row = {
                "id": database.new_id(), "beneficiary_id": person_id, "contact_id": contact_id, "checkin": "weekly",
                "version": opening.progress.version, "state": "open", "progress": opening.progress.to_json(),
                "opened_at": NOW, "due_at": opening.remind_at, "timer": "remind",
                "timer_step": opening.progress.step,
            }  # fmt: skip
            await connection.execute(sa.insert(t.session), [row])
    return channel_id, contact_id, number, person_id


async def test_an_answer_is_stored_and_the_next_words_are_queued_in_one_go(
    database: Database, inbox: Inbox, pack: Pack
) -> None:
    channel_id, contact_id, number, person_id = await a_person(database, checkin=True, pack=pack)
    assert await inbox.accept(channel_id, said(number, "1", "SM1"))
    (message,) = await rows(database, t.inbox)
    assert (message.contact_id, message.text, message.state, message.level) == (contact_id, "1", "handled", 0)
    (answer,) = await rows(database, t.answer)
    assert (answer.beneficiary_id, answer.inbox_id, answer.checkin) == (person_id, message.id, "weekly")
    (reply,) = await rows(database, t.outbox)
    assert (reply.contact_id, reply.purpose, reply.state, reply.channel_id) == (
        contact_id, "reply", "queued", channel_id,
    )  # fmt: skip
    (session,) = await rows(database, t.session)
    assert (session.state, session.due_at) == ("done", None)
    (contact,) = await rows(database, t.contact)
    assert contact.last_inbound_at == NOW


async def test_the_one_answer_that_ends_a_check_in_counts_as_an_answer_and_a_stop_does_not(
    database: Database, inbox: Inbox, pack: Pack
) -> None:
    ended = {}
    for text in ("1", "STOP"):
        channel_id, contact_id, number, _ = await a_person(database, checkin=True, pack=pack)
        await inbox.accept(channel_id, said(number, text))
        (session,) = await rows(database, t.session, t.session.c.contact_id == contact_id)
        ended[text] = (session.state, session.answered_at)
    assert ended == {"1": ("done", NOW), "STOP": ("stopped", None)}


async def test_a_cry_for_help_opens_one_alert_with_its_reasons_and_tells_the_officer(
    database: Database, inbox: Inbox
) -> None:
    channel_id, contact_id, number, person_id = await a_person(database)
    await inbox.accept(channel_id, said(number, "i dont want to live", "SM1"))
    (alert,) = await rows(database, t.alert)
    assert (alert.contact_id, alert.beneficiary_id, alert.route, alert.state) == (
        contact_id, person_id, "self_harm", "open",
    )  # fmt: skip
    assert alert.level >= 3
    (assessment,) = await rows(database, t.assessment)
    assert (assessment.alert_id, assessment.level) == (alert.id, alert.level)
    assert assessment.reasons
    assert assessment.reasons[0]["code"] == "list"
    queued = await rows(database, t.outbox, order=t.outbox.c.purpose)
    assert [row.purpose for row in queued] == ["crisis", "staff_alert"]
    assert "live" not in queued[1].text.replace("alive", "")


async def test_a_report_about_staff_by_somebody_in_danger_goes_to_the_focal_point_and_to_nobody_else(
    database: Database, inbox: Inbox, pack: Pack, clock: HandClock
) -> None:
    channel_id, contact_id, number, _ = await a_person(database)
    focal = await a_staff_member(database, role="focal_point")
    for text in ("i dont want to live", "your officer asked me for sex", "i want to die"):
        await inbox.accept(channel_id, said(number, text))
        clock.forward(minutes=3)
    danger, report = await rows(database, t.alert, order=t.alert.c.is_report)
    assert [(a.route, a.is_report, a.messages) for a in (danger, report)] == [
        ("self_harm", False, 2), ("misconduct", True, 1),
    ]  # fmt: skip
    assessed = {(a.route, a.alert_id) for a in await rows(database, t.assessment)}
    assert assessed == {("self_harm", danger.id), ("misconduct", report.id)}
    sent = await rows(database, t.outbox, t.outbox.c.purpose == "staff_alert")
    assert [row.alert_id for row in sent if row.staff_id == focal] == [report.id]
    assert {row.alert_id for row in sent if row.staff_id != focal} == {danger.id}
    answers = await rows(database, t.outbox, t.outbox.c.purpose == "crisis")
    assert {row.alert_id for row in answers} == {danger.id, report.id}
    async with database.read() as connection:
        (subject,) = (await load_subjects(connection, database, pack, clock(), contact_ids=[contact_id])).values()
    assert (subject.alert_id, subject.report_id, subject.person.has_open_alert) == (danger.id, report.id, True)


async def test_stop_from_somebody_who_only_reported_staff_is_the_focal_points_to_ask_about(
    database: Database, inbox: Inbox, clock: HandClock
) -> None:
    channel_id, _, number, _ = await a_person(database)
    await a_staff_member(database, role="focal_point")
    await inbox.accept(channel_id, said(number, "your officer asked me for sex"))
    (report,) = await rows(database, t.alert)
    clock.forward(minutes=3)
    await inbox.accept(channel_id, said(number, "STOP"))
    tasks = await rows(database, t.follow_up, t.follow_up.c.kind == "stop_in_alert")
    assert [(task.alert_id, task.site_id) for task in tasks] == [(report.id, None)]


async def test_a_missed_call_opens_one_alert_however_often_it_rings_and_is_answered_once(
    database: Database, inbox: Inbox
) -> None:
    channel_id, _, number, _ = await a_person(database)
    for sid in ("CA1", "CA2", "CA2"):
        await inbox.accept(channel_id, IncomingMessage(sid, number, "+19995550100", "", is_call=True))
    assert [(row.text, row.is_call) for row in await rows(database, t.inbox)] == [("", True), ("", True)]
    (alert,) = await rows(database, t.alert)
    assert (Level(alert.level), alert.route) == (Level.ELEVATED, "distress")
    said = [row for row in await rows(database, t.outbox) if row.purpose != "staff_alert"]
    assert len(said) == 1


async def test_the_same_message_delivered_again_changes_nothing(database: Database, inbox: Inbox) -> None:
    channel_id, _, number, _ = await a_person(database)
    message = said(number, "i dont want to live", "SM1")
    together = await asyncio.gather(*(inbox.accept(channel_id, message) for _ in range(4)))
    assert sorted(together) == [False, False, False, True]
    assert await inbox.accept(channel_id, message) is False
    assert len(await rows(database, t.inbox)) == 1
    assert [alert.messages for alert in await rows(database, t.alert)] == [1]


async def test_two_messages_alike_are_two_messages(database: Database, inbox: Inbox) -> None:
    channel_id, _, number, _ = await a_person(database)
    await asyncio.gather(*(inbox.accept(channel_id, said(number, "i want to die", f"SM{k}")) for k in range(2)))
    assert len(await rows(database, t.inbox)) == 2
    assert [alert.messages for alert in await rows(database, t.alert)] == [2]


async def test_messages_of_one_person_in_one_batch_meet_the_state_that_the_one_before_left(
    database: Database, inbox: Inbox, pack: Pack
) -> None:
    channel_id, _, number, _ = await a_person(database, checkin=True, pack=pack)
    first = asyncio.create_task(inbox.accept(channel_id, said(number, "2", "SM1")))
    second = asyncio.create_task(inbox.accept(channel_id, said(number, "1", "SM2")))
    await asyncio.gather(first, second)
    answers = await rows(database, t.answer)
    assert len({answer.question for answer in answers}) == 2


async def test_a_stranger_in_danger_gets_an_alert_at_the_site_that_answers_for_the_channel(
    database: Database, inbox: Inbox
) -> None:
    await a_site(database)
    channel_id, _, _, _ = await a_person(database)
    (channel,) = await rows(database, t.channel)
    await inbox.accept(channel_id, said(a_number(), "i will kill myself tonight", "SM1"))
    (alert,) = await rows(database, t.alert)
    assert (alert.beneficiary_id, alert.site_id) == (None, channel.site_id)


async def test_a_message_that_breaks_the_code_is_set_aside_and_blocks_nobody(database: Database, inbox: Inbox) -> None:
    channel_id, _, number, _ = await a_person(database)
    other = a_number()
    await asyncio.gather(
        inbox.accept(channel_id, said(number, "xyzzy", "SM1")),
        inbox.accept(channel_id, said(other, "hello", "SM2")),
    )
    found = {row.provider_id: row for row in await rows(database, t.inbox)}
    assert found["SM1"].state == "set_aside"
    assert found["SM1"].reason.startswith("RuntimeError at ")
    assert "xyzzy" not in found["SM1"].reason
    assert found["SM2"].state == "handled"
    assert "set_aside" in [task.kind for task in await rows(database, t.follow_up)]
    # Nobody could read it: a human must, soon.
    assert [alert.level for alert in await rows(database, t.alert)] == [2]


async def test_two_processes_given_the_same_messages_store_each_once(
    postgres_url: str, keys: Any, pack: Pack, reader: Reader, clock: HandClock
) -> None:
    from store.database import open_database

    databases = [await open_database(postgres_url, keys) for _ in range(2)]
    try:
        channel_id, _, number, _ = await a_person(databases[0], checkin=True, pack=pack)
        inboxes = [Inbox(database, pack, reader, clock) for database in databases]
        texts = ["2", "i want to die", "1", "sorry", "thank you", "help me please"] * 5
        results = await asyncio.gather(
            *(each.accept(channel_id, said(number, text, f"SM{k}")) for k, text in enumerate(texts) for each in inboxes)
        )
        assert sum(results) == len(texts)
        assert len(await rows(databases[0], t.inbox)) == len(texts)
        assert len(await rows(databases[0], t.alert)) == 1
    finally:
        for database in databases:
            await database.close()


async def test_a_database_that_is_away_is_told_to_the_gateway_not_swallowed(
    postgres_url: str, keys: Any, pack: Pack, reader: Reader, clock: HandClock
) -> None:
    import psycopg
    from sqlalchemy.engine import make_url

    from store.database import open_database

    database = await open_database(postgres_url, keys)
    try:
        inbox = Inbox(database, pack, reader, clock)
        channel_id, _, number, _ = await a_person(database)
        url = make_url(postgres_url)
        server = url.set(database="postgres").render_as_string(hide_password=False)
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [url.database]
            )
        with pytest.raises(Exception) as caught:  # noqa: PT011  which one is the driver's business
            await inbox.accept(channel_id, said(number, "i want to die", "SM1"))
        assert is_unreachable(caught.value)
        assert await inbox.accept(channel_id, said(number, "i want to die", "SM1"))
    finally:
        await database.close()


@pytest.mark.parametrize("text", ["\0\x1b[31m", "كـــويس ٤", "Ɗan ƙarfi", "i\u200b w\u202eant", "😭" * 400])
async def test_the_raw_text_is_kept_as_it_came(database: Database, inbox: Inbox, text: str) -> None:
    channel_id, contact_id, number, _ = await a_person(database)
    assert await inbox.accept(channel_id, said(number, text, "SM1"))
    (message,) = await rows(database, t.inbox, t.inbox.c.contact_id == contact_id)
    assert message.text == text


async def test_half_a_character_loses_no_message(database: Database, inbox: Inbox) -> None:
    channel_id, contact_id, number, _ = await a_person(database)
    assert await inbox.accept(channel_id, said(number, "i want to die \ud83d", "SM1"))
    (message,) = await rows(database, t.inbox, t.inbox.c.contact_id == contact_id)
    assert (message.text, message.state, message.level) == ("i want to die \ufffd", "handled", Level.HIGH)


async def test_who_writes_in_another_language_is_answered_in_it_and_stays_registered_as_they_were(
    database: Database, pack: Pack, clock: HandClock
) -> None:
    inbox = Inbox(database, pack, Reader(pack, identifier=local_identifier()), clock)
    channel_id, contact_id, number, person_id = await a_person(database, language="en")
    await inbox.accept(channel_id, said(number, "na gaji da rayuwa ina so in mutu", "SM1"))
    replies = await rows(database, t.outbox, t.outbox.c.contact_id == contact_id)
    assert [reply.text.split()[:2] for reply in replies] == [["Mun", "gode"]]
    (person,) = await rows(database, t.beneficiary, t.beneficiary.c.id == person_id)
    assert person.language == "en"
