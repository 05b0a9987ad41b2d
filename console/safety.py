"""What staff must know before they write or call: the person's safe-contact facts in sentences. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from console import words
from console.language import _
from console.permissions import READERS


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


def safe_contact(person: Any | None, contact: Any, zone: str, now: datetime, more: Sequence[Fact] = ()) -> list[Fact]:
    """`person` is a beneficiary row or None (not enrolled); `contact` has language, opted_out_at; `more` is added."""
    facts = list(more)
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


_MOST_NAMES = 5


def of_alert(alert: Any, person: Any | None, team: Sequence[Any]) -> list[Fact]:
    """What only the alert knows: is it silent, who holds the number now, and who of the `team` may answer."""
    facts = []
    if alert.is_silent:
        facts.append(
            Fact("must", _("DURESS: somebody may be watching. Do not call or write unless that was agreed beforehand."))
        )
    if alert.unverified_since is not None:
        facts.append(Fact("must", _("Nobody knows who holds this number now. Find out by voice before anything else.")))
    return [*facts, _who_may_answer(person, alert, team)]


def _who_may_answer(person: Any | None, alert: Any, team: Sequence[Any]) -> Fact:
    """Who shares a language with the person and is whom they asked to speak with: whoever has it, then the rest."""
    wanted = (person.staff_gender or "")[:1] if person is not None else ""
    own = person.caseworker_id if person is not None else None
    fitting = [
        one
        for one in team
        if one.role in READERS
        and alert.language in one.languages
        and (not wanted or (one.gender or "").startswith(wanted))
    ]
    fitting.sort(key=lambda one: (one.id != alert.owner_id, one.id != own))
    if not fitting:
        return Fact("care", _("Nobody here fits who may answer: pass it on, or find an interpreter before you call."))
    names = [_("%(name)s (caseworker)", name=one.name) if one.id == own else one.name for one in fitting]
    more = "…" if len(names) > _MOST_NAMES else ""
    return Fact("ok", _("Who may answer: %(names)s.", names=", ".join(names[:_MOST_NAMES]) + more))
