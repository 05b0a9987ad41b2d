"""What a message answers to a question: digits, number words, labels, yes and no; None, with why, whenever in doubt."""

from collections.abc import Mapping, Sequence
from datetime import date

from bot.answers.choices import read_choice
from bot.answers.dates import read_date
from bot.answers.numbers import read_number
from bot.answers.phones import read_phone
from bot.answers.speech import Answer, speech_of
from bot.answers.yesno import read_yesno
from content.schema import Question, QuestionKind, Words

MAX_TEXT = 1600


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
    speech = speech_of(words)
    match kind:
        case "choice":
            return read_choice(spoken, options, speech)
        case "yesno":
            return read_yesno(spoken, options, speech)
        case "scale" | "number":
            return read_number(spoken, options, speech, minimum, maximum)
        case "date":
            return read_date(spoken, speech, today)
        case "phone":
            return read_phone(spoken)
        case "text":
            return Answer(spoken[:MAX_TEXT], "text")
