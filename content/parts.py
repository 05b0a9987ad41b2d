"""From entries to the schema's values: check-ins, their texts, and how a language is read."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast, get_args

from content.patterns import Groups, slots
from content.schema import (
    LANGUAGES,
    ROUTES,
    Checkin,
    Level,
    Option,
    Question,
    QuestionKind,
    QuestionText,
    Route,
    SignalList,
    Sum,
    Words,
    Worse,
)
from content.source import Desk, Entry

_LEVELS = tuple(level.word for level in Level)
_KINDS: tuple[str, ...] = get_args(QuestionKind)
_CHECKIN_KEYS = (
    "version", "questions", "languages", "remind_hours", "expire_hours", "source", "private_only",
    "sums",
)  # fmt: skip
_QUESTION_KEYS = (
    "id", "kind", "options", "minimum", "maximum", "when", "optional",
    "alarm_at_least", "alarm_at_most", "alarm_level", "alarm_route", "languages", "private_only", "worse", "consent",
)  # fmt: skip
_LISTS = (
    "negations", "harmless", "third_person", "past", "yes", "no", "fine", "names", "ages",
    "thanks", "corrections", "end_requests", "common",
    "polite", "fillers", "number_marks", "denials", "asking", "number_joins", "halves", "ranges",
)  # fmt: skip
CONSENTS = ("after_exit",)  # purposes that a person's own answer can give; the others need a conversation
_COMMANDS = ("stop", "start", "help", "call_me")
_NUMBERED = ("numbers", "months", "days")
WORD_KEYS = (*_LISTS, *_NUMBERED, "signals", "groups", "spellings", "commands")

EMPTY_WORDS = Words(
    signals=(), negations=(), harmless=(), third_person=(), past=(), spellings={}, yes=(), no=(), numbers={}, fine=(),
    commands={}, names=(),
)  # fmt: skip


def _level(desk: Desk, entry: Entry | None) -> Level:
    return Level.of(desk.one_of(entry, _LEVELS, "none"))


def _route(desk: Desk, entry: Entry | None, default: str = "none") -> Route:
    return cast("Route", desk.one_of(entry, ROUTES, default))


# --- check-ins ---


def read_checkin(
    desk: Desk, checkin_id: str, entry: Entry, languages: Sequence[str], places: dict[tuple[str, ...], tuple[str, int]]
) -> Checkin:
    """A check-in's structure. `places` learns where each question stands."""
    keys = desk.mapping(entry, _CHECKIN_KEYS, required=("version", "questions"))
    questions = []
    for item in desk.items(keys.get("questions")):
        question = _question(desk, item)
        if ("question", checkin_id, question.id) in places:
            desk.fault(item.place, f"two questions are called {question.id!r}")
        places["question", checkin_id, question.id] = item.place
        questions.append(question)
    if "questions" in keys and not questions:
        desk.fault(keys["questions"].place, "a check-in needs at least one question")
    offered = _offered(desk, keys.get("languages"), languages)
    remind, expire = desk.number(keys.get("remind_hours"), 24), desk.number(keys.get("expire_hours"), 48)
    checkin = Checkin(
        id=checkin_id,
        version=desk.word(keys.get("version")),
        questions=tuple(questions),
        languages=offered,
        remind_hours=24 if remind is None else remind,
        expire_hours=48 if expire is None else expire,
        source=desk.word(keys.get("source")),
        private_only=desk.flag(keys.get("private_only")),
        sums=tuple(_sum(desk, item, [question.id for question in questions]) for item in desk.items(keys.get("sums"))),
    )
    if checkin.remind_hours <= 0 or checkin.expire_hours <= checkin.remind_hours:
        desk.fault(entry.place, "remind_hours must be above 0 and expire_hours above remind_hours")
    return checkin


