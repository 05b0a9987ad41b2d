"""What a message answers to a question: digits, number words, labels, yes and no; None, with why, whenever in doubt."""

import re
from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import phonenumbers
from rapidfuzz.distance import OSA

from bot.replies import contains
from bot.text import fold, squeeze, tokens
from content.schema import Question, QuestionKind, Words

MIN_FUZZY = 5
_MOST_FOUND = 2_000  # words of messages that each question remembers to be labels, or none
MAX_TEXT = 1600
_ARTICLES = frozenset({"one", "un", "une", "uno", "una", "um", "uma"})
Form = tuple[str, ...]
Value = str | float

# A number as written inside a text: "24ans", "no.2", "2)", "7.5", "٤". A sign in front belongs to it.
_NUMBER = re.compile(r"(?<![\d.,])-?\d+(?:[.,]\d+)?")
_DIGIT = re.compile(r"\d")
_THOUSANDS = re.compile(r"(?<=\d)[ ,'](?=\d{3}\b)")
_SPELLED_ZERO = re.compile(r"(?<![^\W\d_])[oO](?=\d)|(?<=\d)[oO](?![^\W\d_])")
# "5-7": both ends are meant, so neither is the answer.
_RANGE = re.compile(r"(?<![\d.,/-])\d+(?:[.,]\d+)?\s*[-–—]\s*\d+(?:[.,]\d+)?(?![\d/-])")
_DIGIT_LETTERS = re.compile(r"(?<![\w])[a-z]+\d+[a-z][a-z\d]*(?![\w])|(?<![\w])\d[a-z]+\d[a-z\d]*(?![\w])")
_NO_DIGITS = str.maketrans("0123456789", "oizeasgtbq")
_DATE = re.compile(r"^\D*(\d{1,4})\s*[-/. ]\s*(\d{1,2})\s*[-/. ]\s*(\d{1,4})\D*$")
_DAY_AND_MONTH = re.compile(r"^\D*(\d{1,2})\s*[-/.]\s*(\d{1,2})\D*$")
_DATE_PARTS = re.compile(r"\d+")
_DATE_WORDS = 6  # a longer text tells of something else: "may" and "mar" are also no months
_CENTURY = 100
_SURELY_THIS_YEAR = timedelta(days=120)  # a day without a year that is further away may be last year's or next year's


@dataclass(frozen=True, slots=True)
class Answer:
    """`value` is what is stored: an option's value, a number, yes or no, an ISO date, an E.164 number, a text."""

    value: Value | None
    reason: str


def read_answer(  # noqa: PLR0911  one return per kind
    kind: QuestionKind,
    text: str,
    *,
    question: Question | None = None,
    options: Mapping[str, Sequence[str]],
    words: Words,
    minimum: float | None = None,
    maximum: float | None = None,
    today: date | None = None,
) -> Answer:
    """The answer, or None and why not. `options`: value → label and spellings, in the order of their numbers.

    `today`: the day of the message, which "yesterday" and "12 March" are counted from; without it they are asked again.
    """
    del question
    spoken = text.strip()
    if not spoken:
        return Answer(None, "empty")
    speech = _speech(words)
    match kind:
        case "choice":
            return _choice(spoken, options, speech)
        case "yesno":
            return _yesno(spoken, options, speech)
        case "scale" | "number":
            return _number(spoken, options, speech, minimum, maximum)
        case "date":
            return _date(spoken, speech, today)
        case "phone":
            return _phone(spoken)
        case "text":
            return Answer(spoken[:MAX_TEXT], "text")


# --- a language's small words


@dataclass(frozen=True, slots=True, eq=False)
class _Speech:
    """A language's words as answers need them; built once per `Words`."""

    words: Words
    numbers: Mapping[Form, int]
    joins: frozenset[str]
    halves: tuple[Form, ...]
    ranges: frozenset[str]
    months: Mapping[Form, int]
    days: Mapping[Form, int]
    marks: frozenset[str]
    polite: frozenset[str]
    fillers: frozenset[str]
    phrases: tuple[Form, ...]  # fillers of several words
    denials: frozenset[str]


_speeches: dict[int, _Speech] = {}


