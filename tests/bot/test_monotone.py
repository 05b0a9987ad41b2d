"""One more cry never makes a message harmless, whatever it stands beside, however they are joined, in any language."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.distress import Reader
from bot.effects import Inbound, Memory, Person, RaiseAlert
from bot.history import History, Signal
from bot.turn import take_turn
from content.pack import load_pack
from content.patterns import is_pattern
from content.schema import Level
from tests.conftest import NOW

PACK = load_pack()
READER = Reader(PACK)
JOINS = (" ", "\n", ". ", ", ", "\n\n", "   ")
DANGERS = sorted(
    {
        phrase
        for words in PACK.words.values()
        for each in words.signals
        for phrase in each.phrases
        if each.level >= Level.ELEVATED and not each.means and not is_pattern(phrase)
    }
)
# What bends or covers a phrase is where one could hide another.
EVERYDAY = sorted(
    {
        phrase
        for words in PACK.words.values()
        for phrase in (*words.harmless, *words.fine, *words.thanks, *words.past, *words.negations, *words.third_person)
        if not is_pattern(phrase)
    }
)
dangers, everyday = st.sampled_from(DANGERS), st.sampled_from(EVERYDAY)


def level(text: str, language: str) -> Level:
    return READER.assess(text, language, PACK.languages).level


@given(
    message=dangers | everyday | st.text(max_size=40),
    cry=dangers,
    join=st.sampled_from(JOINS),
    language=st.sampled_from(PACK.languages),
)
@settings(max_examples=1500, deadline=None)
def test_a_dangerous_sentence_more_never_lowers_the_level(message: str, cry: str, join: str, language: str) -> None:
    if level(cry, language) < Level.ELEVATED:
        return  # in this company of languages the phrase is no danger by itself
    before = level(message, language)
    assert level(f"{message}{join}{cry}", language) >= before
    if message in DANGERS:
        assert level(f"{message}{join}{cry}", language) >= level(cry, language)


@given(message=dangers | everyday, cry=dangers, language=st.sampled_from(PACK.languages))
@settings(max_examples=500, deadline=None)
def test_a_sentence_of_its_own_keeps_its_level_whatever_came_before(message: str, cry: str, language: str) -> None:
    assert level(f"{message}. {cry}", language) >= level(cry, language)


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("no tengo a nadie", "adios mundo", "es"),  # "nobody" belongs to the first cry
        ("mika wuya", "na kusa mutuwa", "ha"),  # "wuya na" is often one word
        ("sun juya min baya", "an soke ni", "ha"),  # "baya" is the past, elsewhere
        ("komai ya ishe ni", "me falta el aire", "es"),  # "ni" denies in another language
        ("kunywa dawa ya wadudu", "bosi wangu wa zamani", "sw"),
        ("sai na rama", "barci ya gagare ni", "ha"),  # a harmless phrase across the two
    ],
)
def test_two_cries_without_a_full_stop_are_both_heard(one: str, other: str, language: str) -> None:
    assert level(f"{one} {other}", language) >= max(level(one, language), level(other, language))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("i do not want to die", Level.ELEVATED),
        ("last year i wanted to die", Level.ELEVATED),
        ("sina shida", Level.NONE),
    ],
)
def test_what_bends_a_phrase_by_itself_still_does(text: str, expected: Level) -> None:
    assert level(text, "en") == expected


earlier = st.frozensets(
    st.builds(
        Signal,
        st.integers(0, 20).map(lambda ago: NOW.date().fromordinal(NOW.date().toordinal() - ago)),
        st.sampled_from(Level),
        st.sampled_from(["distress", "practical", "self_harm", "threat"]),
    ),
    max_size=12,
)


@given(text=dangers | everyday | st.text(max_size=40), seen=earlier)
@settings(max_examples=300, deadline=None)
def test_no_past_lowers_what_a_message_does(text: str, seen: frozenset[Signal]) -> None:
    """The whole turn: the level kept with the message, and the alert that is raised."""
    person = Person(enrolled=True, language="en", languages=PACK.languages, hotline="1199")

    def turned(memory: Memory) -> tuple[Level, Level]:
        turn = take_turn(Inbound(1, text, 0, NOW), person, None, memory, PACK, READER, NOW)
        raised = [effect.assessment.level for effect in turn.effects if isinstance(effect, RaiseAlert)]
        return turn.assessment.level, max(raised, default=Level.NONE)

    alone, after = turned(Memory()), turned(replace(Memory(), history=History(signals=seen)))
    assert after[0] >= alone[0]
    assert after[1] >= alone[1]