def _offered(desk: Desk, entry: Entry | None, languages: Sequence[str]) -> tuple[str, ...]:
    """The pack's languages, or those of them that are named. One that this pack does not offer is no fault."""
    if entry is None:
        return tuple(languages)
    named = desk.words(entry)
    for language in named:
        if language not in LANGUAGES:
            desk.fault(entry.place, f"language {language!r} is not known; known: {', '.join(LANGUAGES)}")
    return tuple(language for language in languages if language in named)


def _sum(desk: Desk, entry: Entry, known: Sequence[str]) -> Sum:
    keys = desk.mapping(
        entry, ("id", "questions", "threshold", "level", "route", "countries", "worse"),
        required=("id", "questions", "threshold", "level"),
    )  # fmt: skip
    countries = desk.mapping(keys["countries"]) if "countries" in keys else {}
    found = Sum(
        id=desk.word(keys.get("id")),
        questions=desk.words(keys.get("questions")),
        threshold=desk.number(keys.get("threshold")) or 0,
        level=_level(desk, keys.get("level")),
        route=_route(desk, keys.get("route"), "distress"),
        countries={code: desk.number(value) or 0 for code, value in countries.items()},
        worse=_worse(desk, keys.get("worse")),
    )
    if found.id in known:
        desk.fault(entry.place, f"sum {found.id!r} is called like a question: their histories would mix")
    for question in found.questions:
        if question not in known:
            desk.fault(entry.place, f"sum {found.id!r}: there is no question {question!r}")
    if min(found.threshold, *found.countries.values(), 1) <= 0:
        desk.fault(entry.place, f"sum {found.id!r}: a threshold must be above 0")
    if found.level is Level.NONE:
        desk.fault(entry.place, f"sum {found.id!r}: without a level, reaching its threshold means nothing")
    return found


def _worse(desk: Desk, entry: Entry | None) -> Worse | None:
    """`{up: 3, level: elevated}`, or `down` where lower is worse; `countries` have their own number."""
    if entry is None:
        return None
    keys = desk.mapping(entry, ("up", "down", "level", "route", "countries"), required=("level",))
    if ("up" in keys) == ("down" in keys):
        desk.fault(entry.place, "worse needs either 'up' or 'down', and how far")
    countries = desk.mapping(keys["countries"]) if "countries" in keys else {}
    found = Worse(
        by=desk.number(keys.get("up", keys.get("down"))) or 0,
        level=_level(desk, keys.get("level")),
        route=_route(desk, keys.get("route"), "distress"),
        is_lower="down" in keys,
        countries={code: desk.number(value) or 0 for code, value in countries.items()},
    )
    if min(found.by, *found.countries.values(), 1) <= 0:
        desk.fault(entry.place, "worse by nothing is no change: a number above 0 is needed")
    if found.level is Level.NONE:
        desk.fault(entry.place, "worse without a level means nothing")
    return found


def _question(desk: Desk, entry: Entry) -> Question:
    keys = desk.mapping(entry, _QUESTION_KEYS, required=("id", "kind"))
    options = tuple(_option(desk, item) for item in desk.items(keys.get("options")))
    question = Question(
        id=desk.word(keys.get("id")),
        kind=cast("QuestionKind", desk.one_of(keys.get("kind"), _KINDS, "text")),
        options=options,
        minimum=desk.number(keys.get("minimum")),
        maximum=desk.number(keys.get("maximum")),
        when={name: desk.words(value) for name, value in desk.mapping(keys["when"]).items()} if "when" in keys else {},
        optional=desk.flag(keys.get("optional")),
        alarm_at_least=desk.number(keys.get("alarm_at_least")),
        alarm_at_most=desk.number(keys.get("alarm_at_most")),
        alarm_level=_level(desk, keys.get("alarm_level")),
        alarm_route=_route(desk, keys.get("alarm_route")),
        languages=_offered(desk, keys["languages"], LANGUAGES) if "languages" in keys else (),
        private_only=desk.flag(keys.get("private_only")),
        worse=_worse(desk, keys.get("worse")),
        consent=desk.one_of(keys.get("consent"), CONSENTS, ""),
    )
    _check_question(desk, entry, question)
    return question


