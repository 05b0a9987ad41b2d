"""Whole conversations, written so that a clinician can read them: what was said, what was answered, what followed.

Each `*.yaml` beside this file is a list of conversations; `situation` says which of those that every language must
have it is about. A step names its moment (`at: "Tue 10:00"` or `"+5m"`), what happened (`says`, `media`, `opens` a
check-in, `time` for a timer), and then the complete list of `replies` and of other
`effects`. A reply is its key, or `key: exact text`. Between steps the state goes through JSON, as it does in the
database. Expectations are written by hand from what ought to happen.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import effects as fx
from bot.checkin import open_checkin, question_key
from bot.distress import Reader
from bot.history import History
from bot.turn import take_turn, time_passed
from channels.segments import count
from content.check import find_forbidden
from content.pack import load_pack
from content.schema import Pack
from hujambo.languages import local_identifier
from tests.conftest import NOW

HERE = Path(__file__).parent
MONDAY = (NOW - timedelta(days=NOW.weekday())).replace(hour=0, minute=0)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
SITUATIONS = {
    "cry in a check-in",
    "cry after STOP",
    "cry from an unknown number",
    "cry in another language",
    "two languages",
    "voice-like spelling",
    "false alarm",
}
STEP_KEYS = {"at", "says", "media", "opens", "time", "step", "missed", "person", "replies", "effects"}


def conversations() -> Iterator[Any]:
    for file in sorted(HERE.glob("*.yaml")):
        # Every scalar is a word: "1" and "no" are things people say.
        for told in yaml.load(file.read_text("utf-8"), Loader=yaml.BaseLoader):  # noqa: S506  makes only words
            yield pytest.param(told, id=f"{file.stem}: {told['name']}")


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack()


@pytest.fixture(scope="module")
def reader(pack: Pack) -> Reader:
    return Reader(pack, identifier=local_identifier())


@dataclass
class Stage:
    """One person's conversation: their state, and the rules by which effects change it."""

    pack: Pack
    reader: Reader
    person: fx.Person
    now: datetime = MONDAY
    progress: fx.Progress | None = None
    memory: fx.Memory = field(default_factory=fx.Memory)
    timer_step: int = 0

    def through_the_database(self) -> None:
        history = History.from_json(json.loads(json.dumps(self.memory.history.to_json())))
        self.memory = replace(fx.Memory.from_json(json.loads(json.dumps(self.memory.to_json()))), history=history)
        if self.progress is not None:
            self.progress = fx.Progress.from_json(json.loads(json.dumps(self.progress.to_json())))

    def play(self, step: dict[str, Any]) -> tuple[fx.Effect, ...]:
        assert set(step) <= STEP_KEYS, f"unknown words in a step: {set(step) - STEP_KEYS}"
        self.now = moment(step["at"], self.now)
        self.person = changed(self.person, step.get("person", {}))
        if "opens" in step:
            return self.open(step["opens"])
        if "time" in step:
            timer_step = int(step.get("step", self.timer_step))
            missed = int(step.get("missed", 0))
            effects = time_passed(
                step["time"], timer_step, self.person, self.progress, self.memory, self.pack, self.now, missed
            )
        elif "says" in step or "media" in step:
            inbound = fx.Inbound(1, spelled(step.get("says", "")), int(step.get("media", 0)), self.now)
            turn = take_turn(inbound, self.person, self.progress, self.memory, self.pack, self.reader, self.now)
            effects, self.memory = turn.effects, turn.memory
        else:
            return ()
        for effect in effects:
            self.follow(effect)
        return effects

    def open(self, checkin: str) -> tuple[fx.Effect, ...]:
        opening = open_checkin(self.pack, checkin, self.person.language, self.now)
        self.progress, self.timer_step = opening.progress, opening.progress.step
        return (fx.Say(opening.text, opening.key, "checkin"),)

    def follow(self, effect: fx.Effect) -> None:
        match effect:
            case fx.KeepProgress(progress=progress):
                self.progress, self.timer_step = progress, progress.step
            case fx.EndSession():
                assert self.progress is not None, "a session ends that was not open"
                self.progress = None
            case fx.StoreAnswer():
                assert self.progress is not None, "an answer is stored outside a session"
            case fx.ChangeLanguage(language=language):
                self.person = replace(self.person, language=language)
            case fx.OptOut():
                self.person = replace(self.person, opted_out=True)
            case fx.OptIn():
                self.person = replace(self.person, opted_out=False)
            case fx.RaiseAlert(assessment=read):
                # As scheduler.apply: an alert under duress shows in nothing that is answered.
                is_duress = any(reason.code == "duress" for reason in read.reasons)
                state = {"is_under_duress": True} if is_duress else {"has_open_alert": not self.person.is_under_duress}
                self.person = replace(self.person, **state)


