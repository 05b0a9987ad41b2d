"""Real sentences, mutilated: whatever arrives is read, answered in one SMS and lost by nobody, and danger stays danger.

What is mutilated are messages of the development split and what the pack itself says and listens for: noise made of
nothing never gets past the first rule.
"""

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.answers import read_answer
from bot.checkin import open_checkin
from bot.commands import read_command
from bot.distress import Reader
from bot.effects import EndSession, Inbound, KeepProgress, Memory, Person, Progress, RaiseAlert, RaiseTask, Say
from bot.language import OTHER
from bot.text import END, marked, normalise, tokens
from bot.turn import take_turn
from channels.segments import count
from content.pack import load_pack
from content.schema import LANGUAGES, Level, QuestionKind
from hujambo.languages import local_identifier
from tests.conftest import NOW

PACK = load_pack()
READER = Reader(PACK, identifier=local_identifier())
SPLITS = Path(__file__).parents[1] / "splits" / "development"
KINDS: tuple[QuestionKind, ...] = ("choice", "number", "scale", "yesno", "date", "phone", "text")
BOUNDED = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@lru_cache(maxsize=1)
def sentences() -> list[str]:
    said = [
        json.loads(line)["text"]
        for file in sorted(SPLITS.glob("*.jsonl"))
        for line in file.read_text("utf-8").splitlines()
    ]
    for words in PACK.words.values():
        said += [keyword for keywords in words.commands.values() for keyword in keywords]
        said += [*words.names, *words.end_requests, *words.yes, *words.no, *words.corrections, *words.fine]
    said += list(PACK.phrases.values())
    said += [form for text in PACK.texts.values() for forms in text.options.values() for form in forms]
    return said


# What phones, gateways and people do to a text.
SPOILERS = (
    lambda text, at: text[:at] + text[at + 1 :],  # a letter lost
    lambda text, at: text[:at] + text[at : at + 1] * 7 + text[at:],  # a key held down
    lambda text, at: text[:at] + text[at : at + 2][::-1] + text[at + 2 :],  # two letters turned round
    lambda text, at: text[:at],  # cut off
    lambda text, _: text.upper(),
    lambda text, _: text.replace(" ", ""),
    lambda text, _: " ".join(text),  # l e t t e r by letter
    lambda text, at: text[:at] + "\u200b\u202e\ufe0f" + text[at:],
    lambda text, at: text[:at] + "😭🔪" + text[at:],
    lambda text, at: text[:at] + "\ud83d" + text[at:],  # half a character
    lambda text, at: text[:at] + "\x00\x1b[31m" + text[at:],
    lambda text, at: text[:at] + "{hotline}{0}%s" + text[at:],
    lambda text, at: f"{text[:at]} {at} {text[at:]}",
    lambda text, _: text.encode("utf-8", "replace").decode("latin-1"),  # read in the wrong encoding
    lambda text, _: text.encode("ascii", "replace").decode(),  # ??? for every letter that is not ASCII
    lambda text, _: (text + " ") * 40,
    lambda text, _: "".join(chr(ord(c) + 0x1D41A - 97) if "a" <= c <= "z" else c for c in text),  # 𝐥𝐢𝐤𝐞 𝐭𝐡𝐢𝐬
)


@st.composite
def spoiled(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(sentences()))
    if draw(st.booleans()):
        text += draw(st.sampled_from([" ", "\n", ". ", ""])) + draw(st.sampled_from(sentences()))
    for spoil in draw(st.lists(st.sampled_from(SPOILERS), max_size=3)):
        text = spoil(text, draw(st.integers(0, max(0, len(text)))))[:3000]
    return text


TEXTS = st.one_of(spoiled(), st.text(max_size=200))
PEOPLE = st.builds(
    Person,
    enrolled=st.booleans(),
    language=st.sampled_from(LANGUAGES),
    languages=st.lists(st.sampled_from(LANGUAGES), min_size=1, max_size=4, unique=True).map(tuple),
    is_minor=st.booleans(),
    phone_kind=st.sampled_from(["private", "shared", "monitored"]),
    opted_out=st.booleans(),
    is_held=st.booleans(),
    has_open_alert=st.booleans(),
    staff_on_duty=st.booleans(),
    hotline=st.sampled_from(["", "1199"]),
    duress_word=st.sampled_from(["", "mango"]),
)


@BOUNDED
@given(TEXTS)
def test_reading_a_text_leaves_it_as_it_was_and_gives_words_that_are_folded_for_good(text: str) -> None:
    before = str(text)
    words = marked(text)
    assert text == before
    assert all(word and not any(c.isspace() for c in word) for word in words)
    assert tokens(text) == [word for word in words if word != END]
    assert normalise(text) == " ".join(tokens(text))