def _check_question(desk: Desk, entry: Entry, question: Question) -> None:
    values = [option.value for option in question.options]
    if question.kind == "choice" and len(values) < 2:
        desk.fault(entry.place, f"question {question.id!r}: a choice needs at least two options")
    if question.kind not in ("choice", "yesno") and values:
        desk.fault(entry.place, f"question {question.id!r}: only a choice or yesno has options")
    if question.kind == "yesno" and not set(values) <= {"yes", "no"}:
        desk.fault(entry.place, f"question {question.id!r}: the options of a yesno are 'yes' and 'no'")
    if len(values) != len(set(values)):
        desk.fault(entry.place, f"question {question.id!r}: an option value is written twice")
    if question.kind == "scale" and (question.minimum is None or question.maximum is None):
        desk.fault(entry.place, f"question {question.id!r}: a scale needs a minimum and a maximum")
    if question.minimum is not None and question.maximum is not None and question.minimum >= question.maximum:
        desk.fault(entry.place, f"question {question.id!r}: the minimum must be below the maximum")
    has_alarm = question.alarm_at_least is not None or question.alarm_at_most is not None
    if has_alarm != (question.alarm_level is not Level.NONE):
        desk.fault(entry.place, f"question {question.id!r}: an alarm needs both a number and an alarm_level")
    is_counted = question.kind in ("scale", "number") or any(option.score is not None for option in question.options)
    if question.worse is not None and not is_counted:
        desk.fault(entry.place, f"question {question.id!r}: without numbers or scores nothing can become worse")
    if question.consent and question.kind != "yesno" and set(values) != {"yes", "no"}:
        desk.fault(entry.place, f"question {question.id!r}: consent is a 'yes' or a 'no', and nothing else")


def _option(desk: Desk, entry: Entry) -> Option:
    if isinstance(entry.value, str):
        return Option(desk.word(entry))
    keys = desk.mapping(entry, ("value", "score", "level", "route", "twice"), required=("value",))
    option = Option(
        value=desk.word(keys.get("value")),
        score=desk.number(keys.get("score")),
        level=_level(desk, keys.get("level")),
        route=_route(desk, keys.get("route")),
        twice=_level(desk, keys.get("twice")),
    )
    if (max(option.level, option.twice) is Level.NONE) != (option.route == "none"):
        desk.fault(entry.place, f"option {option.value!r}: a level and a route go together")
    if "twice" in keys and option.twice <= option.level:
        desk.fault(entry.place, f"option {option.value!r}: twice in a row must be graver than once")
    return option


def read_texts(
    desk: Desk,
    entry: Entry,
    language: str,
    texts: dict[tuple[str, str, str], QuestionText],
    places: dict[tuple[str, ...], tuple[str, int]],
) -> None:
    """`<language>/checkins.yaml`: check-in → question → text, help and the options' spellings."""
    for checkin_id, questions in desk.mapping(entry).items():
        for question_id, item in desk.mapping(questions).items():
            keys = desk.mapping(item, ("text", "help", "options", "before"), required=("text", "help"))
            options = desk.mapping(keys["options"]) if "options" in keys else {}
            texts[checkin_id, question_id, language] = QuestionText(
                text=desk.word(keys.get("text")),
                help=desk.word(keys.get("help")),
                options={value: desk.words(spellings) for value, spellings in options.items()},
                before=desk.words(keys.get("before")),
            )
            places["text", checkin_id, question_id, language] = item.place


# --- how a language is read ---


