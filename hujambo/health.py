"""Alive, ready, and how much is waiting: what monitoring asks. Ids and counts only."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from store import tables as t
from store.database import Clock, Database

Broken = Callable[[], list[str]]
Degraded = Callable[[], list[str]]
Counts = Mapping[str, Mapping[str, int]]

log = structlog.get_logger()

# Later than this and the service is not doing its work, whatever else it answers.
_LATE = {
    "oldest_urgent_message": timedelta(minutes=2),
    "oldest_message": timedelta(minutes=15),
    "oldest_alert_step": timedelta(minutes=2),
    "oldest_session_timer": timedelta(minutes=15),
}
_DATABASE_PATIENCE = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Waiting:
    """Seconds by which the oldest due work of each kind is late, and how many rows stand in each state."""

    late: dict[str, float]
    outbox: dict[str, int]
    open_alerts: dict[str, int]
    set_aside: int

    def faults(self) -> list[str]:
        return [name for name, most in _LATE.items() if self.late[name] > most.total_seconds()]


def _oldest(column: Any, *where: Any) -> Any:
    return sa.select(sa.func.min(column)).where(*where).scalar_subquery()


async def measure(database: Database, now: datetime) -> Waiting:
    """One look at the queues; every part of it is answered from an index."""
    o, a, s = t.outbox.c, t.alert.c, t.session.c
    queued = (o.state == "queued", o.due_at <= now)
    oldest = sa.select(
        _oldest(o.due_at, *queued, o.priority <= 2).label("oldest_urgent_message"),
        _oldest(o.due_at, *queued).label("oldest_message"),
        _oldest(a.due_at, a.state != "closed", a.due_at <= now).label("oldest_alert_step"),
        _oldest(s.due_at, s.state == "open", s.due_at <= now).label("oldest_session_timer"),
        sa.select(sa.func.count()).where(t.inbox.c.state == "set_aside").scalar_subquery().label("set_aside"),
    )
    unsettled = ("queued", "sending", "uncertain")
    async with database.read() as connection:
        row = (await connection.execute(oldest)).one()._mapping  # noqa: SLF001  a public name with an underscore
        states = await connection.execute(
            sa.select(o.state, sa.func.count()).where(o.state.in_(unsettled)).group_by(o.state)
        )
        alerts = await connection.execute(
            # Reports about staff show in no count, and drills are none.
            sa.select(a.level, sa.func.count())
            .where(a.state != "closed", a.is_report.is_(False), a.is_drill.is_(False))
            .group_by(a.level)
        )
        return Waiting(
            late={name: (now - row[name]).total_seconds() if row[name] is not None else 0.0 for name in _LATE},
            outbox=dict.fromkeys(unsettled, 0) | {str(state): number for state, number in states},
            open_alerts={str(level): number for level, number in alerts},
            set_aside=row["set_aside"],
        )


class Health:
    """The three pages."""

    def __init__(self, database: Database, clock: Clock, broken: Broken, counts: Counts, degraded: Degraded) -> None:
        self._database = database
        self._clock = clock
        self._broken = broken
        self._counts = counts
        self._degraded = degraded

    async def alive(self, request: web.Request) -> web.Response:  # noqa: ARG002  aiohttp's signature
        return web.Response(text="alive\n")

    async def ready(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """200 while this process can do its work, also where it does it less well; 503 with what it cannot do."""
        try:
            async with asyncio.timeout(_DATABASE_PATIENCE):
                waiting = await measure(self._database, self._clock())
        except Exception as error:  # noqa: BLE001  whatever the driver raises, the answer is the same
            log.warning("not ready: the database does not answer", error=type(error).__name__)
            return web.json_response({"ready": False, "faults": ["database"]}, status=503)
        faults = waiting.faults() + self._broken()
        found = {
            "ready": not faults, "faults": faults, "degraded": self._degraded(), "late_seconds": waiting.late,
        }  # fmt: skip
        return web.json_response(found, status=503 if faults else 200)

    async def metrics(self, request: web.Request) -> web.Response:  # noqa: ARG002
        waiting = await measure(self._database, self._clock())
        registry = CollectorRegistry()
        registry.register(_Figures(waiting, self._counts))
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


class _Figures(Collector):
    """One scrape's figures, from the queues and from the counters of this process."""

    def __init__(self, waiting: Waiting, counts: Counts) -> None:
        self._waiting = waiting
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        late = GaugeMetricFamily("hujambo_late_seconds", "How late the oldest due work is", labels=["work"])
        for name, seconds in self._waiting.late.items():
            late.add_metric([name], seconds)
        yield late
        outbox = GaugeMetricFamily("hujambo_outbox_rows", "Messages not settled yet", labels=["state"])
        for state, number in self._waiting.outbox.items():
            outbox.add_metric([state], number)
        yield outbox
        alerts = GaugeMetricFamily("hujambo_open_alerts", "Alerts not closed", labels=["level"])
        for level, number in self._waiting.open_alerts.items():
            alerts.add_metric([level], number)
        yield alerts
        yield GaugeMetricFamily("hujambo_set_aside", "Messages whose turn failed", value=self._waiting.set_aside)
        for name, counts in self._counts.items():
            counter = CounterMetricFamily(f"hujambo_{name}", f"What the {name} did in this process", labels=["what"])
            for what, number in sorted(counts.items()):
                counter.add_metric([what], number)
            yield counter


def add_health(
    app: web.Application, database: Database, clock: Clock, broken: Broken, counts: Counts, degraded: Degraded
) -> None:
    """`broken` names the channels that cannot be opened; `counts` are this process's counters by the room's name;
    `degraded` says what is done less well than was asked for, while the work is done."""
    health = Health(database, clock, broken, counts, degraded)
    app.router.add_get("/healthz", health.alive)
    app.router.add_get("/readyz", health.ready)
    app.router.add_get("/metrics", health.metrics)
