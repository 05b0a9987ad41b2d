"""Who is in the demo's programme: its places, its six staff, and as many invented people as asked for."""

import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

OFFICE_NUMBER = "+19995550100"
HOTLINE = "5501"
_NIGHT = (21 * 60, 7 * 60)


@dataclass(frozen=True, slots=True)
class Place:
    """A site: its share of the people and the languages they speak, each as often as it is named."""

    code: str
    name: str
    country: str
    time_zone: str
    languages: tuple[str, ...]
    spoken: tuple[str, ...]
    share: int


PLACES = (
    Place("PWANI", "Pwani coast", "KE", "Africa/Nairobi", ("sw", "en"), ("sw", "sw", "sw", "en"), 45),
    Place("BAMARA", "Bamara", "CF", "Africa/Bangui", ("fr",), ("fr",), 35),
    Place("LIMBARA", "Limbara", "CM", "Africa/Douala", ("en", "fr"), ("en", "fr"), 20),
)


@dataclass(frozen=True, slots=True)
class Account:
    """A staff member; `rungs` = place → rung of its rota."""

    login: str
    name: str
    role: str
    languages: tuple[str, ...]
    sites: tuple[str, ...] = ()
    rungs: Mapping[str, int] | None = None


STAFF = (
    Account("amina", "Amina Kombo", "psychosocial", ("sw", "en", "fr"), (), {"PWANI": 1, "BAMARA": 1, "LIMBARA": 2}),
    Account("joseph", "Joseph Tindo", "caseworker", ("en", "fr", "sw"), (), {"PWANI": 2, "BAMARA": 2, "LIMBARA": 1}),
    Account("grace", "Grace Mbori", "supervisor", ("en", "fr"), (), {"PWANI": 3, "BAMARA": 3, "LIMBARA": 3}),
    Account("daniel", "Daniel Okpani", "coordinator", ("en", "fr")),
    Account("esther", "Esther Waluma", "focal_point", ("en", "fr", "sw")),
    Account("admin", "Ruth Sandé", "admin", ("en",)),
)

