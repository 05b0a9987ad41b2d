"""One row of a list of people, checked and turned into values: columns, their names in three languages, reasons. Pure.

Reasons never repeat what stands in a cell: it may be a name or a number.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

import phonenumbers

from cases.sheets import SheetRow
from content.schema import LANGUAGES

# Column → the headers it may have (en, fr, es), compared without accents, case, spaces and underscores.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "code": ("code", "person code", "id", "identifiant", "codigo"),
    "name": ("name", "nom", "nom complet", "nombre", "full name"),
    "phone": ("phone", "number", "phone number", "telephone", "tel", "numero", "telefono", "celular", "mobile"),
    "language": ("language", "langue", "idioma", "lengua", "lang"),
    "site": ("site", "sitio", "centre", "centro"),
    "channel": ("channel", "canal"),
    "role": ("role", "rol", "statut"),
    "age_band": ("age band", "age group", "tranche d'age", "grupo de edad", "age_band"),
    "birth_year": ("birth year", "year of birth", "annee de naissance", "ano de nacimiento"),
    "phone_kind": ("phone kind", "type de telephone", "tipo de telefono"),
    "weekday": ("weekday", "day", "jour", "dia"),
    "time": ("time", "hour", "heure", "hora"),
    "safe_from": ("safe from", "sur de", "seguro desde"),
    "safe_until": ("safe until", "sur jusqu'a", "seguro hasta"),
    "anchor_date": ("anchor date", "return date", "date de retour", "fecha de retorno"),
    "staff_gender": ("staff gender", "sexe du personnel", "genero del personal"),
    "safe_word": ("safe word", "mot de securite", "palabra segura"),
    "duress_word": ("duress word", "mot de contrainte", "palabra de coaccion"),
    "consent_checkins": ("consent checkins", "consent", "consentement", "consentimiento"),
    "caseworker": ("caseworker", "case worker", "referent", "gestor", "trabajador social"),
}
REQUIRED = ("code", "site")


def plain(text: str) -> str:
    """Lower case, without accents, spaces, underscores, dashes and apostrophes."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[\s_'’\-]+", "", "".join(c for c in folded if not unicodedata.combining(c)))


def _lookup(words: Mapping[Any, tuple[str, ...]]) -> Mapping[str, Any]:
    return {plain(word): value for value, spellings in words.items() for word in (*spellings, str(value))}


HEADERS = _lookup(COLUMNS)
_ROLES = _lookup(
    {
        "participant": ("participant", "participante"),
        "associate": ("associate", "associe", "associee", "asociado", "asociada"),
        "dependant": ("dependant", "dependent", "personne a charge", "dependiente"),
        "community": ("community", "community member", "communaute", "comunidad"),
    }
)
_AGE_BANDS = _lookup(
    {
        "adult": ("adult", "adulte", "adulto", "adulta", "18+"),
        "child": ("child", "minor", "enfant", "mineur", "mineure", "nino", "nina", "menor", "<18"),
        "unknown": ("unknown", "inconnu", "inconnue", "desconocido", "?"),
    }
)
_PHONE_KINDS = _lookup(
    {
        "private": ("private", "own", "prive", "personnel", "privado", "propio"),
        "shared": ("shared", "partage", "compartido"),
        "monitored": ("monitored", "surveille", "vigilado"),
    }
)
_GENDERS = _lookup(
    {"female": ("female", "woman", "f", "femme", "mujer"), "male": ("male", "man", "m", "homme", "hombre")}
)
_WEEKDAYS = _lookup(
    {
        0: ("monday", "mon", "lundi", "lunes"),
        1: ("tuesday", "tue", "mardi", "martes"),
        2: ("wednesday", "wed", "mercredi", "miercoles"),
        3: ("thursday", "thu", "jeudi", "jueves"),
        4: ("friday", "fri", "vendredi", "viernes"),
        5: ("saturday", "sat", "samedi", "sabado"),
        6: ("sunday", "sun", "dimanche", "domingo"),
    }
)
_WEEKDAY_NAMES = {word: day for word, day in _WEEKDAYS.items() if not word.isdigit()}
_LANGUAGES = _lookup(
    {code: (code,) for code in LANGUAGES}
    | {
        "en": ("english", "anglais", "ingles"), "fr": ("french", "francais", "frances"),
        "es": ("spanish", "espagnol", "espanol"), "pt": ("portuguese", "portugais", "portugues"),
        "sw": ("swahili", "kiswahili"), "ha": ("hausa", "haoussa"), "ar": ("arabic", "arabe"),
        "so": ("somali",),
    }
)  # fmt: skip


class Fault(NamedTuple):
    """Why a row cannot be taken: the row as the spreadsheet shows it, the column, and a reason in plain words."""

    row: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class SitePlace:
    id: int
    country: str
    languages: tuple[str, ...]
    staffed_days: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """What the cells of a list may name: sites by code, channels by name, caseworkers by login (all in lower case)."""

    sites: Mapping[str, SitePlace]
    channels: Mapping[str, int]
    caseworkers: Mapping[str, int]


