"""The count at the end of a disaster: the database, the gateway's own record and what was delivered must agree."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from cases import audit
from store import tables as t
from store.database import Database, utc_now
from store.queue import PURPOSES
from tests.faults.programme import CRIES, Fake, Gateway, Taken, Written

ARRIVED = frozenset({"sent", "delivered"})
_SETTLED = ARRIVED | {"failed", "expired", "withheld"}


async def unsettled(database: Database) -> list[tuple[int, str, str]]:
    """Rows of the outbox that somebody still has to do something about now."""
    o = t.outbox.c
    overdue = sa.and_(o.state == "queued", o.due_at <= utc_now())
    async with database.read() as connection:
        found = await connection.execute(
            sa.select(o.id, o.purpose, o.state).where(sa.or_(o.state.in_(("sending", "uncertain")), overdue))
        )
        return [(row.id, row.purpose, row.state) for row in found.all()]


async def is_drained(database: Database) -> bool:
    return not await unsettled(database)


class Books:
    """Everything there is, read once. Each method names what is wrong in its part; empty is right."""

    def __init__(self, tables: dict[str, Sequence[Any]], taken: Sequence[Taken]) -> None:
        self.tables = tables
        self.taken = Counter(one.outbox_id for one in taken)
        self.addresses = {row.id: row.address for row in tables["contact"]}
        self.outbox = {row.id: row for row in tables["outbox"]}

    @classmethod
    async def read(cls, database: Database, fake: Fake) -> "Books":
        names = ("inbox", "contact", "outbox", "alert", "alert_event", "assessment", "session", "answer")
        async with database.read() as connection:
            tables = {
                name: (await connection.execute(sa.select(table).order_by(table.c.id))).all()
                for name, table in ((name, t.metadata.tables[name]) for name in names)
            }
        return cls(tables, await fake.taken())

    def sizes(self) -> dict[str, Any]:
        states = Counter((row.purpose, row.state, row.outcome) for row in self.outbox.values())
        return {name: len(rows) for name, rows in self.tables.items()} | {"taken": self.taken.total(), "states": states}

    def messages(self, written: Sequence[Written], gateway: Gateway) -> dict[str, Any]:
        stored = Counter(row.provider_id for row in self.tables["inbox"])
        by_sid = {one.sid: one for one in written}
        wrong = [
            row.provider_id
            for row in self.tables["inbox"]
            if (self.addresses[row.contact_id], row.text)
            != (by_sid[row.provider_id].sender, by_sid[row.provider_id].text)
        ]
        return {
            "answered 200 and not stored": sorted(set(gateway.answered) - set(stored)),
            "never answered 200": sorted(set(by_sid) - set(gateway.answered)),
            "stored twice": sorted(sid for sid, times in stored.items() if times > 1),
            "stored otherwise than written": wrong,
            "set aside": [row.reason for row in self.tables["inbox"] if row.state != "handled"],
        }

    def sends(self) -> dict[str, Any]:
        rows = self.outbox.values()
        per_person = Counter(
            self.outbox[number].contact_id
            for number in self.taken.elements()
            if self.outbox[number].purpose == "checkin"
        )
        return {
            "taken by the gateway and not ours": sorted(set(self.taken) - set(self.outbox)),
            "check-ins twice to one person": [person for person, times in per_person.items() if times > 1],
            "sent twice": [
                (number, self.outbox[number].purpose)
                for number, times in self.taken.items()
                if times > 1 and not PURPOSES[self.outbox[number].purpose].resend_uncertain
            ],
            "not settled": [
                (row.id, row.purpose, row.state)
                for row in rows
                if row.state not in _SETTLED and not (row.state == "queued" and row.due_at > utc_now())
            ],
            "said to be sent and never taken": [
                (r.id, r.purpose) for r in rows if r.state in ARRIVED and not self.taken[r.id]
            ],
            "taken and not known as sent": [
                (r.id, r.purpose, r.state, r.outcome) for r in rows if self.taken[r.id] and r.state not in ARRIVED
            ],
            "failed otherwise than unknown": [
                (r.id, r.purpose, r.outcome) for r in rows if r.state == "failed" and r.outcome != "unknown"
            ],
        }

    def cries(self, written: Collection[Written]) -> dict[str, Any]:
        crying = {one.sender for one in written if one.text in CRIES}
        unclosed: defaultdict[str, list[int]] = defaultdict(list)
        for alert in self.tables["alert"]:
            if alert.state != "closed" and alert.due_at is not None:
                unclosed[self.addresses[alert.contact_id]].append(alert.id)
        alerts = {unclosed[sender][0] for sender in crying if unclosed[sender]}
        answered = {row.alert_id for row in self.outbox.values() if row.purpose == "crisis" and self.taken[row.id]}
        told = {row.alert_id for row in self.outbox.values() if row.purpose == "staff_alert" and self.taken[row.id]}
        events: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for event in self.tables["alert_event"]:
            events[event.alert_id][event.kind] += 1
        return {
            "cries without exactly one alert that has a deadline": sorted(s for s in crying if len(unclosed[s]) != 1),
            "cries that got no answer": sorted(alerts - answered),
            "cries nobody was told of": sorted(alerts - told),
            "alerts whose journal is not whole": [
                (alert.id, dict(events[alert.id]), alert.messages)
                for alert in self.tables["alert"]
                if events[alert.id]["opened"] != 1
                or sum(events[alert.id][kind] for kind in ("opened", "joined", "raised")) != alert.messages
            ],
            "cries not assessed exactly once": [
                row.provider_id for row in self.tables["inbox"] if row.text in CRIES and self._assessments[row.id] != 1
            ],
        }

    @property
    def _assessments(self) -> Counter[int]:
        return Counter(row.inbox_id for row in self.tables["assessment"])

    def sessions(self) -> dict[str, Any]:
        asked = {row.session_id: row for row in self.outbox.values() if row.purpose == "checkin" and row.session_id}
        ours = {row.id: row for row in self.tables["session"] if row.campaign_id is not None}
        return {
            "sessions without their check-in": sorted(set(ours) - set(asked)),
            "check-ins whose session is not theirs": [
                row.id
                for session_id, row in asked.items()
                if session_id not in ours or ours[session_id].contact_id != row.contact_id
            ],
            "check-ins that left without a session": [
                row.id for row in self.outbox.values() if row.purpose == "checkin" and row.tries and not row.session_id
            ],
            "sent and called unsent": [
                row.id
                for session_id, row in asked.items()
                if row.state in ARRIVED and ours[session_id].state == "unsent"
            ],
            "open without a timer": [
                row.id
                for row in self.tables["session"]
                if row.state == "open" and (row.due_at is None or not row.timer)
            ],
        }


def only_wrong(*parts: dict[str, Any]) -> dict[str, Any]:
    """What a failing assertion shall show: the parts that are not empty."""
    return {name: found for part in parts for name, found in part.items() if found}


async def audit_faults(database: Database) -> dict[str, Any]:
    return {"audit": await audit.verify(database)}