@BOUNDED
@given(TEXTS, st.sampled_from(["", *LANGUAGES]))
def test_every_text_is_assessed_with_reasons_for_what_was_found(text: str, own: str) -> None:
    heard = READER.identify(text, own, LANGUAGES)
    read = READER.assess(text, own, LANGUAGES, spoken=heard)
    assert heard.language is None or heard.language in {*LANGUAGES, OTHER}
    assert bool(read.reasons) == (read.level > Level.NONE)


@BOUNDED
@given(TEXTS, st.sampled_from(LANGUAGES), st.sampled_from(KINDS))
def test_every_text_can_be_read_as_an_answer_of_every_kind(text: str, own: str, kind: QuestionKind) -> None:
    options = PACK.text("weekly", "mood", own).options
    answer = read_answer(kind, text, options=options, words=PACK.words[own], minimum=0, maximum=10, today=NOW.date())
    assert answer.value is not None or answer.reason
    if kind == "choice":
        assert answer.value is None or answer.value in options
    if kind == "scale":
        assert answer.value is None or 0 <= float(answer.value) <= 10


@BOUNDED
@given(TEXTS, st.sampled_from(LANGUAGES))
def test_every_text_is_a_command_or_none_and_never_a_long_one(text: str, own: str) -> None:
    command = read_command(text, PACK, own)
    assert command is None or len(text) <= 120
    if command is not None and command.name == "language":
        assert command.language in LANGUAGES


@st.composite
def sessions(draw: st.DrawFn) -> Progress | None:
    if draw(st.booleans()):
        return None
    language = draw(st.sampled_from(LANGUAGES))
    name = draw(st.sampled_from([each for each, checkin in PACK.checkins.items() if language in checkin.languages]))
    progress = open_checkin(PACK, name, language, NOW).progress
    question = draw(st.sampled_from(PACK.checkins[name].questions))
    return replace(progress, question=question.id, step=draw(st.integers(0, 9)), tries=draw(st.integers(-1, 3)))


@BOUNDED
@given(st.lists(TEXTS, min_size=1, max_size=4), PEOPLE, sessions())
def test_whole_conversations_break_nothing(texts: list[str], person: Person, progress: Progress | None) -> None:
    memory = Memory()
    for number, text in enumerate(texts, 1):
        turn = take_turn(Inbound(number, text, 0, NOW), person, progress, memory, PACK, READER, NOW)
        said = [effect for effect in turn.effects if isinstance(effect, Say)]
        assert all(effect.text and "{" not in effect.text for effect in said)
        for effect in said:
            assert count(effect.text).segments == 1 or effect.key.startswith("phq9."), effect
        if turn.assessment.is_danger:
            assert any(isinstance(effect, RaiseAlert) for effect in turn.effects)
        for effect in turn.effects:
            if isinstance(effect, KeepProgress):
                progress = Progress.from_json(json.loads(json.dumps(effect.progress.to_json())))
            elif isinstance(effect, EndSession):
                progress = None
        history = History.from_json(json.loads(json.dumps(turn.memory.history.to_json())))
        memory = replace(Memory.from_json(json.loads(json.dumps(turn.memory.to_json()))), history=history)
        assert memory == turn.memory


@pytest.mark.parametrize("own", ["en", "ar"])
@BOUNDED
@given(text=spoiled())
def test_what_nobody_can_read_is_put_before_a_person(own: str, text: str) -> None:
    person = Person(enrolled=True, language=own, languages=(own,), hotline="1199")
    heard = READER.identify(text, own, (own,))
    turn = take_turn(Inbound(1, text, 0, NOW), person, None, Memory(), PACK, READER, NOW)
    if heard.language == OTHER and turn.assessment.level is Level.NONE and read_command(text, PACK, own) is None:
        tasks = [effect.kind for effect in turn.effects if isinstance(effect, RaiseTask)]
        assert tasks or any(isinstance(effect, (Say, RaiseAlert)) for effect in turn.effects)
        assert tasks == ["read_message"] or "confirm_stop" in tasks or len(tokens(text)) <= 5


@BOUNDED
@given(
    st.sampled_from(
        ["i want to die", "je veux mourir", "nataka kufa", "ina so in mutu", "انا عايز اموت", "waan dhiman rabaa"]
    ),
    TEXTS,
    st.sampled_from(["\n", ". ", "!!! "]),
    st.booleans(),
)
def test_a_cry_beside_any_other_text_is_no_less_a_cry(cry: str, text: str, between: str, is_first: bool) -> None:
    alone = READER.assess(cry, "en", LANGUAGES).level
    together = f"{cry}{between}{text}" if is_first else f"{text}{between}{cry}"
    heard = READER.identify(together, "en", LANGUAGES)
    found = READER.assess(together, "en", LANGUAGES, spoken=heard)
    assert found.level >= alone