def _speech(words: Words) -> _Speech:
    # Kept by identity (and alive, so that no id returns): hashing all phrases costs more than reading the message.
    found = _speeches.get(id(words))
    if found is None:
        marks, polite = frozenset(words.number_marks), frozenset(words.polite)
        found = _speeches[id(words)] = _Speech(
            words,
            {_form(name): value for name, value in words.numbers.items()},
            frozenset(words.number_joins),
            tuple(_form(half) for half in words.halves),
            frozenset(words.ranges),
            {_form(name): value for name, value in words.months.items()},
            # "The day before yesterday" before "yesterday".
            {_form(name): words.days[name] for name in sorted(words.days, key=len, reverse=True)},
            marks,
            polite,
            marks | polite | frozenset(words.fillers),
            tuple(form for filler in words.fillers if len(form := _form(filler)) > 1),
            frozenset(words.denials) - marks,
        )
    return found


# --- choices


class _Labels:
    """The labels of one question's options, found by what a message begins a label with."""

    def __init__(self, options: Mapping[str, Sequence[str]]) -> None:
        self.options = options  # kept alive, so that its id stays its own
        self.exact: dict[Form, list[str]] = {}
        self._near: dict[tuple[int, str], list[tuple[Form, str]]] = {}
        for value, spellings in options.items():
            for form in dict.fromkeys(_form(spelling) for spelling in spellings):
                if form:
                    self.exact.setdefault(form, []).append(value)
                    # Words that are near each other begin with the same letter: see `_same_word`.
                    self._near.setdefault((len(form), form[0][:1]), []).append((form, value))
        self.sizes = sorted({size for size, _ in self._near})
        self.words = {value: _label_words(spellings) for value, spellings in options.items()}
        self._found: dict[Form, tuple[str, ...]] = {}

    def near(self, said: Form) -> tuple[str, ...]:
        """The values of the labels that `said` is, to the letter or nearly."""
        found = self._found.get(said)
        if found is None:
            if len(self._found) >= _MOST_FOUND:  # strangers must not be able to fill our memory
                self._found.clear()
            among = self._near.get((len(said), said[0][:1]), ()) if said else ()
            found = self._found[said] = tuple(value for form, value in among if _is_near(said, form))
        return found


_labels_by_id: dict[int, _Labels] = {}


def _labels(options: Mapping[str, Sequence[str]]) -> _Labels:
    found = _labels_by_id.get(id(options))
    if found is None:
        if len(_labels_by_id) > 1000:  # options made up on the fly, as the command line does
            _labels_by_id.clear()
        found = _labels_by_id[id(options)] = _Labels(options)
    return found


def _choice(text: str, options: Mapping[str, Sequence[str]], speech: _Speech) -> Answer:
    values = list(options)
    said = tokens(text)
    spelled = tuple(piece for word in said for piece in _form(speech.words.spellings.get(word, word)))
    whole = _whole_label(tuple(said), options, speech) or _whole_label(spelled, options, speech)
    if whole is not None:
        return Answer(whole, "label")
    numbers, rest = _split_numbers(text, speech)
    labels = _labels_in(rest, options)
    named = set(labels)
    if len(set(numbers)) > 1 or len(named) > 1:
        return Answer(None, "more than one answer")
    value = _at(values, numbers[0]) if numbers else next(iter(labels), None)
    if value is None:
        return Answer(None, "out of range" if numbers else "not understood")
    return _certain(value, bool(numbers), named, rest, _labels(options).words[value], speech)


def _certain(
    value: str, is_number: bool, named: set[str], rest: list[str], label_words: set[str], speech: _Speech
) -> Answer:
    """The value, unless the other words contradict, turn or outweigh it."""
    if named and named != {value}:
        return Answer(None, "number and words differ")
    own = label_words if named else set()
    if speech.denials & set(rest) - own:
        return Answer(None, "denied or limited")
    # A number says all there is to say; a label may have a word beside it.
    if len(_leftover(rest, label_words, speech)) > (0 if is_number else 1):
        return Answer(None, "with other words")
    return Answer(value, "number" if is_number else "label")


