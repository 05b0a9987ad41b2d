"""Yes or no, in many spellings; neither where both could be meant."""

import re
from collections.abc import Mapping, Sequence

from bot.answers.numerals import split_numbers
from bot.answers.speech import Answer, Form, Speech, form_of
from bot.text import fold, tokens


def read_yesno(text: str, options: Mapping[str, Sequence[str]], speech: Speech) -> Answer:
    said = tokens(text)
    yes = {*map(form_of, speech.words.yes), *map(form_of, options.get("yes", ()))}
    no = {*map(form_of, speech.words.no), *map(form_of, options.get("no", ()))}
    for form in _yesno_forms(said, speech):
        if (form in yes) != (form in no):
            return Answer("yes" if form in yes else "no", "word")
    numbers, rest = split_numbers(text, speech)
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


def _yesno_forms(said: Sequence[str], speech: Speech) -> list[Form]:
    forms: list[Form] = [tuple(said)]
    if said and len(set(said)) == 1:
        forms.append((said[0],))
    polite = tuple(word for word in said if word not in speech.polite)
    if polite and polite != forms[0]:
        forms.append(polite)
        if len(set(polite)) == 1:
            forms.append(polite[:1])
    return forms
