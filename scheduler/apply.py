"""From effects to rows: what turns decided, written in one transaction of a handful of statements.

`Changes.add` keeps each subject up to date, so the next message of the same person in the same batch meets the state
that the previous one left; `Changes.write` puts all of it down.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, assert_never

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import effects as fx
from cases.alerts import Danger, Key, open_or_join
from cases.consent import AnsweredConsent, record_answers
from channels.segments import count
from content.schema import Level, Pack
from scheduler.subjects import Subject
from store import tables as t
from store.choice import chosen, is_chosen
from store.database import Database, Insert, Update, signal
from store.queue import PURPOSES, outgoing_row

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Message:
    """The inbound message that effects follow from, as it will be stored."""

    id: int
    channel_id: int
    provider_id: str
    text: str
    media: int
    received_at: datetime
    is_call: bool = False
    reason: str | None = None  # why it is set aside; None: it was handled


class Changes:
    """What a batch of turns changes. `add` in the order of the messages, then `write` once, in one transaction."""

    def __init__(self, database: Database, pack: Pack, now: datetime, *, base_url: str = "") -> None:
        self._database = database
        self._pack = pack
        self._now = now
        self._base_url = base_url
        self._subjects: dict[int, Subject] = {}
        self._inbox: list[dict[str, Any]] = []
        self._contacts: dict[int, dict[str, Any]] = {}
        self._people: dict[int, dict[str, Any]] = {}
        self._consents: list[AnsweredConsent] = []
        self._missed: dict[int, str] = {}
        self._sessions: dict[int, dict[str, Any]] = {}
        self._answers: list[dict[str, Any]] = []
        self._assessments: list[tuple[dict[str, Any], bool]] = []
        self._dangers: list[Danger] = []
        self._outbox: list[tuple[dict[str, Any], int | None]] = []  # with the message that it answers
        self._tasks: list[dict[str, Any]] = []
        self._has_staff_texts = False

    def add(
        self,
        subject: Subject,
        effects: Iterable[fx.Effect],
        message: Message | None = None,
        memory: fx.Memory | None = None,
        *,
        level: Level = Level.NONE,
    ) -> None:
        """Everything that follows for one contact from one message or one timer."""
        self._subjects[subject.contact_id] = subject
        if message is not None:
            self._inbox.append(_inbox_row(subject, message, level))
            self._contact(subject)["last_inbound_at"] = message.received_at
        if memory is not None and memory != subject.memory:
            if memory.history != subject.memory.history and subject.beneficiary_id is not None:
                self._people.setdefault(subject.beneficiary_id, {})["history"] = memory.history.to_json()
            subject.memory = memory
            self._contact(subject)["memory"] = memory.to_json()
        for effect in effects:
            if not subject.is_drill or isinstance(effect, fx.RaiseAlert):
                self._one(subject, effect, message)

    def leave_to_staff(self, subject: Subject, message: Message) -> None:
        """Store a text that works on an alert; `cases.texting` does it, in a transaction of its own."""
        self._subjects[subject.contact_id] = subject
        self._inbox.append(_inbox_row(subject, message, Level.NONE) | {"state": "staff"})
        self._contact(subject)["last_inbound_at"] = message.received_at
        self._has_staff_texts = True

    def _contact(self, subject: Subject) -> dict[str, Any]:
        # The memory is written along in any case: rows that set the same columns share a statement.
        found = self._contacts.get(subject.contact_id)
        if found is None:
            found = self._contacts[subject.contact_id] = {"memory": subject.memory.to_json()}
        return found

    def _one(self, subject: Subject, effect: fx.Effect, message: Message | None) -> None:  # noqa: C901, PLR0912  one case each
        match effect:
            case fx.Say():
                self._say(subject, effect, message)
            case fx.StoreAnswer():
                self._store_answer(subject, effect, message)
            case fx.Assess(assessment=assessment):
                self._assess(subject, assessment, message, alerts=False)
            case fx.RaiseAlert(assessment=assessment):
                self._raise(subject, assessment, message)
            case fx.RaiseTask():
                self._tasks.append(self._task(subject, effect, message))
            case fx.ChangeLanguage(language=language):
                subject.person = replace(subject.person, language=language)
                self._contact(subject)["language"] = language
                if subject.beneficiary_id is not None:
                    self._people.setdefault(subject.beneficiary_id, {})["language"] = language
            case fx.OptOut(by=by):
                subject.person = replace(subject.person, opted_out=True)
                self._contact(subject).update(opted_out_at=self._now, opted_out_by=by)
            case fx.OptIn():
                subject.person = replace(subject.person, opted_out=False)
                self._contact(subject).update(opted_out_at=None, opted_out_by=None)
            case fx.KeepProgress():
                self._keep(subject, effect, message)
            case fx.EndSession():
                self._end(subject, effect, message)
            case fx.SetConsent():
                self._set_consent(subject, effect)
            case _:
                assert_never(effect)

    def _say(self, subject: Subject, effect: fx.Say, message: Message | None) -> None:
        number = self._database.new_id()
        due_at = self._now + timedelta(seconds=effect.delay)
        not_after = None
        if effect.purpose == "reminder":  # which nobody asked for: it must not be held up into an unsafe hour
            not_after = subject.hours.allowed_until(due_at, due_at + PURPOSES["reminder"].lasts)
        row = outgoing_row(
            message_id=number,
            purpose=effect.purpose,
            channel_id=subject.channel_id,
            contact_id=subject.contact_id,
            session_id=subject.session_id,
            now=self._now,
            due_at=due_at,
            not_after=not_after,
            text=effect.text,
            key=f"r/{message.id}/{number}" if message is not None else None,
            segments=_segments(effect.text),
        )
        self._outbox.append((row, message.id if message is not None else None))

    def _store_answer(self, subject: Subject, effect: fx.StoreAnswer, message: Message | None) -> None:
        if subject.session_id is None or subject.progress is None or subject.beneficiary_id is None:
            return
        self._answers.append(
            {
                "id": self._database.new_id(),
                "session_id": subject.session_id,
                "beneficiary_id": subject.beneficiary_id,
                "inbox_id": message.id if message is not None else None,
                "checkin": subject.progress.checkin,
                "version": subject.progress.version,
                "question": effect.question,
                "value": effect.value,
                "score": effect.score,
                "answered_at": self._now,
            }
        )

    def _assess(self, subject: Subject, assessment: fx.Assessment, message: Message | None, *, alerts: bool) -> None:
        if assessment.level == Level.NONE or subject.is_drill:
            return
        row = {
            "id": self._database.new_id(),
            "inbox_id": message.id if message is not None else None,
            "contact_id": subject.contact_id,
            "beneficiary_id": subject.beneficiary_id,
            "level": int(assessment.level),
            "route": assessment.route,
            "reasons": _reasons(assessment),
            "pack": self._pack.version,
            "assessed_at": self._now,
        }
        # One row per thing that was read, also where a turn both keeps the assessment and raises the alert for it.
        same = next((k for k, (r, _) in enumerate(self._assessments) if _is_same_reading(r, row)), None)
        if same is None:
            self._assessments.append((row, alerts))
        elif alerts:
            self._assessments[same] = (self._assessments[same][0], True)

    def _raise(self, subject: Subject, assessment: fx.Assessment, message: Message | None) -> None:
        self._assess(subject, assessment, message, alerts=True)
        if not subject.site_id:
            # A gateway was connected before there is any site: no ladder to climb, but the message must not be lost.
            log.error("danger_without_site", contact_id=subject.contact_id, channel_id=subject.channel_id)
            task = fx.RaiseTask("nobody_on_call", due_hours=0, once_per="message")
            self._tasks.append(self._task(subject, task, message))
            return
        if any(reason.code == "duress" for reason in assessment.reasons):
            subject.person = replace(subject.person, is_under_duress=True)
        elif not subject.person.is_under_duress:
            subject.person = replace(subject.person, has_open_alert=True)
        self._dangers.append(
            Danger(
                contact_id=subject.contact_id,
                beneficiary_id=subject.beneficiary_id,
                site_id=subject.site_id,
                channel_id=subject.channel_id,
                level=assessment.level,
                route=assessment.route,
                reasons=_reasons(assessment),
                inbox_id=message.id if message is not None else None,
                at=message.received_at if message is not None else self._now,
                is_drill=subject.is_drill,
            )
        )

    def _task(self, subject: Subject, effect: fx.RaiseTask, message: Message | None) -> dict[str, Any]:
        once = {
            "day": self._now.date().isoformat(),
            "session": f"s{subject.session_id}",
            "ever": "ever",
            "message": f"m{message.id}" if message is not None else f"t{math.floor(self._now.timestamp())}",
        }[effect.once_per]
        return {
            "id": self._database.new_id(),
            "key": f"{effect.kind}/{subject.contact_id}/{once}",
            "contact_id": subject.contact_id,
            "beneficiary_id": subject.beneficiary_id,
            "alert_id": None,
            "site_id": subject.site_id or None,
            "inbox_id": message.id if message is not None else None,
            "kind": effect.kind,
            "state": "open",
            "created_at": self._now,
            "due_at": self._now + timedelta(hours=effect.due_hours),
        }

    def _keep(self, subject: Subject, effect: fx.KeepProgress, message: Message | None) -> None:
        if subject.session_id is None:
            return
        subject.progress = effect.progress
        self._sessions.setdefault(subject.session_id, {}).update(
            progress=effect.progress.to_json(),
            state="open",
            ended_at=None,
            due_at=effect.due_at,
            timer=effect.timer if effect.due_at is not None else None,
            timer_step=effect.progress.step,
            **({"answered_at": self._now} if message is not None else {}),
        )

    def _end(self, subject: Subject, effect: fx.EndSession, message: Message | None) -> None:
        if subject.session_id is None:
            return
        self._sessions.setdefault(subject.session_id, {}).update(
            progress=effect.progress.to_json(),
            state=effect.state,
            ended_at=self._now,
            due_at=None,
            timer=None,
            timer_step=effect.progress.step,
            # The last answer ends the session without keeping it: often it is the only one.
            **({"answered_at": self._now} if message is not None and effect.state == "done" else {}),
        )
        if subject.beneficiary_id is not None and effect.is_silent:
            self._missed[subject.beneficiary_id] = "missed"
        elif subject.beneficiary_id is not None and effect.state != "stopped" and subject.missed:
            self._missed[subject.beneficiary_id] = "heard"
        subject.progress, subject.session_id = None, None

    def _set_consent(self, subject: Subject, effect: fx.SetConsent) -> None:
        progress = subject.progress
        if subject.beneficiary_id is None or progress is None:
            return
        version = f"{progress.checkin}/{progress.version}"
        self._consents.append(
            AnsweredConsent(subject.beneficiary_id, effect.purpose, effect.is_given, version, progress.language)
        )

    # --- writing ---

    async def write(self, connection: AsyncConnection) -> dict[Key, int]:
        """All rows, in an order in which every reference already stands. Gives the alerts opened and joined."""
        database = self._database
        alerts: dict[Key, int] = {}
        if self._dangers:
            alerts = await open_or_join(database, connection, self._dangers, self._now, base_url=self._base_url)
        self._name_alerts(alerts)
        self._hide_tasks_of_reports(alerts)
        self._signal(connection)
        await database.write_rows(
            connection,
            Insert(t.inbox, self._inbox),
            Update(t.contact, self._contacts),
            Update(t.beneficiary, self._people),
            Update(t.session, self._sessions),
            Insert(t.answer, self._answers),
            Insert(t.assessment, [row for row, _ in self._assessments]),
            Insert(t.outbox, [row for row, _ in self._outbox]),
            Insert(t.follow_up, self._tasks, once_by="key"),
        )
        if self._consents:
            await record_answers(database, connection, self._consents, self._now)
        await self._count_missed(connection)
        return alerts

    def _name_alerts(self, alerts: Mapping[Key, int]) -> None:
        for row, alerting in self._assessments:
            row["alert_id"] = alerts.get(_alert_key(row)) if alerting else None
        reports = {(danger.contact_id, danger.inbox_id) for danger in self._dangers if danger.key[1]}
        for row, inbox_id in self._outbox:
            key = (row["contact_id"], (row["contact_id"], inbox_id) in reports)
            row["alert_id"] = alerts.get(key) if row["purpose"] == "crisis" else None

    def _signal(self, connection: AsyncConnection) -> None:
        if self._outbox:
            signal(connection, "outbox")
        if self._inbox or self._tasks:
            signal(connection, "messages")
        if self._has_staff_texts:
            signal(connection, "staff")

    def _hide_tasks_of_reports(self, alerts: Mapping[Key, int]) -> None:
        """ "Stop" while only a report is open is the focal point's to ask about: at the site there is no such alert."""
        for row in self._tasks:
            if row["kind"] != "stop_in_alert":
                continue
            contact_id = row["contact_id"]
            subject = self._subjects[contact_id]
            report_id = alerts.get((contact_id, True), subject.report_id)
            if alerts.get((contact_id, False), subject.alert_id) is None and report_id is not None:
                row["alert_id"], row["site_id"] = report_id, None

    async def _count_missed(self, connection: AsyncConnection) -> None:
        for state, value in (("heard", sa.literal(0)), ("missed", t.beneficiary.c.missed + 1)):
            numbers = [number for number, ended in self._missed.items() if ended == state]
            if numbers:
                column, kind = t.beneficiary.c.id, self._database.kind
                statement = sa.update(t.beneficiary).where(is_chosen(column, kind)).values(missed=value)
                await connection.execute(statement, chosen(column, kind, numbers))


@lru_cache(maxsize=512)
def _segments(text: str) -> int:
    # Only what the pack says comes here, again and again.
    return count(text).segments


def _inbox_row(subject: Subject, message: Message, level: Level) -> dict[str, Any]:
    return {
        "id": message.id,
        "channel_id": message.channel_id,
        "provider_id": message.provider_id,
        "contact_id": subject.contact_id,
        "text": message.text,
        "media": message.media,
        "is_call": message.is_call,
        "received_at": message.received_at,
        "state": "handled" if message.reason is None else "set_aside",
        "reason": message.reason,
        "level": int(level),
    }


def _reasons(assessment: fx.Assessment) -> list[dict[str, Any]]:
    return [reason.to_json() for reason in assessment.reasons]


def _alert_key(assessment: Mapping[str, Any]) -> Key:
    return assessment["contact_id"], assessment["route"] == "misconduct"


def _is_same_reading(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    keys = ("inbox_id", "contact_id", "level", "route", "reasons")
    return one["inbox_id"] is not None and all(one[key] == other[key] for key in keys)
