"""Checking packs: the built-in one has no fault, and every kind of fault is found where it stands."""

import re
from pathlib import Path
from string import Formatter

import pytest

from channels.segments import count
from content.check import check_pack, find_forbidden
from content.pack import load_pack
from content.schema import ROUTES, Pack
from content.training import TrainingError, load_foreign

FILLED = "characters with its placeholders filled in); one is allowed"


@pytest.fixture(scope="module")
def builtin() -> Pack:
    return load_pack()


def segments(text: str) -> int:
    return count(text).segments


def faults(folder: Path, files: dict[str, str]) -> list[str]:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return [str(fault).removeprefix(f"{folder.as_posix()}/") for fault in check_pack(folder, segments)]


def test_the_built_in_pack_has_no_fault() -> None:
    assert check_pack(None, segments) == []


def test_every_text_of_the_built_in_pack_is_in_the_alphabet_of_which_160_characters_fit(builtin: Pack) -> None:
    """Arabic has no place in it: there, `content check` counts 70 characters."""
    texts = [
        *(text for (_, language), text in builtin.phrases.items() if language != "ar"),
        *(t.text for (_, _, language), t in builtin.texts.items() if language != "ar"),
        *(t.help for (_, _, language), t in builtin.texts.items() if language != "ar"),
    ]
    assert [text for text in texts if segments(text.replace("{", "").replace("}", "").ljust(160, ".")) != 1] == []


def test_a_missing_translation_is_reported_where_the_phrase_stands(tmp_path: Path) -> None:
    others = sorted(language for language in load_pack().languages if language != "en")
    assert faults(tmp_path, {"en/phrases.yaml": "\nfarewell: Goodbye.\n"}) == [
        f"en/phrases.yaml:2: phrase 'farewell' is missing in {language!r}" for language in others
    ]


def test_questions_that_can_never_be_asked_are_reported(tmp_path: Path) -> None:
    structure = (
        "version: '1'\n"
        "languages: [en]\n"
        "questions:\n"
        "  - {id: a, kind: choice, options: [x, y], when: {b: [yes]}}\n"
        "  - {id: b, kind: yesno, when: {a: [z]}}\n"
        "  - {id: c, kind: yesno, when: {nowhere: [yes]}}\n"
    )
    texts = (
        "m:\n  a: {text: A?, help: A, options: {x: [x], y: [y]}}\n  b: {text: B?, help: B}\n  c: {text: C?, help: C}\n"
    )
    assert faults(tmp_path, {"checkins/m.yaml": structure, "en/checkins.yaml": texts}) == [
        "checkins/m.yaml:4: question 'a' can never be asked: it waits for 'b', which comes later",
        "checkins/m.yaml:5: question 'b' can never be asked: 'z' is no answer to 'a'",
        "checkins/m.yaml:6: question 'c' can never be asked: it waits for 'nowhere', which does not exist",
    ]


def test_texts_are_compared_with_the_structure(tmp_path: Path) -> None:
    structure = "version: '1'\nlanguages: [en, sw]\nquestions: [{id: a, kind: choice, options: [x, y]}]\n"
    texts = (
        "m:\n"
        "  a: {text: A?, help: '', options: {x: [one, Same], z: [same]}}\n"
        "  b: {text: B?, help: B}\n"
        "n:\n"
        "  a: {text: N?, help: N}\n"
    )
    assert faults(tmp_path, {"checkins/m.yaml": structure, "en/checkins.yaml": texts}) == [
        "checkins/m.yaml:3: question 'a' has no text in 'sw'",
        "en/checkins.yaml:2: question 'a': 'same' is written for both 'x' and 'z'",
        "en/checkins.yaml:2: question 'a': its help is empty",
        "en/checkins.yaml:2: question 'a': option 'y' has no label",
        "en/checkins.yaml:2: question 'a': there is no option 'z'",
        "en/checkins.yaml:3: check-in 'm' has no question 'b'",
        "en/checkins.yaml:5: there is no check-in 'n'",
    ]


@pytest.mark.parametrize(
    ("phrase", "fault"),
    [
        ("noted: Hello {name}.", "phrase 'noted': unknown placeholder {name}; known here: {hotline}"),
        ("noted: Hello {.", "phrase 'noted': a curly bracket is open or closed alone"),
        ("reminder: Hello.", "phrase 'reminder' must contain {question}"),
        (f"noted: {'a' * 161}", f"phrase 'noted' takes 2 SMS (161 {FILLED}"),
        (f"noted: {'a' * 70}ç", f"phrase 'noted' takes 2 SMS (71 {FILLED}"),
        (f"noted: {'a' * 140} {{hotline}}", f"phrase 'noted' takes 2 SMS (165 {FILLED}"),
        ("noted: The Psychologist calls.", "'psychologist' must never be sent: it can expose or hurt the person"),
    ],
)  # fmt: skip
def test_a_phrase_that_must_not_go_out_is_reported(tmp_path: Path, phrase: str, fault: str) -> None:
    found = faults(tmp_path, {"en/phrases.yaml": phrase + "\n"})
    assert found == [f"en/phrases.yaml:1: {fault}"]