def _whole_label(said: Form, options: Mapping[str, Sequence[str]], speech: _Speech) -> str | None:
    """The option that the message is, to the letter or nearly; None if two options are equally near."""
    polite = tuple(word for word in said if word not in speech.fillers) or said
    forms = (said, polite)
    labels = _labels(options)
    exact = {value for form in forms for value in labels.exact.get(form, ())}
    if exact:
        return exact.pop() if len(exact) == 1 else None
    near = set(labels.near(polite))
    return near.pop() if len(near) == 1 else None


def _is_near(said: Form, label: Form) -> bool:
    if len(said) != len(label):
        return False
    return all(_same_word(one, other) for one, other in zip(said, label, strict=True))


def _same_word(one: str, other: str) -> bool:
    if one == other:
        return True
    if min(len(one), len(other)) < MIN_FUZZY or one[0] != other[0]:
        return False
    return squeeze(one) == squeeze(other) or OSA.distance(one, other, score_cutoff=2) <= 1 + (len(other) >= 9)


def _labels_in(said: Sequence[str], options: Mapping[str, Sequence[str]]) -> list[str]:
    """Options named inside the message. A label inside a longer one does not count: *fine* in *not fine*."""
    labels = _labels(options)
    spans = [
        (at, at + size, value)
        for size in labels.sizes
        for at in range(len(said) - size + 1)
        for value in labels.near(tuple(said[at : at + size]))
    ]
    return [
        value
        for start, end, value in spans
        if not any(s <= start and end <= e and (e - s) > (end - start) for s, e, _ in spans)
    ]


def _leftover(said: Iterable[str], known: set[str], speech: _Speech) -> list[str]:
    return [
        word for word in said
        if word not in speech.fillers and not any(_same_word(word, label) for label in known)
    ]  # fmt: skip


def _label_words(labels: Iterable[str]) -> set[str]:
    return {word for label in labels for word in _form(label)}


def _at(values: list[str], number: float) -> str | None:
    """An option whose value is the number itself, else the one at that place in the list."""
    plain = f"{number:g}"
    if plain in values:
        return plain
    if all(value.lstrip("-").isdigit() for value in values):
        return None
    return values[int(number) - 1] if number == int(number) and 1 <= number <= len(values) else None


@lru_cache(maxsize=4096)
def _form(label: str) -> Form:
    return tuple(tokens(label))


# --- yes and no


def _yesno(text: str, options: Mapping[str, Sequence[str]], speech: _Speech) -> Answer:
    said = tokens(text)
    yes = {*map(_form, speech.words.yes), *map(_form, options.get("yes", ()))}
    no = {*map(_form, speech.words.no), *map(_form, options.get("no", ()))}
    for form in _yesno_forms(said, speech):
        if (form in yes) != (form in no):
            return Answer("yes" if form in yes else "no", "word")
    numbers, rest = _split_numbers(text, speech)
    left = [word for word in rest if word not in speech.fillers]
    if numbers and not left:
        if len(set(numbers)) == 1 and options and numbers[0] in (1, 2):
            return Answer("yes" if numbers[0] == 1 else "no", "number")
        return Answer(None, "out of range" if options else "not a yes or no")
    has_yes = any((word,) in yes for word in said)
    has_no = any((word,) in no for word in said) or bool(speech.denials & set(said))
    if has_yes and has_no:
        return Answer(None, "both yes and no")
    # "yes but…", "no one helps me": a first word alone decides only if it stands for itself.
    first = re.split(r"[.,!;:\n]", fold(text), maxsplit=1)[0]
    head = tuple(tokens(first))
    if len(head) < len(said) <= 6 and not numbers and ((head in yes) != (head in no)):
        return Answer("yes" if head in yes else "no", "word")
    return Answer(None, "not a yes or no")


def _yesno_forms(said: Sequence[str], speech: _Speech) -> list[Form]:
    forms: list[Form] = [tuple(said)]
    if said and len(set(said)) == 1:
        forms.append((said[0],))
    polite = tuple(word for word in said if word not in speech.polite)
    if polite and polite != forms[0]:
        forms.append(polite)
        if len(set(polite)) == 1:
            forms.append(polite[:1])
    return forms


# --- numbers