@dataclass(slots=True)
class Enrolment:
    """A checked row. `values` holds only what its cells said, under the names of the `beneficiary` columns."""

    row: int
    code: str
    site: SitePlace
    values: dict[str, Any] = field(default_factory=dict)
    phone: str | None = None  # E.164
    channel_id: int | None = None
    consent_version: str | None = None


class _CellError(ValueError):
    pass


def read_header(row: SheetRow) -> tuple[dict[str, int], list[Fault]]:
    """Column → position, and what is wrong with the header. Unknown headers are named by letter, not by content."""
    found: dict[str, int] = {}
    faults = []
    for position, cell in enumerate(row.cells):
        if not cell:
            continue
        column = HEADERS.get(plain(cell))
        letter = _letter(position)
        if column is None:
            faults.append(Fault(row.number, letter, "This column has a heading that is not known."))
        elif column in found:
            faults.append(Fault(row.number, letter, f"There is a second column for {column}."))
        else:
            found[column] = position
    faults += [Fault(row.number, c, "This column is missing.") for c in REQUIRED if c not in found]
    return found, faults


def _letter(position: int) -> str:
    name = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        name = chr(65 + rest) + name
    return name


def read_row(
    row: SheetRow, header: Mapping[str, int], places: Places, today: date
) -> tuple[Enrolment | None, list[Fault]]:
    """The enrolment, or every fault of the row."""
    cells = {c: row.cells[i] for c, i in header.items() if i < len(row.cells) and row.cells[i]}
    formulas = {c for c, i in header.items() if i in row.formulas}
    faults = [Fault(row.number, c, "This cell holds a formula; paste its value instead.") for c in sorted(formulas)]
    faults += [Fault(row.number, c, "This cell is empty.") for c in REQUIRED if c not in cells]
    code = cells.get("code", "")
    if code and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,31}", code):
        faults.append(Fault(row.number, "code", "A code has at most 32 letters, digits, dots, dashes or slashes."))
    site = places.sites.get(cells.get("site", "").casefold())
    if site is None and cells.get("site"):
        faults.append(Fault(row.number, "site", "There is no site with this code."))
    if site is None:
        site = SitePlace(0, "", (), ())
    person = Enrolment(row.number, code, site)
    for column, cell in cells.items():
        if column in formulas or column in REQUIRED:
            continue
        try:
            _READERS[column](cell, person, places, today)
        except _CellError as error:
            faults.append(Fault(row.number, column, str(error)))
    if not faults:
        faults += [Fault(row.number, column, reason) for column, reason in _contradictions(person, cells)]
    return (None, faults) if faults else (person, [])


def is_inside(minute: int, start: int, until: int) -> bool:
    """Whether a minute of the day lies in safe hours, which may cross midnight."""
    return start <= minute < until if start < until else minute >= start or minute < until


def _contradictions(person: Enrolment, cells: Mapping[str, str]) -> list[tuple[str, str]]:
    found, values = [], person.values
    if ("safe_from" in cells) != ("safe_until" in cells):
        found.append(("safe_from", "Safe hours need both a beginning and an end."))
    elif "safe_from" in cells:
        start, until = values["safe_from"], values["safe_until"]
        if start == until:
            found.append(("safe_until", "Safe hours begin and end at the same time."))
        elif "minute" in values and not is_inside(values["minute"], start, until):
            found.append(("time", "The check-in would come outside the safe hours."))
    if "safe_word" in values and plain(values["safe_word"]) == plain(values.get("duress_word", "")):
        found.append(("duress_word", "The duress word is the same as the safe word."))
    if "age_band" in cells and "birth_year" in cells and values["age_band"] != _AGE_BANDS[plain(cells["age_band"])]:
        found.append(("birth_year", "The birth year and the age band say different things."))
    if "channel" in cells and person.phone is None:
        found.append(("channel", "A channel without a telephone number."))
    return found


def _choice(choices: Mapping[str, Any], target: str, reason: str) -> Callable[..., None]:
    def read(cell: str, person: Enrolment, _places: Places, _today: date) -> None:
        if plain(cell) not in choices:
            raise _CellError(reason)
        person.values[target] = choices[plain(cell)]

    return read


def _name(cell: str, person: Enrolment, _places: Places, _today: date) -> None:
    person.values["name"] = cell[:200]


def _phone(cell: str, person: Enrolment, _places: Places, _today: date) -> None:
    text = cell.translate(str.maketrans("", "", "'\u200e\u200f\u202a\u202c\u202d"))
    try:
        number = phonenumbers.parse(text, person.site.country or None)
    except phonenumbers.NumberParseException:
        raise _CellError("This is not a telephone number.") from None
    if not phonenumbers.is_possible_number(number):
        raise _CellError("This telephone number has too few or too many digits for its country.")
    person.phone = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _channel(cell: str, person: Enrolment, places: Places, _today: date) -> None:
    person.channel_id = places.channels.get(cell.casefold())
    if person.channel_id is None:
        raise _CellError("There is no channel with this name.")


