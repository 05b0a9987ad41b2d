"""One of several options: by its label, nearly its label, or its number; None whenever two could be meant."""

from collections.abc import Iterable, Mapping, Sequence

from rapidfuzz.distance import OSA

from bot.answers.numerals import split_numbers
from bot.answers.speech import Answer, Form, Speech, form_of
from bot.text import squeeze, tokens

MIN_FUZZY = 5
_MOST_FOUND = 2_000  # words of messages that each question remembers to be labels, or none


class _Labels:
    """The labels of one question's options, found by what a message begins a label with."""

    def __init__(self, options: Mapping[str, Sequence[str]]) -> None:
        self.options = options  # kept alive, so that its id stays its own
        self.exact: dict[Form, list[str]] = {}
        self._near: dict[tuple[int, str], list[tuple[Form, str]]] = {}
        for value, spellings in options.items():
            for form in dict.fromkeys(form_of(spelling) for spelling in spellings):
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


def read_choice(text: str, options: Mapping[str, Sequence[str]], speech: Speech) -> Answer:
    values = list(options)
    said = tokens(text)
    spelled = tuple(piece for word in said for piece in form_of(speech.words.spellings.get(word, word)))
    whole = whole_label(tuple(said), options, speech) or whole_label(spelled, options, speech)
    if whole is not None:
        return Answer(whole, "label")
    numbers, rest = split_numbers(text, speech)
    labels = _labels_in(rest, options)
    named = set(labels)
    if len(set(numbers)) > 1 or len(named) > 1:
        return Answer(None, "more than one answer")
    value = _at(values, numbers[0]) if numbers else next(iter(labels), None)
    if value is None:
        return Answer(None, "out of range" if numbers else "not understood")
    return _certain(value, bool(numbers), named, rest, _labels(options).words[value], speech)


def _certain(
    value: str, is_number: bool, named: set[str], rest: list[str], label_words: set[str], speech: Speech
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


def whole_label(said: Form, options: Mapping[str, Sequence[str]], speech: Speech) -> str | None:
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


def _leftover(said: Iterable[str], known: set[str], speech: Speech) -> list[str]:
    return [
        word for word in said
        if word not in speech.fillers and not any(_same_word(word, label) for label in known)
    ]  # fmt: skip


def _label_words(labels: Iterable[str]) -> set[str]:
    return {word for label in labels for word in form_of(label)}


def _at(values: list[str], number: float) -> str | None:
    """An option whose value is the number itself, else the one at that place in the list."""
    plain = f"{number:g}"
    if plain in values:
        return plain
    if all(value.lstrip("-").isdigit() for value in values):
        return None
    return values[int(number) - 1] if number == int(number) and 1 <= number <= len(values) else None