def read_words(desk: Desk, entry: Entry, before: Words) -> Words:
    """One word file laid over what stands already: lists grow; a name under `replace` starts its list anew.

    A signal list with the id of an earlier one adds its phrases to it, or takes its place with `replace: yes`.
    """
    keys = dict(desk.mapping(entry, (*WORD_KEYS, *_COMMANDS, "replace")))
    anew = desk.words(keys.get("replace"))
    for name in anew:
        if name not in WORD_KEYS:
            desk.fault(keys["replace"].place, f"{name!r} cannot be replaced; known: {', '.join(WORD_KEYS)}")
    blank = {name: getattr(EMPTY_WORDS, name) for name in anew if name in WORD_KEYS}
    words = replace(before, **blank)
    lists = {name: _joined(getattr(words, name), desk.words(keys[name])) for name in _LISTS if name in keys}
    groups = _groups(desk, keys.get("groups"), words.groups)
    return replace(
        words,
        groups=groups,
        signals=_signals(desk, keys.get("signals"), words.signals, groups),
        spellings={**words.spellings, **_spellings(desk, keys.get("spellings"))},
        commands=_commands(desk, keys, words.commands),
        numbers={**words.numbers, **_numbers(desk, keys.get("numbers"))},
        months={**words.months, **_numbers(desk, keys.get("months"))},
        days={**words.days, **_numbers(desk, keys.get("days"))},
        **lists,
    )


def _joined(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _groups(desk: Desk, entry: Entry | None, before: Groups) -> dict[str, tuple[str, ...]]:
    found = {name: tuple(members) for name, members in before.items()}
    for name, value in (desk.mapping(entry) if entry is not None else {}).items():
        found[name] = _joined(found.get(name, ()), desk.words(value))
        _check_patterns(desk, value.place, (f"<{name}>",), found)
    return found


def _check_patterns(desk: Desk, place: tuple[str, int], phrases: Sequence[str], groups: Groups) -> None:
    for phrase in phrases:
        try:
            slots(phrase, groups)
        except ValueError as error:
            desk.fault(place, str(error))


def _signals(desk: Desk, entry: Entry | None, before: Sequence[SignalList], groups: Groups) -> tuple[SignalList, ...]:
    found = {(signal.id or f"#{number}"): signal for number, signal in enumerate(before)}
    for item in desk.items(entry):
        keys = desk.mapping(item, ("id", "route", "level", "phrases", "means", "replace"), required=("id", "phrases"))
        name = desk.word(keys.get("id"))
        phrases, old = desk.words(keys.get("phrases")), found.get(name)
        if not phrases:
            desk.fault(item.place, f"signal list {name!r} has no phrases")
        _check_patterns(desk, item.place, phrases, groups)
        if old is not None and not desk.flag(keys.get("replace")):
            if any(key in keys for key in ("route", "level", "means")):
                desk.fault(
                    item.place,
                    f"signal list {name!r} exists already: give only phrases to add, or 'replace: yes' to start anew",
                )
            found[name] = replace(old, phrases=_joined(old.phrases, phrases))
            continue
        signal = SignalList(
            route=_route(desk, keys.get("route")),
            level=_level(desk, keys.get("level")),
            phrases=phrases,
            means=desk.flag(keys.get("means")),
            id=name,
        )
        if not signal.means and (signal.route == "none" or signal.level is Level.NONE):
            desk.fault(item.place, f"signal list {name!r} needs a route and a level")
        found[name] = signal
    return tuple(found.values())


def _spellings(desk: Desk, entry: Entry | None) -> Mapping[str, str]:
    return {key: desk.word(value) for key, value in desk.mapping(entry).items()} if entry is not None else {}


def _numbers(desk: Desk, entry: Entry | None) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for word, value in (desk.mapping(entry) if entry is not None else {}).items():
        number = desk.number(value)
        if number is not None and number == int(number):
            found[word] = int(number)
        elif number is not None:
            desk.fault(value.place, f"{word!r} must stand for a whole number")
    return found


def _commands(
    desk: Desk, keys: Mapping[str, Entry], before: Mapping[str, tuple[str, ...]]
) -> Mapping[str, tuple[str, ...]]:
    found = dict(before)
    named = dict(desk.mapping(keys["commands"], _COMMANDS)) if "commands" in keys else {}
    for command in _COMMANDS:
        for entry in (named.get(command), keys.get(command)):
            if entry is not None:
                found[command] = _joined(found.get(command, ()), desk.words(entry))
    return found
