"""What every classifier keeps, whichever it is: the local one, and the real Rasa where `make test-rasa` serves it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.distress import Classifier
from content.schema import ROUTES, Level
from content.training import load_intents
from hujambo.model import local_classifier
from hujambo.rasa.client import UNHURRIED, Blocking, checked_url, open_rasa

# Plain cries and plain chat, one of each kind a language; nothing of the splits.
GRAVE = [
    ("en", "i want to kill myself", "self_harm"),
    ("en", "my husband beats me every night", "gbv"),
    ("fr", "je veux mourir, je vais me tuer", "self_harm"),
    ("fr", "mon mari me frappe chaque nuit", "gbv"),
    ("es", "quiero morir, ya no quiero vivir", "self_harm"),
    ("es", "mi esposo me pega todas las noches", "gbv"),
    ("pt", "quero morrer, vou me matar", "self_harm"),
    ("pt", "o meu marido me bate todas as noites", "gbv"),
    ("sw", "nataka kufa, nitajiua", "self_harm"),
    ("sw", "mume wangu ananipiga kila usiku", "gbv"),
    ("ha", "ina so in mutu, zan kashe kaina", "self_harm"),
    ("ha", "mijina yana dukana kowace rana", "gbv"),
    ("ar", "اريد ان اموت سوف اقتل نفسي", "self_harm"),
    ("ar", "زوجي يضربني كل ليلة", "gbv"),
    ("so", "waxaan rabaa inaan dhinto, waan is dili doonaa", "self_harm"),
    ("so", "ninkayga ayaa i garaaca habeen walba", "gbv"),
]
CALM = [
    ("en", "good morning my brother, the market was full today"),
    ("fr", "bonjour mon frere, le marche etait plein aujourd'hui"),
    ("es", "buenos dias hermano, el mercado estaba lleno hoy"),
    ("pt", "bom dia irmao, o mercado estava cheio hoje"),
    ("sw", "habari za asubuhi ndugu, soko lilikuwa limejaa leo"),
    ("ha", "ina kwana dan uwa, kasuwa ta cika yau"),
    ("ar", "صباح الخير يا اخي السوق كان مليان اليوم"),
    ("so", "subax wanaagsan walaal, suuqu maanta wuu buuxay"),
]


@pytest.fixture(scope="module")
def local() -> Classifier:
    return local_classifier()


@pytest.fixture(scope="module")
def rasa(local: Classifier) -> Iterator[Classifier]:
    url = os.environ.get("HUJAMBO_RASA_URL")
    if url is None:
        pytest.skip("no Rasa is served: make test-rasa")
    with Blocking(open_rasa(checked_url(url), local, patience=UNHURRIED)) as asked:
        yield asked
    # An opinion of the local classifier would prove nothing about Rasa.
    assert {name: number for name, number in asked.rasa.counts.items() if number} == {
        "answered": asked.rasa.counts["answered"]
    }


@pytest.fixture(scope="module", params=["local", pytest.param("rasa", marks=pytest.mark.rasa)])
def classifier(request: pytest.FixtureRequest) -> Classifier:
    found: Classifier = request.getfixturevalue(request.param)
    return found


SAID = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize(("language", "text", "route"), GRAVE)
def test_a_plain_cry_is_heard_in_every_language_under_its_route(
    classifier: Classifier, language: str, text: str, route: str
) -> None:
    found = classifier.classify(text, language)
    assert (found.level >= Level.HIGH, found.route) == (True, route)


@pytest.mark.parametrize(("language", "text"), CALM)
def test_plain_chat_is_not_heard_as_danger_in_any_language(classifier: Classifier, language: str, text: str) -> None:
    assert classifier.classify(text, language).level < Level.ELEVATED


@pytest.mark.parametrize(("language", "text", "route"), GRAVE)
def test_a_cry_inside_a_long_story_is_heard(classifier: Classifier, language: str, text: str, route: str) -> None:
    story = ". ".join([dict(CALM)[language]] * 4)
    assert classifier.classify(f"{story}. {text}. {story}", language).level >= Level.HIGH


@SAID
@given(
    st.lists(st.sampled_from([text for _, text, *_ in [*GRAVE, *CALM]]), min_size=1, max_size=3),
    st.sampled_from([text for _, text, _ in GRAVE]),
    st.sampled_from(sorted(dict(CALM))),
)
def test_a_dangerous_sentence_more_never_lowers_the_level(
    classifier: Classifier, said: list[str], more: str, language: str
) -> None:
    before = classifier.classify(". ".join(said), language).level
    for text in (". ".join([*said, more]), ". ".join([more, *said])):
        assert classifier.classify(text, language).level >= before


@SAID
@given(st.text(max_size=300), st.sampled_from([*sorted(dict(CALM)), "xx", ""]))
def test_no_text_makes_it_raise_and_asking_again_gives_the_same(
    classifier: Classifier, text: str, language: str
) -> None:
    found = classifier.classify(text, language)
    assert 0 <= found.sureness <= 1.001
    assert found == classifier.classify(text, language)


ODD = ["", " ", "...", "?!", "\x00", "\ud800", "😭", "😭 😭", "3 4", "٣ ٤", "a" * 5000, "ha " * 2000, "ba. du. " * 500]


@pytest.mark.parametrize("text", ODD)
def test_empty_odd_and_huge_texts_have_an_opinion(classifier: Classifier, text: str) -> None:
    assert classifier.classify(text, "en").route in ROUTES


@pytest.mark.parametrize("text", ["", "...", "3", "help", "kufa"])
def test_less_than_two_words_are_no_opinion(classifier: Classifier, text: str) -> None:
    found = classifier.classify(text, "en")
    assert (found.level, found.route) == (Level.NONE, "none")


def test_the_intents_that_it_knows_are_those_of_the_content(classifier: Classifier) -> None:
    routes = {intent.route for intent in load_intents().values() if intent.level >= Level.HIGH}
    assert {classifier.classify(text, language).route for language, text, _ in GRAVE} <= routes
    if isinstance(classifier, Blocking):
        answer = _ask_the_server(classifier)
        assert {each["name"] for each in answer} == set(load_intents())


def _ask_the_server(asked: Blocking) -> list[dict[str, str]]:
    """What Rasa itself says, without us between."""
    answer = asked._runner.run(asked.rasa._parse("good morning"))
    ranking: list[dict[str, str]] = answer["intent_ranking"]
    return ranking


@pytest.mark.rasa
def test_rasa_writes_nothing_of_what_it_is_asked_into_its_log(rasa: Classifier) -> None:
    log = os.environ.get("RASA_LOG")
    if log is None:
        pytest.skip("whoever serves Rasa keeps its log: make test-rasa")
    assert rasa.classify("zyzzyva wants to kill the xylophonist", "en").by == "rasa"
    said = Path(log).read_text(encoding="utf-8", errors="replace")
    assert [word for word in ("zyzzyva", "xylophonist") if word in said] == []