def _number(  # noqa: PLR0911  one return per reason
    text: str, options: Mapping[str, Sequence[str]], speech: _Speech, minimum: float | None, maximum: float | None
) -> Answer:
    if options:
        whole = _whole_label(tuple(tokens(text)), options, speech)
        if whole is not None and re.fullmatch(r"-?\d+(\.\d+)?", whole):
            return Answer(float(whole), "label")
    if _is_range(text, speech):
        return Answer(None, "a range")
    numbers, rest = _split_numbers(text, speech)
    if not numbers:
        return Answer(None, "no number")
    if len(set(numbers)) > 1:
        return Answer(None, "more than one number")
    if speech.denials & set(rest):
        return Answer(None, "denied or limited")
    number, rest = _with_half(numbers[0], rest, speech)
    if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
        return Answer(None, "out of range")
    if len([word for word in rest if word not in speech.fillers]) > 4:
        return Answer(None, "number inside a longer text")
    return Answer(number, "number")


def _split_numbers(text: str, speech: _Speech) -> tuple[list[float], list[str]]:
    """The numbers in a message, in digits or words (l and I alone are ones, o is zero), and its other words."""
    folded = fold(text)
    bare = folded.strip(" .!)(")
    if bare in ("l", "i", "|"):
        return [1.0], []
    if bare == "o":
        return [0.0], []
    numbers: list[float] = []
    if _DIGIT.search(folded) is not None:
        folded = _THOUSANDS.sub("", _SPELLED_ZERO.sub("0", folded))
        folded = _DIGIT_LETTERS.sub(lambda word: _digit_letters(word[0], speech), folded)
        numbers = [float(found.replace(",", ".")) for found in _NUMBER.findall(folded)]
        folded = _NUMBER.sub(" ", folded)
    named, rest = _named_numbers(_without_phrases(tokens(folded), speech), speech, has_digits=bool(numbers))
    return numbers + named, rest


def _digit_letters(word: str, speech: _Speech) -> str:
    """Arabic in Latin letters writes letters as digits: *sab3a* is seven and not three, *wa7ed* one and not seven."""
    for form in (tuple(tokens(word)), tuple(tokens(speech.words.spellings.get(word, "")))):
        if form in speech.numbers:
            return f" {speech.numbers[form]} "
    return f" {word.translate(_NO_DIGITS)} "


def _without_phrases(words: list[str], speech: _Speech) -> list[str]:
    """ "More or less": as a whole it says nothing, though its words alone would turn an answer."""
    for phrase in speech.phrases:
        for at in range(len(words) - len(phrase), -1, -1):
            if tuple(words[at : at + len(phrase)]) == phrase:
                words = words[:at] + words[at + len(phrase) :]
    return words


def _named_numbers(left: Sequence[str], speech: _Speech, *, has_digits: bool) -> tuple[list[float], list[str]]:
    numbers: list[float] = []
    rest: list[str] = []
    at = 0
    is_joined = False  # whether what stands before this word may be the beginning of the same number
    while at < len(left):
        value, size = _named_at(left, at, speech)
        whole = _compose(numbers[-1], value) if is_joined and value is not None else None
        # "one" after "the second", "un" before a noun: an article beside a number or other words is none.
        is_alone = not has_digits and len(left) == 1
        is_marked = bool(rest) and rest[-1] in speech.marks
        if value is not None and (whole is not None or left[at] not in _ARTICLES or is_alone or is_marked):
            numbers[-1:] = [whole] if whole is not None else [*numbers[-1:], value]
            at, is_joined = at + size, True
        elif is_joined and left[at] in speech.joins and _named_at(left, at + 1, speech)[0] is not None:
            at += 1
        else:
            rest.append(left[at])
            at, is_joined = at + 1, False
    return numbers, rest


def _named_at(words: Sequence[str], at: int, speech: _Speech) -> tuple[float | None, int]:
    for size in (3, 2, 1):
        if at + size <= len(words) and (value := speech.numbers.get(tuple(words[at : at + size]))) is not None:
            return float(value), size
    return None, 0


def _compose(one: float, other: float) -> float | None:
    """ "twenty five", "five and twenty", "two hundred", "hundred and two": one number; None: two."""
    if 20 <= one < 100 and one % 10 == 0 and 0 < other < 10:
        return one + other
    if 0 < one < 10 and 20 <= other < 100 and other % 10 == 0:
        return one + other
    if 0 < one < 10 and other in (100, 1000):
        return one * other
    if one >= 100 and one % 100 == 0 and 0 < other < 100:
        return one + other
    return None


