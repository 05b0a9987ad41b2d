"""Rules of the turn that hold whatever is said; whole conversations are in `tests/conversations`."""

import re
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.checkin import open_checkin
from bot.commands import read_command
from bot.distress import Reader
from bot.effects import (
    EndSession,
    Inbound,
    KeepProgress,
    Memory,
    OptOut,
    Person,
    Progress,
    RaiseAlert,
    RaiseTask,
    Reason,
    Say,
    StoreAnswer,
    Turn,
)
from bot.history import History
from bot.turn import take_turn, time_passed
from channels.segments import count
from content.pack import load_pack
from content.schema import Level
from tests.conftest import NOW

PACK = load_pack()
READER = Reader(PACK)
ANYBODY = Person(enrolled=True, language="en", languages=("en", "fr", "sw"), hotline="1199")
OPEN = open_checkin(PACK, "weekly", "en", NOW).progress
PEOPLE = [
    replace(ANYBODY, enrolled=enrolled, is_minor=minor, opted_out=out, is_held=held, has_open_alert=alert)
    for enrolled, minor, out, held, alert in product((True, False), repeat=5)
]


def turn(text: str, person: Person = ANYBODY, progress: Progress | None = None, memory: Memory | None = None) -> Turn:
    inbound = Inbound(1, text, 0, NOW)
    return take_turn(inbound, person, progress, memory or Memory(), PACK, READER, NOW + timedelta(minutes=5))


def kinds(turned: Turn) -> list[str]:
    return [type(effect).__name__ for effect in turned.effects]


@pytest.mark.parametrize("progress", [None, OPEN], ids=["outside", "in a check-in"])
@pytest.mark.parametrize("text", ["I want to kill myself", "je veux mourir", "nataka kujiua", "they want to kill me"])
def test_danger_opens_an_alert_whoever_writes_and_whatever_is_going_on(text: str, progress: Progress | None) -> None:
    for person in PEOPLE:
        alerts = [effect for effect in turn(text, person, progress).effects if isinstance(effect, RaiseAlert)]
        assert len(alerts) == 1, person
        assert alerts[0].assessment.level >= Level.HIGH, person


def test_nothing_is_said_while_a_person_is_talking() -> None:
    texts = [
        "I want to die",
        "hello",
        "1",
        "HELP",
        "call me",
        "STOP",
        "français",
        "",
        "zxqv brrt kwlpf ghnn",
        "no food",
    ]
    for text in texts:
        for person in PEOPLE:
            if person.is_held and not person.opted_out and person.has_open_alert:
                said = [e for e in turn(text, person, OPEN).effects if isinstance(e, Say)]
                assert said == [], (text, person)


def test_stop_is_obeyed_even_while_a_person_is_talking_when_nobody_is_in_danger() -> None:
    effects = turn("STOP", replace(ANYBODY, is_held=True)).effects
    assert OptOut() in effects


def test_nobody_is_opted_out_while_an_alert_is_open() -> None:
    for person in PEOPLE:
        if person.has_open_alert:
            assert OptOut() not in turn("STOP", person, OPEN).effects


def test_a_child_is_never_asked_a_question_and_its_answers_are_not_stored() -> None:
    child = replace(ANYBODY, is_minor=True)
    for text in ("1", "fine", "sawa", "what", "2 please"):
        turned = turn(text, child, OPEN)
        assert EndSession(OPEN, "stopped") in turned.effects
        assert not any(isinstance(effect, StoreAnswer | KeepProgress) for effect in turned.effects)


def test_whoever_rings_is_called_back_and_their_check_in_waits() -> None:
    for person in PEOPLE:
        turned = take_turn(Inbound(1, "", 0, NOW, is_call=True), person, OPEN, Memory(), PACK, READER, NOW)
        said = [effect.key for effect in turned.effects if isinstance(effect, Say)]
        if not person.enrolled:
            assert RaiseTask("unknown_number", 24, once_per="message") in turned.effects
            assert said == ([] if person.is_held or person.opted_out else ["stranger"])
            continue
        (alert,) = [effect for effect in turned.effects if isinstance(effect, RaiseAlert)]
        assert (alert.assessment.level, alert.assessment.reasons) == (Level.ELEVATED, (Reason("called"),))
        assert said == ([] if person.is_held else ["call_me"])
        assert not any(isinstance(effect, StoreAnswer | EndSession) for effect in turned.effects)


def test_a_call_from_somebody_under_duress_is_heard_and_not_answered() -> None:
    forced = replace(ANYBODY, is_under_duress=True)
    turned = take_turn(Inbound(1, "", 0, NOW, is_call=True), forced, None, Memory(), PACK, READER, NOW)
    assert kinds(turned) == ["RaiseAlert"]


def test_the_duress_word_keeps_the_other_reasons() -> None:
    turned = turn("mango they are looking for me", replace(ANYBODY, duress_word="Mango!"))
    assert kinds(turned) == ["RaiseAlert", "Say"]
    assert (turned.assessment.level, turned.assessment.route) == (Level.IMMINENT, "threat")
    assert turned.assessment.reasons[0] == Reason("duress")
    assert len(turned.assessment.reasons) > 1


def test_a_duress_word_inside_another_word_is_none() -> None:
    assert turn("mangoes are cheap", replace(ANYBODY, duress_word="mango")).assessment.level < Level.HIGH


