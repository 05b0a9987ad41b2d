"""Protocol cards and prepared replies: complete in every language, overlaid as a programme means it, safe to send."""

import re
from pathlib import Path

import pytest

from channels.segments import count, is_gsm
from content.check import check_pack, find_forbidden_typed
from content.guidance import LONGEST_TIME
from content.pack import load_pack
from content.schema import LANGUAGES, ROUTES, STAFF_LANGUAGES, Level, Pack

ROUTED = [route for route in ROUTES if route != "none"]
STEPS = "".join(f"      - {{id: s{n}, text: Do {n}}}\n" for n in range(4))


@pytest.fixture(scope="module")
def builtin() -> Pack:
    return load_pack()


def faults(folder: Path, files: dict[str, str]) -> list[str]:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    found = check_pack(folder, lambda text: count(text).segments)
    return [str(fault).removeprefix(f"{folder.as_posix()}/") for fault in found]


# --- the built-in ones ---


@pytest.mark.parametrize("language", STAFF_LANGUAGES)
def test_every_route_has_a_card_that_nobody_has_approved_yet(builtin: Pack, language: str) -> None:
    cards = {route: builtin.protocols.get((route, language)) for route in ROUTED}
    assert [route for route, card in cards.items() if card is None] == []
    assert {card.reviewed_by for card in cards.values() if card} == {""}
    # What is never to be done stands last, and every card says when an alert may be closed.
    for route, card in cards.items():
        assert card is not None
        steps = card.steps_at(Level.IMMINENT, "KE")
        assert [step.is_never for step in steps] == [False] * (len(steps) - 1) + [True], route
        assert "close" in {step.id for step in steps}, route


@pytest.mark.parametrize("route", ["self_harm", "harm_others", "threat", "gbv", "child", "medical", "recruitment"])
def test_a_life_in_danger_now_brings_steps_to_the_top_that_others_do_not_have(builtin: Pack, route: str) -> None:
    card = builtin.protocols[route, "en"]
    now, later = card.steps_at(Level.IMMINENT, "KE"), card.steps_at(Level.HIGH, "KE")
    assert now[0].level is Level.IMMINENT
    assert [step for step in now if step.level is not Level.IMMINENT] == list(later)


@pytest.mark.parametrize("language", LANGUAGES)
def test_prepared_replies_fit_one_sms_and_carry_nothing_that_gives_a_person_away(builtin: Pack, language: str) -> None:
    wrong = {}
    for (key, spoken), reply in builtin.replies.items():
        if spoken != language:
            continue
        text = reply.text.replace("{hotline}", "+254 700 000 000").replace("{time}", LONGEST_TIME)
        if count(text).segments != 1 or (language != "ar" and not is_gsm(text)):
            wrong[key] = "too long"
        if find_forbidden_typed(builtin, text, language):
            wrong[key] = "exposes"
    assert wrong == {}


def test_each_route_offers_its_own_replies_first(builtin: Pack) -> None:
    for route in ROUTED:
        keys = builtin.replies_for(route)
        assert route in builtin.reply_routes[keys[0]], route
        assert {"first_contact", "not_reached", "after_call", "hotline", "safe_word"} <= set(keys)
        assert 11 <= len(keys) <= 16
    assert "gbv_offer" not in builtin.replies_for("threat")


def test_english_replies_promise_neither_help_nor_secrecy_and_name_no_method_and_no_belief(builtin: Pack) -> None:
    texts = " ".join(reply.text for (_, language), reply in builtin.replies.items() if language == "en").casefold()
    words = r"\b(help is coming|promise|secret|god|pray|allah|bless|ambulance|police|pills|rope|knife|die|dead|hurt)\b"
    assert re.findall(words, texts) == []


# --- what a programme lays over them ---


def test_a_country_adds_steps_and_contacts_and_the_card_waits_for_a_new_review(tmp_path: Path) -> None:
    texts = {
        f"{language}/protocols.yaml": (
            "reviewed_by: Dr. N.\ncards:\n"
            "  gbv:\n    reviewed_by: Dr. K.\n    countries:\n"
            "      KE: {steps_add: [{id: centre, text: The centre at the hospital}], contacts: ['Line: {hotline}']}\n"
        )
        for language in STAFF_LANGUAGES
    }
    assert faults(tmp_path, texts) == []
    pack = load_pack(tmp_path)
    card = pack.protocols["gbv", "en"]
    assert "centre" in {step.id for step in card.steps_at(Level.HIGH, "KE")}
    assert "centre" not in {step.id for step in card.steps_at(Level.HIGH, "SO")}
    assert card.in_country("KE").contacts == ("Line: {hotline}",)
    assert (card.reviewed_by, pack.protocols["child", "en"].reviewed_by) == ("Dr. K.", "Dr. N.")
    assert card.steps == load_pack().protocols["gbv", "en"].steps


