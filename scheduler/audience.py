"""What a campaign is, and whom it is for: the conditions on the people who may be written to at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from content.sentence import Sentence
from scheduler.due import LATE_MINUTES, Plan
from store import tables as t

CONSENT, CONSENT_AFTER_EXIT = "checkins", "after_exit"
# Those who may be written to at all, and what of theirs must stand for it.
STATES = ("active", "exited")


class CampaignError(ValueError):
    """The campaign cannot be made or changed like this; the sentence is for the person who asked."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a campaign is for. Empty: everybody. Sites are named by their codes."""

    sites: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    phone_kinds: tuple[str, ...] = ()
    paused_sites: tuple[str, ...] = ()
    states: tuple[str, ...] = ()  # empty: active; "exited" only with consent to be written to after it

    @property
    def reached_states(self) -> tuple[str, ...]:
        return self.states or ("active",)

    def to_json(self) -> dict[str, list[str]]:
        return {name: list(getattr(self, name)) for name in self.__slots__ if getattr(self, name)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Audience":
        unknown = sorted(set(data) - set(cls.__slots__))
        if unknown:
            raise CampaignError(
                Sentence("an audience has no %(name)r: it is sites, languages and roles", name=unknown[0])
            )
        found = cls(**{name: tuple(values) for name, values in data.items()})
        for state in found.states:
            if state not in STATES:
                raise CampaignError(Sentence("nobody who is %(state)r is written to", state=state))
        return found


def chosen_people(audience: Audience) -> list[Any]:
    """Conditions on a beneficiary and its site for being written to at all."""
    b = t.beneficiary.c
    conditions: list[Any] = [b.state.in_(audience.reached_states), b.age_band == "adult", b.contact_id.is_not(None)]
    if audience.languages:
        conditions.append(b.language.in_(audience.languages))
    if audience.roles:
        conditions.append(b.role.in_(audience.roles))
    if audience.phone_kinds:
        conditions.append(b.phone_kind.in_(audience.phone_kinds))
    if audience.sites:
        conditions.append(b.site_id.in_(site_ids(audience.sites)))
    if audience.paused_sites:
        conditions.append(b.site_id.not_in(site_ids(audience.paused_sites)))
    return conditions


def site_ids(codes: Sequence[str]) -> Any:
    return sa.select(t.site.c.id).where(t.site.c.code.in_(codes))


def _consents(purpose: str, *, withdrawn: bool) -> Any:
    is_withdrawn = t.consent.c.withdrawn_at.is_not(None)
    return (
        sa.select(sa.literal(1))
        .where(t.consent.c.beneficiary_id == t.beneficiary.c.id, t.consent.c.purpose == purpose)
        .where(is_withdrawn if withdrawn else sa.not_(is_withdrawn))
        .correlate(t.beneficiary)
        .exists()
    )


AFTER_EXIT = _consents(CONSENT_AFTER_EXIT, withdrawn=False)
# Within the programme, withdrawn counts unless it was given again; a programme that does not record consent for
# check-ins excludes nobody. After it, only consent that was given for just that and still stands.
CONSENTING = sa.case(
    (t.beneficiary.c.state == "exited", AFTER_EXIT),
    else_=sa.not_(_consents(CONSENT, withdrawn=True) & sa.not_(_consents(CONSENT, withdrawn=False))),
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A campaign as it was asked for."""

    code: str
    name: str
    checkin: str
    plan: Plan
    audience: Audience
    starts_at: datetime
    ends_at: datetime | None = None
    late_minutes: int = LATE_MINUTES


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as it is stored."""

    id: int
    code: str
    name: str
    checkin: str
    plan: Plan
    audience: Audience
    late_minutes: int
    state: str
    created_at: datetime
    starts_at: datetime
    ends_at: datetime | None
    planned_until: datetime | None
    cursor: int
    due_at: datetime


def read_campaign(row: Any) -> Campaign:
    values = {name: getattr(row, name) for name in Campaign.__slots__}
    return Campaign(**values | {"plan": Plan.from_json(row.plan), "audience": Audience.from_json(row.audience)})