_GIVEN: Mapping[str, Sequence[str]] = {
    "sw": ("Hamisi", "Zawadi", "Baraka", "Neema", "Juma", "Rehema", "Salim", "Amani", "Mwana", "Tumaini", "Khadija"),
    "en": ("Emmanuel", "Blessing", "Peter", "Comfort", "Samuel", "Patience", "Isaac", "Mercy", "Moses", "Gloria"),
    "fr": ("Firmin", "Odette", "Anicet", "Solange", "Prosper", "Clarisse", "Thierry", "Bienvenue", "Noël", "Esperance"),
}
# Family names put together from syllables, so that no list of real names is behind them.
_SYLLABLES = ("ba", "ndo", "ki", "tu", "ma", "ro", "li", "sha", "ngo", "ze", "wa", "mbe", "ko", "ya", "nu", "si")
_WORDS = (
    "mango", "lantern", "harbour", "canoe", "pepper", "saffron", "river", "drum", "kite", "basket", "market", "ferry",
    "coral", "baobab", "ginger", "copper", "meadow", "violet", "anchor", "pebble", "cinnamon", "orchard", "swallow",
    "thunder", "willow", "marble", "compass", "feather", "island", "velvet", "papaya", "sorghum",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Someone:
    """One enrolled person: their rows, and how they answer. `answers` is how often, from 0 to 1."""

    beneficiary: dict[str, Any]
    contact: dict[str, Any]
    consents: tuple[str, ...]
    place: Place
    answers: float
    low: float  # how often an answer is "so-so"
    is_live: bool  # gets a check-in within the next minutes

    @property
    def number(self) -> str:
        return str(self.contact["address"])

    @property
    def language(self) -> str:
        return str(self.beneficiary["language"])

    @property
    def gets_checkins(self) -> bool:
        return bool(self.beneficiary["state"] == "active" and self.beneficiary["age_band"] == "adult")


def new_password() -> str:
    """Easy to type, and another one in every run."""
    return "-".join(secrets.choice(_WORDS) for _ in range(4)) + f"-{secrets.randbelow(9000) + 1000}"


def site_rows(new_id: Any, now: datetime) -> dict[str, dict[str, Any]]:
    """The sites by code. At night they keep no quiet hours: somebody who looks at a demo wants to see messages."""
    is_night = any(_is_night(now.astimezone(ZoneInfo(place.time_zone))) for place in PLACES)
    quiet_from, quiet_until = (0, 0) if is_night else _NIGHT
    return {
        place.code: {
            "id": new_id(),
            "code": place.code,
            "name": place.name,
            "country": place.country,
            "time_zone": place.time_zone,
            "languages": list(place.languages),
            "quiet_from": quiet_from,
            "quiet_until": quiet_until,
            "staffed": {str(day): [8 * 60, 18 * 60] for day in range(6)},
            "hotline": HOTLINE,
        }
        for place in PLACES
    }


def _is_night(local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    return not _NIGHT[1] <= minute < _NIGHT[0] - 60


def make_people(
    count: int,
    sites: Mapping[str, dict[str, Any]],
    staff: Mapping[str, int],
    channel_id: int,
    keys: Any,
    new_id: Any,
    now: datetime,
    rng: random.Random,
) -> list[Someone]:
    """`count` people, the same for the same `rng`, mixed over the places; the first few are the live ones."""
    numbers = rng.sample(range(2_000_000, 9_000_000), count)
    places = _shares(count)
    live = _live_minutes(count)
    people: list[Someone] = []
    nth = dict.fromkeys(PLACES, 0)
    for index, (place, number) in enumerate(zip(places, numbers, strict=True)):
        address = f"+1999{number}"
        language = rng.choice(place.spoken)
        contact = {
            "id": new_id(),
            "channel_id": channel_id,
            "address": address,
            "address_index": keys.index(address),
            "language": language,
            "opted_out_at": None,
            "opted_out_by": None,
            "held_until": None,
            "memory": {},
            "last_inbound_at": None,
            "created_at": now - timedelta(days=100),
        }
        is_live = index < len(live)
        minute_of = live[index] if is_live else None
        nth[place] += 1
        row = _person(nth[place], place, language, contact["id"], sites, staff, new_id, now, rng, minute_of)
        if row["state"] == "exited":
            contact |= {"opted_out_at": now - timedelta(days=rng.randrange(5, 30)), "opted_out_by": "word"}
        consents = ("checkins", "referral") if rng.random() < 0.6 else ("checkins",)
        temper = rng.choices((0.97, 0.85, 0.6, 0.3), (45, 30, 17, 8))[0]
        people.append(
            Someone(row, contact, consents if row["state"] != "no_consent" else (), place, temper,
                    rng.choice((0.05, 0.1, 0.2, 0.45)), is_live)
        )  # fmt: skip
    return people


def _shares(count: int) -> list[Place]:
    """The place of each person, mixed, so that also the first few come from all of them."""
    total = sum(place.share for place in PLACES)
    owed = dict.fromkeys(PLACES, 0.0)
    chosen = []
    for _ in range(count):
        for place in PLACES:
            owed[place] += place.share / total
        most = max(PLACES, key=lambda place: owed[place])
        owed[most] -= 1
        chosen.append(most)
    return chosen


def _live_minutes(count: int) -> list[int]:
    """In how many minutes the first people get their check-in: often at first, then every few minutes for an hour."""
    minutes = [1, 1, 2, 2, 3, 3, 4, 5, 5, 6, 7, 8, 9, 10, *range(12, 60, 2)]
    return minutes[: max(4, count // 8)]


def _person(
    number: int,
    place: Place,
    language: str,
    contact_id: int,
    sites: Mapping[str, dict[str, Any]],
    staff: Mapping[str, int],
    new_id: Any,
    now: datetime,
    rng: random.Random,
    live_minute: int | None,
) -> dict[str, Any]:
    weekday, minute, spread = rng.randrange(6), rng.randrange(8 * 60, 18 * 60, 15), rng.randrange(900)
    phone_kind = rng.choices(("private", "shared", "monitored"), (70, 23, 7))[0]
    state = rng.choices(("active", "paused", "exited", "no_consent"), (94, 2, 2, 2))[0]
    age_band = rng.choices(("adult", "child", "unknown"), (96, 2, 2))[0]
    safe_from = safe_until = None
    if live_minute is not None:
        local = (now + timedelta(minutes=live_minute)).astimezone(ZoneInfo(place.time_zone))
        weekday, minute, spread = local.weekday(), local.hour * 60 + local.minute, rng.randrange(50)
        phone_kind, state, age_band = "private", "active", "adult"
    elif phone_kind != "private" and rng.random() < 0.6:
        safe_from, safe_until = max(minute - 60, 8 * 60), min(minute + 120, 20 * 60)
    given = rng.choice(_GIVEN[language])
    family = "".join(rng.sample(_SYLLABLES, 3)).capitalize()
    enrolled = now - timedelta(days=rng.randrange(90, 100))
    return {
        "id": new_id(),
        "code": f"{place.code[:3]}-{number:04d}",
        "site_id": sites[place.code]["id"],
        "contact_id": contact_id,
        "caseworker_id": staff["joseph"] if place.code != "BAMARA" else staff["amina"],
        "name": f"{given} {family}",
        "language": language,
        "role": rng.choices(("participant", "associate", "dependant", "community"), (78, 10, 8, 4))[0],
        "age_band": age_band,
        "phone_kind": phone_kind,
        "safe_from": safe_from,
        "safe_until": safe_until,
        "safe_word": rng.choice(("mango", "bicycle", "market")) if safe_from else None,
        "duress_word": None,
        "staff_gender": rng.choices((None, "female", "male"), (80, 14, 6))[0],
        "anchor_date": (enrolled - timedelta(days=rng.randrange(0, 60))).date(),
        "weekday": weekday,
        "minute": minute,
        "spread": spread,
        "state": state,
        "missed": 0,
        "enrolled_at": enrolled,
    }