def test_a_greeting_that_makes_the_first_question_too_long_is_reported(tmp_path: Path) -> None:
    found = faults(tmp_path, {"en/phrases.yaml": f"greeting_1: {'a' * 100}\n"})
    messages = [fault.split(": ", 1)[1] for fault in found]
    assert f"question 'mood' after its greeting takes 2 SMS (184 {FILLED}" in messages
    # The first question of every check-in, and nothing else.
    firsts = [checkin.questions[0].id for checkin in load_pack().checkins.values()]
    assert sorted(message.split("'")[1] for message in messages) == sorted(firsts)
    assert all(" after its greeting takes 2 SMS " in message for message in messages)


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("Come to the office", "en", []),
        ("the DDR office", "sw", ["ddr"]),
        ("former fighters", "en", ["former fighters"]),
        ("Mental-Health team", "fr", ["mental health"]),
        ("Vous étiez démobilisé", "fr", ["demobilise"]),
        ("chidepressant", "en", []),
        ("suicide, weapons", "en", ["suicide", "weapons"]),
        ("afya  ya AKILI", "sw", ["afya ya akili"]),
        ("see https://x.example/t", "en", ["https"]),
        ("", "en", []),
    ],
)
def test_never_send_words_are_found_as_whole_words(builtin: Pack, text: str, language: str, words: list[str]) -> None:
    assert find_forbidden(builtin, text, language) == words


def test_sentences_of_other_languages_are_added_and_one_of_ours_among_them_is_reported(tmp_path: Path) -> None:
    assert faults(tmp_path, {"languages.yaml": "Kanuri:\n  - Wushe wushe\n"}) == []
    assert load_foreign(tmp_path)[-1] == "Wushe wushe"
    (found,) = faults(tmp_path, {"languages.yaml": "ha:\n  - Sannu da zuwa\n"})
    assert found.startswith("languages.yaml:1: 'ha' is one of ours")
    with pytest.raises(TrainingError, match="one of ours"):
        load_foreign(tmp_path)


def test_every_key_the_dialogue_says_is_in_the_pack(builtin: Pack) -> None:
    files = (Path(__file__).parents[2] / "bot").glob("*.py")
    source = "".join(file.read_text("utf-8") for file in files)
    keys = set(re.findall(r'\bsay\(\s*"([a-z_]+)"', source))
    assert len(keys) > 18
    routes = set(ROUTES) - {"none"}
    assert (keys | routes | {"reask_1", "reask_2", "reminder", "thanks"}) <= {key for key, _ in builtin.phrases}


def test_replies_to_danger_name_the_hotline_and_neither_promise_nor_name_a_method(builtin: Pack) -> None:
    danger = [*ROUTES[:8], "danger_discreet"]
    keys = [f"{route}{off}" for route in danger for off in ("", "_off") if (f"{route}{off}", "en") in builtin.phrases]
    assert len(keys) >= 16
    for key in keys:
        for language in builtin.languages:
            names = {name for _, name, _, _ in Formatter().parse(builtin.phrases[key, language])}
            assert "hotline" in names, (key, language)


def test_every_language_has_the_same_keys(builtin: Pack) -> None:
    keys = {language: {key for key, spoken in builtin.phrases if spoken == language} for language in builtin.languages}
    assert keys["fr"] == keys["en"]
    assert keys["sw"] == keys["en"]


def test_the_words_for_reasons_are_checked_where_they_stand(tmp_path: Path) -> None:
    text = """lists:
  self_harm.local: {en: A local word, fr: Un mot d’ici}
  Local words: {fr: Sans anglais}
  self_harm.wish: {de: Todeswunsch, es: "Deseo {meaning}"}
sentences:
  silence: {en: "Silent for {moons}", fr: "{"}
routes:
  weather: {en: Weather}
"""
    assert faults(tmp_path, {"reasons.yaml": text}) == [
        "reasons.yaml:3: 'Local words' is no name: small letters, digits, '_' and '.' only",
        "reasons.yaml:3: 'Local words' needs its English (en): it is what is fallen back to",
        "reasons.yaml:4: placeholder {meaning} is not known here",
        "reasons.yaml:4: unknown name 'de'; known here: ar, en, es, fr, pt",
        "reasons.yaml:6: a brace is open",
        "reasons.yaml:6: placeholder {moons} is not known here",
        f"reasons.yaml:8: unknown name 'weather'; known here: {', '.join(sorted(ROUTES))}",
    ]


def test_a_programme_says_what_its_own_list_means(tmp_path: Path) -> None:
    text = "lists:\n  self_harm.local: {en: A local word}\n  self_harm.wish: {fr: Veut mourir}\n"
    (tmp_path / "reasons.yaml").write_text(text, "utf-8")
    pack = load_pack(tmp_path)
    assert [pack.reason("lists", "self_harm.local", language) for language in ("en", "fr")] == ["A local word"] * 2
    assert [pack.reason("lists", "self_harm.wish", language) for language in ("en", "fr")] == [
        "Wish to die",
        "Veut mourir",
    ]
    assert pack.reason("lists", "nowhere", "en") == ""