def _with_half(number: float, rest: list[str], speech: _Speech) -> tuple[float, list[str]]:
    for half in speech.halves:
        for at in range(len(rest) - len(half) + 1):
            if tuple(rest[at : at + len(half)]) == half and number == int(number):
                return number + 0.5, rest[:at] + rest[at + len(half) :]
    return number, rest


def _is_range(text: str, speech: _Speech) -> bool:
    """ "5-7", "between five and seven", "2 or 3": two ends, and nobody but them can say which is meant."""
    folded = fold(text)
    if _RANGE.search(folded):
        return True
    said = tokens(folded)
    is_number = [word.isdigit() or (word,) in speech.numbers for word in said]
    return any(
        said[at] in speech.ranges and is_number[at - 1] and is_number[at + 1] and said[at - 1] != said[at + 1]
        for at in range(1, len(said) - 1)
    )


# --- dates and telephone numbers


def _date(text: str, speech: _Speech, today: date | None) -> Answer:
    """Day first, as all our countries write it, or year first; months and days also by name. ISO out."""
    folded = fold(text)
    said = tokens(folded)
    written = _DATE.match(folded) or _DAY_AND_MONTH.match(folded)
    if written:
        return _certain_date(*_by_place([int(part) for part in written.groups()]), today)
    if len(said) > _DATE_WORDS:
        return Answer(None, "not a date")
    parts = [int(part) for part in _DATE_PARTS.findall(folded) if len(part) <= 4]
    offset = next((value for form, value in speech.days.items() if contains(said, form)), None)
    if offset is not None and not parts:
        return Answer((today + timedelta(days=offset)).isoformat(), "day") if today else Answer(None, "not a date")
    month = next((value for form, value in speech.months.items() if contains(said, form)), None)
    if month is None or len(parts) not in (1, 2):
        return Answer(None, "not a date")
    day, year = (parts[0], parts[1] if len(parts) > 1 else None)
    if day > 31 and year is not None:
        day, year = year, day
    return _certain_date(day, month, year, today)


def _by_place(parts: list[int]) -> tuple[int, int, int | None]:
    if len(parts) == 2:
        return parts[0], parts[1], None
    first, second, last = parts
    if first > 31:
        return last, second, first
    # "03/25/2024": the other order, and no doubt about it.
    return (second, first, last) if first <= 12 < second <= 31 else (first, second, last)


def _certain_date(day: int, month: int, year: int | None, today: date | None) -> Answer:
    try:
        if year is not None:
            return Answer(date(_whole_year(year, today), month, day).isoformat(), "date")
        if today is None:
            return Answer(None, "no year")
        around = [date(today.year + step, month, day) for step in (-1, 0, 1) if _exists(today.year + step, month, day)]
    except ValueError:
        return Answer(None, "no such day")
    if not around:
        return Answer(None, "no such day")
    nearest = min(around, key=lambda found: abs(found - today))
    if abs(nearest - today) > _SURELY_THIS_YEAR:
        return Answer(None, "no year")
    return Answer(nearest.isoformat(), "date without a year")


def _exists(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def _whole_year(year: int, today: date | None) -> int:
    """Two digits are this century, or the last where that would be more than a year ahead: births are told too."""
    if year >= _CENTURY:
        return year
    this = 2000 + year
    return this - _CENTURY if today is not None and this > today.year + 1 else this


def _phone(text: str) -> Answer:
    """A number with its country code, E.164 out; without one it could belong to several countries."""
    digits = re.sub(r"[^\d+]", "", _SPELLED_ZERO.sub("0", fold(text)))
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if not digits.startswith("+"):
        return Answer(digits, "local number") if 7 <= len(digits) <= 12 else Answer(None, "not a telephone number")
    try:
        number = phonenumbers.parse(digits)
    except phonenumbers.NumberParseException:
        return Answer(None, "not a telephone number")
    if not phonenumbers.is_possible_number(number):
        return Answer(None, "not a telephone number")
    return Answer(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), "telephone number")
