"""The facts of safe contact: which may be set, and what they must not contradict. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from cases.enrol import is_inside, plain
from content.schema import LANGUAGES
from content.sentence import Sentence

PHONE_KINDS: Final = ("private", "shared", "monitored")
GENDERS: Final = ("female", "male")
# Which words these are is in no journal: an event says only that they changed.
SECRET: Final = frozenset({"safe_word", "duress_word"})
FACTS: Final = (
    "phone_kind",
    "safe_from",
    "safe_until",
    "safe_word",
    "duress_word",
    "staff_gender",
    "language",
    "weekday",
    "minute",
)
SHORTEST_WORD, LONGEST_WORD = 3, 40
_DAY = 24 * 60


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the new facts that differ from the old ones."""
    return {name: new[name] for name in FACTS if name in new and new[name] != old[name]}


def refuse(facts: Mapping[str, Any]) -> Sentence | None:  # noqa: PLR0911  one line for each objection
    """None, or what is wrong with the facts as they would stand, all of `FACTS` given."""
    start, until = facts["safe_from"], facts["safe_until"]
    if facts["phone_kind"] not in PHONE_KINDS:
        return Sentence("Choose whose phone it is.")
    if facts["language"] not in LANGUAGES:
        return Sentence("Choose a language.")
    if facts["staff_gender"] not in (None, *GENDERS):
        return Sentence("Choose whom the person wants to speak with.")
    if facts["weekday"] not in range(7) or facts["minute"] not in range(_DAY):
        return Sentence("Choose the day and the hour of the check-ins.")
    if (start is None) != (until is None):
        return Sentence("Safe hours need both a beginning and an end.")
    if start is not None:
        if start not in range(_DAY) or until not in range(_DAY) or start == until:
            return Sentence("Safe hours begin and end at different times of the day.")
        if not is_inside(facts["minute"], start, until):
            return Sentence("The check-in would come outside the safe hours: choose another hour for it.")
    return _refuse_words(facts["safe_word"], facts["duress_word"])


def _refuse_words(safe: str | None, duress: str | None) -> Sentence | None:
    for word in (safe, duress):
        if word is not None and (len(plain(word)) < SHORTEST_WORD or word.isdigit() or len(word) > LONGEST_WORD):
            return Sentence("Choose a word of 3 to 40 letters that is not a number.")
    if safe is not None and duress is not None and plain(safe) == plain(duress):
        return Sentence("The safe word and the duress word must differ.")
    return None