def _caseworker(cell: str, person: Enrolment, places: Places, _today: date) -> None:
    found = places.caseworkers.get(cell.casefold())
    if found is None:
        raise _CellError("There is no staff member with this login.")
    person.values["caseworker_id"] = found


def _birth_year(cell: str, person: Enrolment, _places: Places, today: date) -> None:
    """Only the band is kept. In the year of the 18th birthday nobody can say: unknown, which is never screened."""
    if not re.fullmatch(r"\d{4}", cell) or not 1900 <= int(cell) <= today.year:
        raise _CellError("A birth year has four digits and is not in the future.")
    age = today.year - int(cell)
    person.values["age_band"] = "child" if age < 18 else "unknown" if age == 18 else "adult"


def _age_band(cell: str, person: Enrolment, _places: Places, _today: date) -> None:
    if plain(cell) not in _AGE_BANDS:
        raise _CellError("Write adult, child or unknown.")
    person.values.setdefault("age_band", _AGE_BANDS[plain(cell)])


def _weekday(cell: str, person: Enrolment, _places: Places, _today: date) -> None:
    """A name, or a number from 1 for Monday to 7 for Sunday (ISO 8601)."""
    if cell in {"1", "2", "3", "4", "5", "6", "7"}:
        person.values["weekday"] = int(cell) - 1
    elif plain(cell) in _WEEKDAY_NAMES:
        person.values["weekday"] = _WEEKDAY_NAMES[plain(cell)]
    else:
        raise _CellError("Write the name of a day, or 1 for Monday to 7 for Sunday.")


def _minute(target: str) -> Callable[..., None]:
    def read(cell: str, person: Enrolment, _places: Places, _today: date) -> None:
        found = re.fullmatch(r"(\d{1,2})(?:[:hH.](\d{2})?)?(?::00)?", cell)
        hour, minute = (int(found[1]), int(found[2] or 0)) if found else (99, 0)
        if hour > 23 or minute > 59:
            raise _CellError("Write a time of day like 09:30.")
        person.values[target] = hour * 60 + minute

    return read


def _anchor_date(cell: str, person: Enrolment, _places: Places, _today: date) -> None:
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y"):
        try:
            person.values["anchor_date"] = datetime.strptime(cell, form).date()  # noqa: DTZ007  a date has no zone
        except ValueError:
            continue
        return
    raise _CellError("Write a date as YYYY-MM-DD or DD/MM/YYYY.")


def _word(target: str) -> Callable[..., None]:
    def read(cell: str, person: Enrolment, _places: Places, _today: date) -> None:
        if len(plain(cell)) < 3 or cell.isdigit() or len(cell) > 40:
            raise _CellError("Choose a word of 3 to 40 letters that is not a number.")
        person.values[target] = cell

    return read


def _consent(cell: str, person: Enrolment, _places: Places, _today: date) -> None:
    if plain(cell) in {"no", "non", "none", "0"}:
        return
    if plain(cell) in {"yes", "y", "oui", "si", "ok", "1", "x", "true"}:
        raise _CellError("Write the version of the consent text that was read out, not just yes.")
    person.consent_version = cell[:32]


_READERS: Mapping[str, Callable[[str, Enrolment, Places, date], None]] = {
    "name": _name,
    "phone": _phone,
    "language": _choice(_LANGUAGES, "language", f"Write one of {', '.join(LANGUAGES)}."),
    "channel": _channel,
    "role": _choice(_ROLES, "role", "Write participant, associate, dependant or community."),
    "age_band": _age_band,
    "birth_year": _birth_year,
    "phone_kind": _choice(_PHONE_KINDS, "phone_kind", "Write private, shared or monitored."),
    "weekday": _weekday,
    "time": _minute("minute"),
    "safe_from": _minute("safe_from"),
    "safe_until": _minute("safe_until"),
    "anchor_date": _anchor_date,
    "staff_gender": _choice(_GENDERS, "staff_gender", "Write female or male."),
    "safe_word": _word("safe_word"),
    "duress_word": _word("duress_word"),
    "consent_checkins": _consent,
    "caseworker": _caseworker,
}


def repeated(people: Sequence[Enrolment]) -> list[Fault]:
    """Codes and numbers that stand in the file twice."""
    faults, codes, phones = [], dict[str, int](), dict[str, int]()
    for person in people:
        first = codes.setdefault(person.code.casefold(), person.row)
        if first != person.row:
            faults.append(Fault(person.row, "code", f"Row {first} has the same code."))
        if person.phone is not None:
            first = phones.setdefault(person.phone, person.row)
            if first != person.row:
                faults.append(Fault(person.row, "phone", f"Row {first} has the same number."))
    return faults