def test_a_session_whose_question_left_the_pack_is_stopped() -> None:
    gone = replace(OPEN, question="no_longer")
    assert EndSession(gone, "stopped") in turn("hello my friend how is it", ANYBODY, gone).effects
    assert time_passed("remind", 1, ANYBODY, gone, Memory(), PACK, NOW, 0) == (EndSession(gone, "stopped"),)


def test_after_an_answer_that_is_danger_the_next_question_waits_until_they_write_again() -> None:
    weekly = PACK.checkins["weekly"]
    talk = weekly.question("talk")
    hard = weekly.question("hard")
    assert talk is not None
    assert hard is not None
    longer = replace(weekly, questions=(replace(hard, when={}), replace(talk, when={})))
    pack = replace(PACK, checkins={"weekly": longer})
    asked = replace(OPEN, question="hard")
    now = NOW + timedelta(minutes=5)
    first = take_turn(Inbound(1, "4", 0, now), ANYBODY, asked, Memory(), pack, READER, now)
    assert [e.key for e in first.effects if isinstance(e, Say)] == ["threat"]
    held_back = next(e.progress for e in first.effects if isinstance(e, KeepProgress))
    # "1" cannot be an answer to what was not asked.
    second = take_turn(Inbound(2, "1", 0, now), ANYBODY, held_back, first.memory, pack, READER, now)
    assert [e.key for e in second.effects if isinstance(e, Say)] == ["resume"]
    assert not any(isinstance(e, StoreAnswer) for e in second.effects)
    resumed = next(e.progress for e in second.effects if isinstance(e, KeepProgress))
    third = take_turn(Inbound(3, "2", 0, now), ANYBODY, resumed, second.memory, pack, READER, now)
    assert StoreAnswer("talk", "no") in third.effects
    assert isinstance(third.effects[-1], EndSession)


def test_no_digit_in_a_long_story_is_an_answer() -> None:
    story = "yesterday we went to the market and 2 of us came back late because the road was closed " * 3
    assert not any(isinstance(effect, StoreAnswer) for effect in turn(story, ANYBODY, OPEN).effects)


def test_every_word_the_phrases_tell_people_to_reply_is_understood_as_a_command() -> None:
    for (key, language), text in PACK.phrases.items():
        for word in re.findall(r"\b[A-Z]{4,}(?: [A-Z]{2,})*\b", text):
            assert read_command(word, PACK, language) is not None, (key, language, word)


def test_a_stranger_is_never_asked_to_answer() -> None:
    assert kinds(turn("1", replace(ANYBODY, enrolled=False))) == ["RaiseTask", "Say"]


def test_timers_do_nothing_for_a_step_that_has_passed_or_a_session_that_is_over() -> None:
    for timer in ("remind", "expire"):
        assert time_passed(timer, 7, ANYBODY, OPEN, Memory(), PACK, NOW, 0) == ()
        assert time_passed(timer, 1, ANYBODY, None, Memory(), PACK, NOW, 0) == ()


def test_a_person_who_stopped_is_neither_reminded_nor_missed() -> None:
    stopped = replace(ANYBODY, opted_out=True)
    for timer in ("remind", "expire"):
        assert time_passed(timer, 1, stopped, OPEN, Memory(), PACK, NOW, 5) == (EndSession(OPEN, "stopped"),)


def test_who_wrote_something_was_not_silent() -> None:
    memory = Memory(said={"reask": NOW + timedelta(hours=1)})
    effects = time_passed("expire", 1, ANYBODY, OPEN, memory, PACK, NOW + timedelta(hours=48), 5)
    assert effects == (RaiseTask("unfinished", 72, "session"), EndSession(OPEN, "expired"))


def test_memory_forgets_what_was_said_long_ago() -> None:
    old = Memory(said={"noted": NOW - timedelta(days=30), "help": NOW - timedelta(days=2)})
    assert set(turn("thank you", memory=old).memory.said) == {"help", "fine_thanks"}


def test_the_same_input_gives_the_same_turn() -> None:
    for text in ("I want to die", "2", "mango", ""):
        assert turn(text, ANYBODY, OPEN) == turn(text, ANYBODY, OPEN)


@given(
    text=st.one_of(st.text(max_size=300), st.text(alphabet="0123456789 .!?abi{}", max_size=40)),
    person=st.sampled_from(PEOPLE),
    progress=st.sampled_from([None, OPEN, replace(OPEN, question="hard", step=2, answers={"mood": "so_so"})]),
)
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_a_turn_and_every_reply_is_one_sms(text: str, person: Person, progress: Progress | None) -> None:
    turned = turn(text, person, progress)
    for effect in turned.effects:
        if isinstance(effect, Say):
            assert count(effect.text).segments == 1
            assert "{" not in effect.text
    assert sum(isinstance(effect, EndSession) for effect in turned.effects) <= 1
    kept = Memory.from_json(turned.memory.to_json())
    assert replace(kept, history=History.from_json(turned.memory.history.to_json())) == turned.memory


def test_every_text_that_nobody_understood_is_its_own_task_within_a_day() -> None:
    pack = load_pack()
    reader, opening = Reader(pack), open_checkin(pack, "weekly", "en", NOW)
    person = Person(enrolled=True, language="en", languages=pack.languages)
    for progress in (opening.progress, None):
        turn = take_turn(
            Inbound(1, "the thing by the river again", 0, NOW), person, progress, Memory(), pack, reader, NOW
        )
        tasks = [effect for effect in turn.effects if isinstance(effect, RaiseTask)]
        assert tasks == [RaiseTask("read_message", due_hours=24, once_per="message")]