def test_a_card_of_ones_own_takes_the_place_of_the_built_in_one_and_is_reviewed_by_nobody(tmp_path: Path) -> None:
    card = f"cards:\n  child:\n    title: Children\n    steps:\n{STEPS}"
    assert faults(tmp_path, {f"{language}/protocols.yaml": card for language in STAFF_LANGUAGES}) == []
    found = load_pack(tmp_path).protocols["child", "fr"]
    assert ([step.id for step in found.steps], found.reviewed_by) == (["s0", "s1", "s2", "s3"], "")


def test_a_reply_of_ones_own_is_reviewed_by_whom_the_file_says_and_only_then(tmp_path: Path) -> None:
    (tmp_path / "sw").mkdir()
    (tmp_path / "so").mkdir()
    (tmp_path / "sw/replies.yaml").write_text("reviewed_by: M. A.\nreplies: {here: Niko hapa.}\n", "utf-8")
    (tmp_path / "so/replies.yaml").write_text("replies: {here: Waan joogaa.}\n", "utf-8")
    pack = load_pack(tmp_path)
    assert [pack.replies[key, "sw"].reviewed_by for key in ("here", "hotline")] == ["M. A.", "M. A."]
    assert (pack.replies["here", "sw"].text, pack.replies["here", "so"].text) == ("Niko hapa.", "Waan joogaa.")
    assert pack.replies["here", "so"].reviewed_by == ""


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("en/protocols.yaml", "cards:\n  fire: {title: F, steps: []}\n", "there is no route 'fire'"),
        (
            "en/protocols.yaml",
            f"cards:\n  child:\n    steps:\n{STEPS}",
            "card 'child': the steps of the card, their order",
        ),
        (
            "en/protocols.yaml",
            "cards:\n  child: {steps: [{id: a, text: A}]}\n",
            "card 'child' has 1 steps; 4 to 9 are read",
        ),
        ("en/protocols.yaml", "cards:\n  child: {steps: [{id: A b, text: A}]}\n", "a step's id is a short word"),
        (
            "en/protocols.yaml",
            "cards:\n  child: {steps: [{id: a, text: ''}]}\n",
            "step 'a': between 1 and 160 characters; it has 0",
        ),
        (
            "en/protocols.yaml",
            "cards:\n  child: {countries: {KE: {contacts: ['{number}']}}}\n",
            "unknown placeholder {number}",
        ),
        (
            "en/protocols.yaml",
            "cards:\n  child: {countries: {Kenya: {}}}\n",
            "country 'Kenya' is not two capital letters",
        ),
        ("en/protocols.yaml", "cards:\n  child: {steps: [{id: a, text: A, level: now}]}\n", "'now' is not known here"),
        ("sw/protocols.yaml", "cards: {}\n", "nothing reads this file"),
        ("en/replies.yaml", "replies: {nobody: Hi}\n", "there is no prepared reply 'nobody' in replies.yaml"),
        (
            "en/replies.yaml",
            "replies: {here: 'Hi {name}'}\n",
            "unknown placeholder {name}; known here: {hotline}, {time}",
        ),
        ("en/replies.yaml", f"replies: {{here: {'a' * 161}}}\n", "prepared reply 'here' takes 2 SMS"),
        ("en/replies.yaml", "replies: {here: The reintegration office.}\n", "'reintegration' must never be sent"),
        ("replies.yaml", "more: {routes: [fire]}\n", "there is no route 'fire'"),
        ("replies.yaml", "more: {}\n", "prepared reply 'more' is missing in 'en'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_card_or_a_reply_is_said_where_it_stands(
    tmp_path: Path, file: str, text: str, expected: str
) -> None:
    found = faults(tmp_path, {file: text})
    assert [fault for fault in found if expected in fault], found
    assert all(re.match(r"[\w./-]+\.yaml:\d+: ", fault) for fault in found)


# --- what staff type ---


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Je, una bunduki?", "so", ["bunduki"]),
        ("Votre arme est-elle loin?", "sw", ["arme"]),
        ("ku ajiye makamai", "ar", ["ajiye makamai"]),
        ("هل عندك سلاح", "ha", ["سلاح"]),
        ("Tens arma em casa?", "en", ["arma"]),
        ("salud mental", "fr", ["salud mental"]),
        ("the reintegration office", "so", ["reintegration"]),
        ("Come when the hub is open", "en", ["hub"]),  # the Somali word for a weapon: asked about rather than missed
        ("May I call you this evening?", "sw", []),
    ],
)
def test_what_staff_type_is_held_to_the_lists_of_all_languages(
    builtin: Pack, text: str, language: str, expected: list[str]
) -> None:
    assert find_forbidden_typed(builtin, text, language) == expected


def test_no_text_of_the_pack_is_warned_of_for_a_word_of_another_language(builtin: Pack) -> None:
    texts = [
        *((text, language) for (_, language), text in builtin.phrases.items()),
        *((reply.text, language) for (_, language), reply in builtin.replies.items()),
    ]
    assert len(texts) > 500
    assert [text for text, language in texts if find_forbidden_typed(builtin, text, language)] == []
