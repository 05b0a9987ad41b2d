"""Checking packs: the built-in one has no fault, and every kind of fault is found where it stands."""

import re
from dataclasses import replace
from pathlib import Path
from string import Formatter

import pytest

from channels.segments import count
from content.check import check_pack, find_forbidden
from content.pack import load_pack
from content.schema import ROUTES, OverTime, Pack
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


SCALE = "id: a, kind: scale, minimum: 0, maximum: 10"
CHOICE = "id: a, kind: choice, options: [{value: x, score: 1}, {value: y, score: 2}]"


@pytest.mark.parametrize(
    ("questions", "fault"),
    [
        (f"{SCALE}, worse: {{level: elevated}}", "worse needs either 'up' or 'down', and how far"),
        (f"{SCALE}, worse: {{up: 2, down: 1, level: elevated}}", "worse needs either 'up' or 'down', and how far"),
        (f"{SCALE}, worse: {{up: 0, level: elevated}}", "worse by nothing is no change: a number above 0 is needed"),
        (
            f"{CHOICE}, worse: {{up: 1, level: elevated, countries: {{MZ: -1}}}}",
            "worse by nothing is no change: a number above 0 is needed",
        ),
        (f"{SCALE}, worse: {{up: 2}}", "'level' is missing"),
        (f"{SCALE}, worse: {{up: 2, level: none}}", "worse without a level means nothing"),
        (
            "id: a, kind: choice, options: [x, y], worse: {up: 1, level: elevated}",
            "question 'a': without numbers or scores nothing can become worse",
        ),
        (
            "id: a, kind: choice, options: [x, {value: y, level: high, route: threat, twice: elevated}]",
            "option 'y': twice in a row must be graver than once",
        ),
        (
            "id: a, kind: choice, options: [x, {value: y, twice: elevated}]",
            "option 'y': a level and a route go together",
        ),
        (
            "id: a, kind: choice, options: [x, y], consent: after_exit",
            "question 'a': consent is a 'yes' or a 'no', and nothing else",
        ),
        (
            "id: a, kind: yesno, consent: research",
            "'research' is not known here; choose one of: after_exit",
        ),
    ],
)
def test_a_rule_over_time_that_means_nothing_is_reported(tmp_path: Path, questions: str, fault: str) -> None:
    structure = f"version: '1'\nlanguages: [en]\nquestions: [{{{questions}}}]\n"
    labels = "options: {x: [one], y: [two]}" if "choice" in questions else ""
    texts = f"m:\n  a: {{text: A?, help: A, {labels}}}\n"
    found = faults(tmp_path, {"checkins/m.yaml": structure, "en/checkins.yaml": texts})
    assert fault in [one.split(": ", 1)[1] for one in found]
    assert {one.split(":")[0] for one in found} == {"checkins/m.yaml"}


def test_a_sum_is_not_called_like_a_question(tmp_path: Path) -> None:
    structure = (
        "version: '1'\nlanguages: [en]\n"
        f"questions: [{{{SCALE}}}]\n"
        "sums: [{id: a, questions: [a], threshold: 5, level: elevated, worse: {up: 2, level: elevated}}]\n"
    )
    found = faults(tmp_path, {"checkins/m.yaml": structure, "en/checkins.yaml": "m:\n  a: {text: A?, help: A}\n"})
    assert found == ["checkins/m.yaml:4: sum 'a' is called like a question: their histories would mix"]


def test_numbers_over_time_that_cannot_be_are_reported(tmp_path: Path) -> None:
    text = (
        "repeat_times: 1\n"
        "repeat_days: many\n"
        "usual_from: 9\n"
        "often: 3\n"
        "countries:\n"
        "  mz: {danger_days: 60}\n"
        "  KE: {steady_from: 9, habit_of: 4.5}\n"
    )
    assert faults(tmp_path, {"overtime.yaml": text}) == [
        "overtime.yaml:1: repeat_times must be a whole number from 2 to 366",
        "overtime.yaml:1: usual_from cannot be more than usual_of",
        "overtime.yaml:2: 'many' is not a number",
        (
            "overtime.yaml:4: unknown name 'often'; known here: countries, danger_days, habit_of, missed_rounds, "
            "repeat_days, repeat_times, steady_from, steady_hours, usual_from, usual_of"
        ),
        "overtime.yaml:6: 'mz' is no country: two capital letters, as in MZ",
        "overtime.yaml:6: usual_from cannot be more than usual_of",
        "overtime.yaml:7: habit_of must be a whole number from 2 to 366",
        "overtime.yaml:7: steady_from cannot be more than habit_of",
        "overtime.yaml:7: usual_from cannot be more than usual_of",
    ]


def test_a_country_starts_from_the_programmes_own_numbers(tmp_path: Path) -> None:
    text = "repeat_times: 4\ncountries: {MZ: {danger_days: 60}}\n"
    assert faults(tmp_path, {"overtime.yaml": text}) == []
    pack = load_pack(tmp_path)
    own = replace(OverTime(), repeat_times=4)
    assert (pack.over_time_in("KE"), pack.over_time_in("MZ")) == (own, replace(own, danger_days=60))


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