def moment(word: str, now: datetime) -> datetime:
    """ "Tue 10:00" of the first week, "next Tue 10:00", or "+5m" after the step before."""
    if word.startswith("+"):
        return now + timedelta(**{UNITS[word[-1]]: float(word[1:-1])})
    weeks = word.count("next ")
    day, clock = word.replace("next ", "").split()
    hour, minute = clock.split(":")
    return MONDAY + timedelta(weeks=weeks, days=DAYS.index(day), hours=int(hour), minutes=int(minute))


def spelled(words: str) -> str:
    """`<"na" 800 times>` for messages too long to print."""
    if words.startswith("<") and words.endswith(" times>"):
        said, _, number = words[1:-7].rpartition(" ")
        return (said.strip('"') + " ") * int(number)
    return words


def changed(person: fx.Person, settings: dict[str, Any]) -> fx.Person:
    kinds = {each.name: each.type for each in fields(fx.Person)}
    values: dict[str, Any] = {}
    for name, word in settings.items():
        assert name in kinds, f"a person has no {name!r}"
        is_flag = kinds[name] in (bool, "bool")
        values[name] = tuple(word) if isinstance(word, list) else (word == "yes") if is_flag else word
    return replace(person, **values)


def in_words(effect: fx.Effect) -> str:  # noqa: C901, PLR0911  one case each
    match effect:
        case fx.StoreAnswer(question=question, value=value, score=score):
            return f"answer: {question} = {value}" + (f" (score {score:g})" if score is not None else "")
        case fx.Assess(assessment=read):
            return f"reads: {read.level.word} {read.route}"
        case fx.RaiseAlert(assessment=read):
            return f"alert: {read.level.word} {read.route}"
        case fx.RaiseTask(kind=kind):
            return f"task: {kind}"
        case fx.ChangeLanguage(language=language):
            return f"language: {language}"
        case fx.OptOut():
            return "opts out"
        case fx.OptIn():
            return "opts in"
        case fx.SetConsent(purpose=purpose, is_given=is_given):
            return f"consent: {purpose} {'given' if is_given else 'withdrawn'}"
        case fx.KeepProgress(progress=progress, timer=timer, due_at=due):
            assert due is not None, "a session without a timer would stay open for ever"
            return f"waits: {progress.question}, {timer} {DAYS[due.weekday()]} {due:%H:%M}"
        case fx.EndSession(state=state):
            return f"ends: {state}"
    raise AssertionError(f"no words for {effect}")


def check_replies(said: list[fx.Say], expected: list[Any], told: str) -> None:
    wanted = [next(iter(reply.items())) if isinstance(reply, dict) else (reply, None) for reply in expected]
    assert [say.key for say in said] == [key for key, _ in wanted], told
    for say, (_, text) in zip(said, wanted, strict=True):
        if text is not None:
            assert say.text == text, told


@pytest.mark.parametrize("told", list(conversations()))
def test_a_conversation_goes_as_written(told: dict[str, Any], pack: Pack, reader: Reader) -> None:
    person = fx.Person(enrolled=True, language="en", languages=("en", "fr", "sw"), country="KE", hotline="1199")
    stage = Stage(pack, reader, changed(person, told.get("person", {})))
    for number, step in enumerate(told["steps"], start=1):
        stage.through_the_database()
        effects = stage.play(step)
        where = f"step {number}: {step}"
        said = [effect for effect in effects if isinstance(effect, fx.Say)]
        check_replies(said, step.get("replies", []), where)
        others = [in_words(effect) for effect in effects if not isinstance(effect, fx.Say)]
        assert others == step.get("effects", []), where
        for say in said:
            assert count(say.text).segments == 1, f"{where}: more than one SMS"
            assert find_forbidden(pack, say.text, stage.person.language) == [], where


def test_every_language_the_pack_offers_has_every_situation_in_at_least_a_dozen_conversations(pack: Pack) -> None:
    told: dict[str, list[str]] = {language: [] for language in pack.languages}
    number = dict.fromkeys(pack.languages, 0)
    for each in conversations():
        (conversation,) = each.values
        language = conversation.get("person", {}).get("language", "en")
        told[language] += conversation.get("situation", [])
        number[language] += 1
    assert {language: count for language, count in number.items() if count < 12} == {}
    missing = {language: SITUATIONS - set(found) for language, found in told.items() if SITUATIONS - set(found)}
    assert missing == {}
    assert "Arabizi" in told["ar"]
    assert {tag for found in told.values() for tag in found} <= SITUATIONS | {"Arabizi"}, "a situation nobody asked for"


def test_state_between_turns_is_only_progress_and_memory(pack: Pack) -> None:
    opening = open_checkin(pack, "weekly", "sw", NOW)
    data = json.loads(json.dumps(opening.progress.to_json()))
    assert fx.Progress.from_json(data) == opening.progress
    assert question_key(opening.progress) == opening.key == "weekly.mood"
