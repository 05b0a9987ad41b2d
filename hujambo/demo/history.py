"""Twelve weeks of check-ins, as rows: what the real dialogue would have said to what these people wrote, set-based."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from bot import effects as fx
from bot.checkin import open_checkin
from bot.distress import Reader
from bot.timers import time_passed
from bot.turn import take_turn
from channels.segments import count
from content.schema import Level, Pack
from hujambo.demo import voices
from hujambo.demo.people import HOTLINE, Someone
from store.database import Database
from store.queue import outgoing_row

WEEKS = 12
CHECKIN = "weekly"
_RECENT = timedelta(minutes=3)  # a check-in younger than this is left to the running service


@dataclass(frozen=True, slots=True)
class Said:
    """What followed from one message: our answers, the answers stored, what was read, and where the check-in is."""

    text: str
    replies: tuple[tuple[str, str], ...]  # (purpose, text)
    stored: tuple[tuple[str, Any, float | None], ...]
    assessed: tuple[fx.Assessment, ...]
    progress: dict[str, Any]
    state: str  # open · done
    is_alert: bool


class Rehearsal:
    """Plays conversations through the dialogue itself. The same words in one language are played once."""

    def __init__(self, pack: Pack, reader: Reader) -> None:
        self.pack = pack
        self._reader = reader
        self.play = lru_cache(maxsize=None)(self._play)

    def _play(self, language: str, languages: tuple[str, ...], texts: tuple[str, ...]) -> tuple[Said, ...]:
        now = datetime(2026, 1, 5, 9, tzinfo=UTC)
        person = fx.Person(enrolled=True, language=language, languages=languages, hotline=HOTLINE)
        kept = open_checkin(self.pack, CHECKIN, language, now).progress
        progress: fx.Progress | None = kept
        memory, heard = fx.Memory(), []
        for number, text in enumerate(texts, 1):
            now += timedelta(minutes=2)
            turn = take_turn(fx.Inbound(number, text, 0, now), person, progress, memory, self.pack, self._reader, now)
            memory = turn.memory
            for effect in turn.effects:
                match effect:
                    case fx.KeepProgress(progress=after):
                        progress = kept = after
                    case fx.EndSession(progress=after):
                        progress, kept = None, after
            heard.append(_said(text, turn, kept, progress is None))
        return tuple(heard)

    def reminder(self, language: str, languages: tuple[str, ...]) -> str:
        opened = datetime(2026, 1, 5, 9, tzinfo=UTC)
        opening = open_checkin(self.pack, CHECKIN, language, opened)
        person = fx.Person(enrolled=True, language=language, languages=languages, hotline=HOTLINE)
        effects = time_passed(
            "remind", opening.progress.step, person, opening.progress, fx.Memory(), self.pack, opening.remind_at, 0
        )
        return next(effect.text for effect in effects if isinstance(effect, fx.Say))


def _said(text: str, turn: fx.Turn, progress: fx.Progress, is_over: bool) -> Said:
    says = [effect for effect in turn.effects if isinstance(effect, fx.Say)]
    return Said(
        text=text,
        replies=tuple((say.purpose, say.text) for say in says),
        stored=tuple((e.question, e.value, e.score) for e in turn.effects if isinstance(e, fx.StoreAnswer)),
        assessed=tuple(e.assessment for e in turn.effects if isinstance(e, fx.Assess)),
        progress=progress.to_json(),
        state="done" if is_over else "open",
        is_alert=any(isinstance(e, fx.RaiseAlert) for e in turn.effects),
    )


@dataclass(slots=True)
class Rows:
    """What is to be inserted, by table, parents first."""

    session: list[dict[str, Any]] = field(default_factory=list)
    inbox: list[dict[str, Any]] = field(default_factory=list)
    outbox: list[dict[str, Any]] = field(default_factory=list)
    answer: list[dict[str, Any]] = field(default_factory=list)
    assessment: list[dict[str, Any]] = field(default_factory=list)
    follow_up: list[dict[str, Any]] = field(default_factory=list)


class History:
    """Writes the past of one person after another into `Rows`."""

    def __init__(self, database: Database, rehearsal: Rehearsal, campaigns: dict[str, int], now: datetime) -> None:
        self._database = database
        self._rehearsal = rehearsal
        self._pack = rehearsal.pack
        self._campaigns = campaigns  # site code → campaign id
        self._now = now
        self._segments = lru_cache(maxsize=5000)(lambda text: count(text).segments)

    def add(self, rows: Rows, someone: Someone, rng: random.Random) -> None:
        """All check-ins of one person. Updates `missed` and `last_inbound_at` of their rows."""
        missed = 0
        for at in self._slots(someone):
            is_silent = missed == 0 and rng.random() > someone.answers
            if someone.is_live and self._now - at < timedelta(days=8):
                is_silent = False  # nothing of last week may stand in the way of what one watches
            self._checkin(rows, someone, at, is_silent, rng)
            missed = missed + 1 if is_silent and self._now - at > timedelta(hours=48) else 0
        someone.beneficiary["missed"] = missed

    def _slots(self, someone: Someone) -> list[datetime]:
        """The past moments at which this person's check-in left: their own day, hour and spread, week by week."""
        zone, person = ZoneInfo(someone.place.time_zone), someone.beneficiary
        local = self._now.astimezone(zone)
        day = local.date() - timedelta(days=(local.weekday() - person["weekday"]) % 7)
        clock = time(person["minute"] // 60, person["minute"] % 60)
        found = [
            datetime.combine(day - timedelta(weeks=week), clock, zone).astimezone(UTC)
            + timedelta(seconds=person["spread"])
            for week in range(WEEKS + 1)
        ]
        earliest = max(person["enrolled_at"], self._now - timedelta(weeks=WEEKS))
        return sorted(at for at in found if earliest < at < self._now - _RECENT)

    def _checkin(self, rows: Rows, someone: Someone, at: datetime, is_silent: bool, rng: random.Random) -> None:
        opening = open_checkin(self._pack, CHECKIN, someone.language, at)
        zone = ZoneInfo(someone.place.time_zone)
        campaign_id, person_id = self._campaigns[someone.place.code], someone.beneficiary["id"]
        session = {
            "id": self._database.new_id(),
            "beneficiary_id": person_id,
            "contact_id": someone.contact["id"],
            "campaign_id": campaign_id,
            "checkin": CHECKIN,
            "version": opening.progress.version,
            "state": "open",
            "progress": opening.progress.to_json(),
            "opened_at": at,
            "answered_at": None,
            "ended_at": None,
            "due_at": opening.remind_at,
            "timer": "remind",
            "timer_step": opening.progress.step,
        }
        rows.session.append(session)
        # The key that planning gives: what has left is not planned again when the service starts.
        key = f"c/{campaign_id}/{person_id}/{at.astimezone(zone).date().isoformat()}"
        rows.outbox.append(self._out(someone, session, "checkin", opening.text, at, key))
        if is_silent:
            self._silence(rows, someone, session, at)
        else:
            self._talk(rows, someone, session, at, rng)

    def _silence(self, rows: Rows, someone: Someone, session: dict[str, Any], at: datetime) -> None:
        reminded, expires = session["due_at"], at + timedelta(hours=48)
        if reminded > self._now:
            return
        text = self._rehearsal.reminder(someone.language, someone.place.languages)
        rows.outbox.append(self._out(someone, session, "reminder", text, reminded, None))
        session |= {"timer": "expire", "due_at": expires, "progress": session["progress"] | {"reminded": True}}
        if expires > self._now:
            return
        session |= {"state": "expired", "ended_at": expires, "due_at": None}
        due = expires + timedelta(hours=24)
        is_done = due < self._now
        rows.follow_up.append(
            {
                "id": self._database.new_id(),
                "key": f"silence/{session['id']}",
                "contact_id": someone.contact["id"],
                "beneficiary_id": someone.beneficiary["id"],
                "alert_id": None,
                "site_id": someone.beneficiary["site_id"],
                "staff_id": someone.beneficiary["caseworker_id"],
                "kind": "silence",
                "note": None,
                "state": "done" if is_done else "open",
                "created_at": expires,
                "due_at": due,
                "done_at": due - timedelta(hours=5) if is_done else None,
                "done_by": someone.beneficiary["caseworker_id"] if is_done else None,
            }
        )

    def _talk(self, rows: Rows, someone: Someone, session: dict[str, Any], at: datetime, rng: random.Random) -> None:
        if someone.beneficiary["minute"] < 15 * 60 and rng.random() < 0.25:
            at += timedelta(minutes=rng.randrange(40, 240))  # after work
        for said in self._conversation(someone, rng):
            at += timedelta(seconds=rng.randrange(25, 600))
            if at > self._now:
                return
            session["answered_at"] = session["answered_at"] or at
            self._one(rows, someone, session, said, at)
            if said.state == "done":
                session |= {"state": "done", "ended_at": at, "due_at": None}
        someone.contact["last_inbound_at"] = at

    def _conversation(self, someone: Someone, rng: random.Random) -> Sequence[Said]:
        """Words that the dialogue itself understands to the end, and that raise nothing: alerts are stories."""
        language = someone.language
        for _ in range(20):
            texts = self._words(language, rng.random() < someone.low, rng)
            said = self._rehearsal.play(language, someone.place.languages, texts)
            if said[-1].state == "done" and not any(one.is_alert for one in said):
                return said
        return self._rehearsal.play(language, someone.place.languages, ("1",))

    def _words(self, language: str, is_low: bool, rng: random.Random) -> tuple[str, ...]:
        first = (rng.choice(voices.PUZZLING[language]),) if rng.random() < 0.03 else ()
        if not is_low:
            return (*first, rng.choice(voices.FINE[language]))
        hard = rng.choice(voices.HARD[language])
        return (*first, rng.choice(voices.SO_SO[language]), hard, rng.choice(voices.NO_CALL[language]))

    def _one(self, rows: Rows, someone: Someone, session: dict[str, Any], said: Said, at: datetime) -> None:
        message_id = self._database.new_id()
        person_id = someone.beneficiary["id"]
        level = max((a.level for a in said.assessed), default=Level.NONE)
        rows.inbox.append(
            {
                "id": message_id,
                "channel_id": someone.contact["channel_id"],
                "provider_id": f"H{message_id}",
                "contact_id": someone.contact["id"],
                "text": said.text,
                "media": 0,
                "received_at": at,
                "state": "handled",
                "reason": None,
                "level": int(level),
            }
        )
        for number, (purpose, text) in enumerate(said.replies):
            later = at + timedelta(seconds=1 + number)
            rows.outbox.append(self._out(someone, session, purpose, text, later, f"r/{message_id}/{number}"))
        for question, value, score in said.stored:
            rows.answer.append(
                {
                    "id": self._database.new_id(),
                    "session_id": session["id"],
                    "beneficiary_id": person_id,
                    "inbox_id": message_id,
                    "checkin": CHECKIN,
                    "version": session["version"],
                    "question": question,
                    "value": value,
                    "score": score,
                    "answered_at": at,
                }
            )
        for assessment in said.assessed:
            rows.assessment.append(
                {
                    "id": self._database.new_id(),
                    "inbox_id": message_id,
                    "contact_id": someone.contact["id"],
                    "beneficiary_id": person_id,
                    "alert_id": None,
                    "level": int(assessment.level),
                    "route": assessment.route,
                    "reasons": [r.to_json() for r in assessment.reasons],
                    "pack": self._pack.version,
                    "assessed_at": at,
                }
            )
        opened = datetime.fromisoformat(session["progress"]["opened_at"])
        session["progress"] = said.progress | {"opened_at": opened.isoformat()}
        session["timer_step"] = said.progress["step"]

    def _out(
        self, someone: Someone, session: dict[str, Any], purpose: str, text: str, at: datetime, key: str | None
    ) -> dict[str, Any]:
        message_id = self._database.new_id()
        row = outgoing_row(
            message_id=message_id,
            purpose=purpose,
            channel_id=someone.contact["channel_id"],
            contact_id=someone.contact["id"],
            session_id=session["id"],
            campaign_id=session["campaign_id"] if purpose == "checkin" else None,
            now=at,
            text=text,
            key=key,
            segments=self._segments(text),
        )
        return row | sent(message_id, at)


def sent(message_id: int, at: datetime) -> dict[str, Any]:
    """The columns of a message that arrived."""
    return {
        "state": "delivered",
        "tries": 1,
        "provider_id": f"H{message_id}",
        "outcome": "delivered",
        "sent_at": at + timedelta(seconds=1),
        "settled_at": at + timedelta(seconds=3),
    }
