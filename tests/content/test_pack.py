"""Loading packs: what the built-in one holds, how a programme's own lies over it, and how faults read."""

from pathlib import Path

import pytest

from content.pack import BUILTIN, PackError, load_pack
from content.schema import LANGUAGES, Level, Option, Pack, Question


@pytest.fixture(scope="module")
def builtin() -> Pack:
    return load_pack()


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return folder


def faults_of(folder: Path) -> list[str]:
    with pytest.raises(PackError) as caught:
        load_pack(folder)
    return [str(fault).removeprefix(f"{folder.as_posix()}/") for fault in caught.value.faults]


def test_the_built_in_pack_speaks_every_language_that_has_a_folder(builtin: Pack) -> None:
    folders = {file.parent.name for file in BUILTIN.glob("*/signals.yaml")}
    assert set(builtin.languages) == set(builtin.words) == folders
    assert list(builtin.languages) == [language for language in LANGUAGES if language in folders]
    assert builtin.version.startswith("1.0.0+")


def test_no_and_yes_and_digits_stay_words(builtin: Pack) -> None:
    talk = builtin.checkins["weekly"].question("talk")
    assert talk is not None
    assert talk.options == (Option("yes", level=Level.ELEVATED, route="distress"), Option("no"))
    assert builtin.text("weekly", "talk", "en").options["no"][0] == "no"


def test_a_feeling_of_danger_is_high_and_about_threats(builtin: Pack) -> None:
    hard = builtin.checkins["weekly"].question("hard")
    assert hard is not None
    assert Option("safety", level=Level.HIGH, route="threat") in hard.options
    assert hard.when == {"mood": ("so_so",)}


def test_a_programme_replaces_phrases_and_adds_to_word_lists(tmp_path: Path, builtin: Pack) -> None:
    folder = write(
        tmp_path,
        {
            "pack.yaml": "name: Kisima\nversion: '7'\nreviewed_by: {sw: A. Reviewer}\n",
            "en/phrases.yaml": "noted: We have it.\n",
            "sw/talk.yaml": "thanks: [shukrani nyingi]\n",
            "en/signals.yaml": "signals:\n- {id: local.group, route: threat, level: high, phrases: [the boys came]}\n",
            "forbidden.yaml": "en: [the boys]\n",
        },
    )
    pack = load_pack(folder)
    assert (pack.name, pack.languages, pack.reviewed_by) == ("Kisima", builtin.languages, {"sw": "A. Reviewer"})
    assert pack.phrase("noted", "en") == "We have it."
    assert pack.phrase("noted", "sw") == builtin.phrase("noted", "sw")
    assert pack.words["sw"].thanks == (*builtin.words["sw"].thanks, "shukrani nyingi")
    assert pack.words["en"].signals[:-1] == builtin.words["en"].signals
    assert pack.words["en"].signals[-1].phrases == ("the boys came",)
    assert pack.forbidden["en"] == (*builtin.forbidden["en"], "the boys")
    assert pack.version.startswith("7+")


def test_a_signal_list_grows_under_its_id_unless_it_says_replace(tmp_path: Path, builtin: Pack) -> None:
    first = builtin.words["en"].signals[0]
    more = load_pack(write(tmp_path / "a", {"en/signals.yaml": f"signals: [{{id: {first.id}, phrases: [qqq]}}]\n"}))
    assert more.words["en"].signals[0].phrases == (*first.phrases, "qqq")
    assert more.words["en"].signals[0].level == first.level
    text = f"signals: [{{id: {first.id}, replace: yes, route: threat, level: high, phrases: [qqq]}}]\n"
    anew = load_pack(write(tmp_path / "b", {"en/signals.yaml": text}))
    assert anew.words["en"].signals[0].phrases == ("qqq",)


def test_a_list_named_under_replace_starts_anew(tmp_path: Path) -> None:
    pack = load_pack(write(tmp_path, {"en/talk.yaml": "replace: [thanks]\nthanks: [cheers]\n"}))
    assert pack.words["en"].thanks == ("cheers",)


def test_two_packs_with_one_version_number_are_told_apart(tmp_path: Path) -> None:
    one = load_pack(write(tmp_path / "a", {"en/phrases.yaml": "noted: One.\n"}))
    other = load_pack(write(tmp_path / "b", {"en/phrases.yaml": "noted: Other.\n"}))
    assert one.version != other.version


def test_every_fault_is_listed_at_once_with_file_and_line(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "checkins/monthly.yaml": (
                "version: '1'\n"
                "questions:\n"
                "  - id: sleep\n"
                "    kind: scal\n"
                "  - id: mood\n"
                "    kind: choice\n"
                "    options:\n"
                "      - value: good\n"
                "        levle: high\n"
                "      - value: bad\n"
                "        level: highest\n"
            ),
            "en/phrases.yaml": "noted: One.\nnoted: Two.\n",
            "en/signals.yaml": "signals: [unclosed\n",
            "sw/phraes.yaml": "noted: Tatu.\n",
        },
    )
    assert faults_of(tmp_path) == [
        (
            "checkins/monthly.yaml:4: 'scal' is not known here; choose one of: "
            "choice, scale, number, yesno, date, phone, text"
        ),
        "checkins/monthly.yaml:9: unknown name 'levle'; known here: level, route, score, twice, value",
        (
            "checkins/monthly.yaml:11: 'highest' is not known here; choose one of: "
            "none, practical, elevated, high, imminent"
        ),
        "en/phrases.yaml:2: 'noted' is written twice",
        "en/signals.yaml:2: this is not valid YAML: did not find expected ',' or ']'",
        "sw/phraes.yaml:1: nothing reads this file: is its name or folder misspelt?",
    ]


def test_an_alarm_without_a_level_and_a_level_without_a_route_are_faults(tmp_path: Path) -> None:
    text = (
        "version: '1'\n"
        "questions:\n"
        "  - {id: a, kind: scale, minimum: 0, maximum: 10, alarm_at_least: 8}\n"
        "  - {id: b, kind: choice, options: [x, {value: y, level: high}]}\n"
        "  - {id: b, kind: scale, minimum: 5, maximum: 5}\n"
    )
    assert faults_of(write(tmp_path, {"checkins/m.yaml": text})) == [
        "checkins/m.yaml:3: question 'a': an alarm needs both a number and an alarm_level",
        "checkins/m.yaml:4: option 'y': a level and a route go together",
        "checkins/m.yaml:5: question 'b': the minimum must be below the maximum",
        "checkins/m.yaml:5: two questions are called 'b'",
    ]


def test_a_folder_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    assert faults_of(tmp_path / "no") == [f"{(tmp_path / 'no').as_posix()}:1: the content folder does not exist"]


def test_a_file_in_another_encoding_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en/phrases.yaml").write_bytes("noted: Reçu".encode("latin-1"))
    assert faults_of(tmp_path) == ["en/phrases.yaml:1: the file is not saved as UTF-8"]


def test_a_check_in_of_the_programme_takes_the_place_of_the_built_in_one(tmp_path: Path) -> None:
    text = "version: '2'\nquestions: [{id: mood, kind: yesno}]\n"
    pack = load_pack(write(tmp_path, {"checkins/weekly.yaml": text}))
    assert pack.checkins["weekly"].questions == (Question("mood", "yesno"),)
