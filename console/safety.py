"""What staff must know before they write or call: the person's safe-contact facts in sentences. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from console import words
from console.language import _


@dataclass(frozen=True, slots=True)
class Fact:
    """`must`: breaking it can hurt the person · `care`: mind it · `ok`: nothing stands in the way."""

    kind: Literal["must", "care", "ok"]
    text: str


def clock_of(minutes: int) -> str:
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def is_within(minute: int, start: int, end: int) -> bool:
    """Whether a minute of the day lies in hours that may cross midnight."""
    return start <= minute < end if start <= end else minute >= start or minute < end


def safe_contact(person: Any | None, contact: Any, zone: str, now: datetime) -> list[Fact]:
    """`person` is a beneficiary row or None (not enrolled); `contact` has language, opted_out_at."""
    facts = []
    if contact.opted_out_at is not None:
        facts.append(Fact("must", _("Asked for no more messages. Call instead.")))
    if person is None:
        facts.append(Fact("care", _("Not enrolled: we do not know who reads this phone. Give nothing away.")))
    else:
        facts += _phone(person)
        facts += _hours(person, zone, now)
        if person.age_band != "adult":
            facts.append(
                Fact("must", _("%(age)s: child-protection rules apply.", age=words.label(words.AGES, person.age_band)))
            )
        if person.safe_word:
            facts.append(
                Fact("care", _("Has a safe word. Hear it before you speak of anything. It is shown with the number."))
            )
        if person.staff_gender:
            who = words.label(words.GENDERS, person.staff_gender)
            facts.append(Fact("care", _("Asked to speak with %(who)s.", who=who)))
    language = words.label(words.LANGUAGES, contact.language)
    facts.append(Fact("ok", _("Speaks %(language)s.", language=language)))
    order = {"must": 0, "care": 1, "ok": 2}
    return sorted(facts, key=lambda fact: order[fact.kind])


def _phone(person: Any) -> list[Fact]:
    if person.phone_kind == "private":
        return [Fact("ok", _("Private phone."))]
    if person.phone_kind == "monitored":
        return [Fact("must", _("Monitored phone: somebody checks it. Write nothing that could not be read aloud."))]
    return [Fact("must", _("Shared phone: others may read it or answer. Say nothing before you know who is there."))]


def _hours(person: Any, zone: str, now: datetime) -> list[Fact]:
    if person.safe_from is None or person.safe_until is None:
        return [Fact("ok", _("No hours to avoid."))]
    local = now.astimezone(ZoneInfo(zone))
    hours = _("%(start)s to %(end)s", start=clock_of(person.safe_from), end=clock_of(person.safe_until))
    if is_within(local.hour * 60 + local.minute, person.safe_from, person.safe_until):
        return [Fact("ok", _("Safe to call now: %(hours)s is agreed.", hours=hours))]
    return [
        Fact(
            "must", _("Do not call outside %(hours)s. It is %(clock)s there now.", hours=hours, clock=f"{local:%H:%M}")
        )
    ]
