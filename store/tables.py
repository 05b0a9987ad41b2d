"""Every table, as SQLAlchemy Core. Kinds and states are plain text checked in code; times are UTC milliseconds.

Personal text lives in few columns, all sealed: numbers, names (`contact`, `beneficiary`, `staff`), messages (`inbox`,
`outbox`), answers (`answer`, `session`) and the past they are read against (`beneficiary.history`), notes
(`alert_event`, `case_event`, `follow_up`, `goal`, `referral`, `finding`, `handover`), proposed phrases (`proposal`).
Ids are assigned by the client (`Database.new_id`), so that rows of several tables can be written in one batch, except
in the append-only journals, whose order is their id.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
)
from sqlalchemy.types import TypeDecorator

from store.secrets import Sealed, SealedJson

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as milliseconds since 1970: both databases compare and add them alike."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else to_ms(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else from_ms(value)


def to_ms(value: datetime) -> int:
    if value.tzinfo is None:
        msg = "times are aware: give this one a time zone"
        raise ValueError(msg)
    return (value - _EPOCH) // _MS


def from_ms(value: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=value)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# JSON as text on both databases: these values are read back whole and never searched inside.
Json = sa.JSON
Id = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=False)


def _journal_id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def _ref(name: str, target: str, *, nullable: bool = True, index: bool = False) -> Column[int]:
    return Column(name, Id, ForeignKey(f"{target}.id"), nullable=nullable, index=index)


# --- places and people ---

site = Table(
    "site",
    metadata,
    _id(),
    Column("code", String(32), nullable=False, unique=True),
    Column("name", String(120), nullable=False),
    Column("country", String(2), nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("languages", Json, nullable=False),
    # Minutes after local midnight; quiet_from > quiet_until means the quiet hours cross midnight.
    Column("quiet_from", Integer, nullable=False),
    Column("quiet_until", Integer, nullable=False),
    # {"0": [480, 1020], …}: weekday (Monday 0) → minutes between which staff are on duty.
    Column("staffed", Json, nullable=False),
    Column("hotline", String(32)),
    # {"2026-12-25": "Christmas", …}: days without staffed hours. Imminent and high alerts do not wait for their end.
    Column("holidays", Json, nullable=False, server_default="{}"),
    # {"imminent": {"target_minutes": 15, "rung_minutes": 5}, …}: where this site differs from cases.rules.PACES.
    Column("paces", Json, nullable=False, server_default="{}"),
    # Whoever is told when the rota names nobody who can be reached. A site in use always has one.
    Column("fallback_id", Id),
)

channel = Table(
    "channel",
    metadata,
    _id(),
    Column("name", String(32), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    # The site that answers for strangers who write to this channel; None: the first site.
    _ref("site_id", "site"),
    Column("address", String(64), nullable=False, server_default=""),
    Column("settings", Sealed("channel.settings"), nullable=False),
    Column("rate", Float, nullable=False),
    # GCRA: the moment at which the next message may leave. Claiming moves it on, in the claim's first statement.
    Column("free_at", Instant, nullable=False),
    Column("paused_until", Instant),
    Column("state", String(16), nullable=False),
)

contact = Table(
    "contact",
    metadata,
    _id(),
    # One address we exchange messages with, enrolled or not. The person behind it may change: numbers are recycled.
    _ref("channel_id", "channel", nullable=False),
    Column("address", Sealed("contact.address"), nullable=False),
    Column("address_index", LargeBinary(16), nullable=False, unique=True),
    Column("language", String(8), nullable=False),
    Column("opted_out_at", Instant),
    Column("opted_out_by", String(16)),
    # A staff member is talking: the bot only reads for danger until then.
    Column("held_until", Instant),
    # Nobody knows who holds this number now: only content-free texts go there until staff have verified it by voice.
    Column("unverified_since", Instant),
    # The site whose on-call staff a drill tries: nobody is behind this address, nothing is sent to it or counted.
    Column("drill_site_id", Id),
    # Small pure state of the dialogue outside a check-in (bot.effects.Memory as JSON).
    Column("memory", Json, nullable=False),
    Column("last_inbound_at", Instant),
    Column("created_at", Instant, nullable=False),
)

beneficiary = Table(
    "beneficiary",
    metadata,
    _id(),
    Column("code", String(32), nullable=False, unique=True),
    _ref("site_id", "site", nullable=False),
    Column("contact_id", Id, ForeignKey("contact.id"), unique=True),
    _ref("caseworker_id", "staff"),
    Column("name", Sealed("beneficiary.name")),
    Column("language", String(8), nullable=False),
    Column("role", String(32), nullable=False),
    Column("age_band", String(8), nullable=False),
    Column("phone_kind", String(16), nullable=False),
    Column("safe_from", Integer),
    Column("safe_until", Integer),
    Column("safe_word", Sealed("beneficiary.safe_word")),
    Column("duress_word", Sealed("beneficiary.duress_word")),
    Column("staff_gender", String(8)),
    Column("anchor_date", sa.Date),
    # The person's own day (Monday 0) and minute after local midnight, and a fixed offset in seconds that spreads a
    # whole unit's messages over a quarter of an hour: identical minutes would label everyone who gets one.
    Column("weekday", Integer, nullable=False),
    Column("minute", Integer, nullable=False),
    Column("spread", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("missed", Integer, nullable=False, server_default="0"),
    Column("enrolled_at", Instant, nullable=False),
    # The day on which they left the programme: contacts after it are counted from here.
    Column("exited_on", sa.Date),
    # bot.history.History as JSON: earlier scores, runs and days of signals, so that no message needs a query for them.
    Column("history", SealedJson("beneficiary.history")),
    Index("ix_beneficiary_due", "site_id", "weekday", "minute"),
)

consent = Table(
    "consent",
    metadata,
    _id(),
    _ref("beneficiary_id", "beneficiary", nullable=False, index=True),
    Column("purpose", String(32), nullable=False),
    Column("version", String(32), nullable=False),
    Column("language", String(8), nullable=False),
    Column("source", String(64), nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("withdrawn_at", Instant),
)

staff = Table(
    "staff",
    metadata,
    _id(),
    Column("login", String(64), nullable=False, unique=True),
    Column("name", Sealed("staff.name"), nullable=False),
    Column("password", String(255), nullable=False),
    Column("role", String(16), nullable=False),
    Column("site_ids", Json, nullable=False),
    Column("languages", Json, nullable=False),
    Column("gender", String(8)),
    Column("phone", Sealed("staff.phone")),
    Column("phone_index", LargeBinary(16), unique=True),
    Column("email", Sealed("staff.email")),
    Column("most_alerts", Integer),  # so many open alerts of their own are enough; None: the programme's usual
    Column("disabled_at", Instant),
    Column("created_at", Instant, nullable=False),
)

staff_session = Table(
    "staff_session",
    metadata,
    _id(),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),
    _ref("staff_id", "staff", nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant),
)

rota = Table(
    "rota",
    metadata,
    _id(),
    _ref("site_id", "site", nullable=False, index=True),
    # Rung 1 is told first; the highest rung is the supervisor and the named fallback.
    Column("rung", Integer, nullable=False),
    _ref("staff_id", "staff", nullable=False),
    Column("starts_at", Instant),
    Column("ends_at", Instant),
    # A shift that returns every week, in the site's local time: days of the week on which it starts (Monday 0), and
    # minutes after midnight; from_minute > until_minute means that it ends on the next day. None: the whole time.
    Column("weekdays", Json),
    Column("from_minute", Integer),
    Column("until_minute", Integer),
)

leave = Table(
    "leave",
    metadata,
    _id(),
    _ref("staff_id", "staff", nullable=False, index=True),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    _ref("created_by", "staff"),
    Column("cancelled_at", Instant),
)

handover = Table(
    "handover",
    metadata,
    _id(),
    # One shift's hand-over sheet: who left it, what they add to what the sheet shows by itself, who has read it.
    _ref("site_id", "site", nullable=False, index=True),
    _ref("from_id", "staff", nullable=False),
    Column("at", Instant, nullable=False),
    Column("note", Sealed("handover.note")),
    _ref("read_by", "staff"),
    Column("read_at", Instant),
)

# --- messages ---

inbox = Table(
    "inbox",
    metadata,
    _id(),
    _ref("channel_id", "channel", nullable=False),
    # The gateway's own id for the message: the only thing duplicates are recognised by.
    Column("provider_id", String(64), nullable=False),
    _ref("contact_id", "contact", nullable=False),
    Column("text", Sealed("inbox.text"), nullable=False),
    Column("media", Integer, nullable=False, server_default="0"),
    # They rang instead of writing ("flashed"): no text, and a wish to be called.
    Column("is_call", sa.Boolean, nullable=False, server_default=sa.false()),
    Column("received_at", Instant, nullable=False),
    # handled · set_aside (its turn raised: `reason` says how; staff see it, nothing waits behind it) · staff (what a
    # staff member asks for by SMS, not done yet)
    Column("state", String(16), nullable=False),
    Column("reason", String(500)),
    Column("level", Integer, nullable=False, server_default="0"),
    sa.UniqueConstraint("channel_id", "provider_id"),
    Index("ix_inbox_contact_id_received_at", "contact_id", "received_at"),
    Index(
        "ix_inbox_set_aside",
        "received_at",
        sqlite_where=sa.text("state = 'set_aside'"),
        postgresql_where=sa.text("state = 'set_aside'"),
    ),
    Index(
        "ix_inbox_staff",
        "received_at",
        sqlite_where=sa.text("state = 'staff'"),
        postgresql_where=sa.text("state = 'staff'"),
    ),
)

outbox = Table(
    "outbox",
    metadata,
    _id(),
    # What makes this message the only one of its kind, e.g. "campaign/beneficiary/slot"; a second insert does nothing.
    Column("key", String(120), nullable=False, unique=True),
    _ref("channel_id", "channel", nullable=False),
    _ref("contact_id", "contact"),
    _ref("staff_id", "staff"),
    _ref("campaign_id", "campaign"),
    _ref("session_id", "session"),
    _ref("alert_id", "alert"),
    # Decides priority and whether it is sent again when nobody knows if it left: store.queue.PURPOSES.
    Column("purpose", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    # Empty for a check-in that has not left yet: its text is written when it leaves, in the language of that day.
    Column("text", Sealed("outbox.text")),
    Column("segments", Integer),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("not_after", Instant),
    # queued → sending → sent → delivered; failed · expired · withheld · uncertain: see scheduler.retry
    Column("state", String(16), nullable=False),
    Column("lease_until", Instant),
    Column("owner", String(48)),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("provider_id", String(64), index=True),
    Column("outcome", String(32)),
    Column("detail", String(200)),
    Column("sent_at", Instant),
    Column("settled_at", Instant),
    Index(
        "ix_outbox_queued",
        "channel_id",
        "priority",
        "due_at",
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    ),
    Index(
        "ix_outbox_leased",
        "lease_until",
        sqlite_where=sa.text("state IN ('sending', 'uncertain')"),
        postgresql_where=sa.text("state IN ('sending', 'uncertain')"),
    ),
    Index("ix_outbox_contact_id_created_at", "contact_id", "created_at"),
    Index("ix_outbox_campaign_id_state", "campaign_id", "state"),
)

# A receipt that came before we had written down what it is about (callbacks overtake our own record).
early_receipt = Table(
    "early_receipt",
    metadata,
    _id(),
    _ref("channel_id", "channel", nullable=False),
    Column("provider_id", String(64), nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("outcome", String(32)),
    Column("received_at", Instant, nullable=False),
)

# --- check-ins ---

campaign = Table(
    "campaign",
    metadata,
    _id(),
    Column("code", String(48), nullable=False, unique=True),
    Column("name", String(120), nullable=False),
    Column("checkin", String(48), nullable=False),
    Column("kind", String(16), nullable=False),  # once · weekly · after_anchor · after_exit
    Column("plan", Json, nullable=False),  # scheduler.due.Plan as JSON
    Column("audience", Json, nullable=False),  # {"sites": […], "languages": […], "roles": […], "states": […]}
    Column("late_minutes", Integer, nullable=False),
    Column("state", String(16), nullable=False),  # draft · running · paused · done
    Column("created_at", Instant, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant),
    # Planned up to here; `cursor` is the last beneficiary id of a window that is being planned.
    Column("planned_until", Instant),
    Column("cursor", Id, nullable=False, server_default="0"),
    Column("due_at", Instant, nullable=False),
)

session = Table(
    "session",
    metadata,
    _id(),
    _ref("beneficiary_id", "beneficiary", nullable=False),
    _ref("contact_id", "contact", nullable=False),
    _ref("campaign_id", "campaign"),
    Column("checkin", String(48), nullable=False),
    Column("version", String(32), nullable=False),
    Column("state", String(16), nullable=False),  # open · done · expired · stopped · unsent
    Column("progress", SealedJson("session.progress"), nullable=False),  # bot.effects.Progress as JSON
    Column("opened_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("ended_at", Instant),
    # The next timer, what it is for, and the step it was set for: a timer for an earlier step does nothing.
    Column("due_at", Instant),
    Column("timer", String(16)),
    Column("timer_step", Integer, nullable=False, server_default="0"),
    Index(
        "ix_session_open",
        "contact_id",
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    ),
    Index(
        "ix_session_due",
        "due_at",
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    ),
    Index("ix_session_beneficiary_id_opened_at", "beneficiary_id", "opened_at"),
)

answer = Table(
    "answer",
    metadata,
    _id(),
    _ref("session_id", "session", nullable=False, index=True),
    _ref("beneficiary_id", "beneficiary", nullable=False),
    _ref("inbox_id", "inbox"),
    Column("checkin", String(48), nullable=False),
    Column("version", String(32), nullable=False),
    Column("question", String(48), nullable=False),
    Column("value", SealedJson("answer.value"), nullable=False),
    Column("score", Float),
    Column("answered_at", Instant, nullable=False),
    Index("ix_answer_beneficiary_id_answered_at", "beneficiary_id", "answered_at"),
)

# --- cases ---

assessment = Table(
    "assessment",
    metadata,
    _id(),
    _ref("inbox_id", "inbox", index=True),
    _ref("contact_id", "contact", nullable=False),
    _ref("beneficiary_id", "beneficiary"),
    _ref("alert_id", "alert", index=True),
    Column("level", Integer, nullable=False),
    Column("route", String(16), nullable=False),
    Column("reasons", Json, nullable=False),  # [{"code", "detail", "data"?}…], never the message itself
    Column("pack", String(64), nullable=False),
    Column("assessed_at", Instant, nullable=False),
    Column("judged_level", Integer),
    Column("judged_route", String(16)),
    _ref("judged_by", "staff"),
    Column("judged_at", Instant),
    # message: somebody judged this very message · alert, outcome: it follows from what became of its alert
    Column("judged_how", String(8)),
)

sample = Table(
    "sample",
    metadata,
    _id(),
    # A message that raised nothing, drawn by lot for a person to read: the only way to learn what is missed.
    _ref("site_id", "site", nullable=False),
    Column("week", sa.Date, nullable=False),  # its Monday
    Column("place", Integer, nullable=False),  # 1 … in the draw
    Column("inbox_id", Id, ForeignKey("inbox.id"), unique=True),
    Column("language", String(8), nullable=False),
    Column("level", Integer, nullable=False),  # as the machine read it: none or practical
    Column("route", String(16), nullable=False),
    Column("population", Integer, nullable=False),  # how many messages the whole draw stands for
    Column("drawn_at", Instant, nullable=False),
    Column("judged_level", Integer),
    Column("judged_route", String(16)),
    _ref("judged_by", "staff"),
    Column("judged_at", Instant),
    _ref("alert_id", "alert", index=True),  # opened for it, since somebody must act
    sa.UniqueConstraint("site_id", "week", "place"),
)

proposal = Table(
    "proposal",
    metadata,
    _id(),
    # A phrase that staff want in a word list. Nothing reads it until whoever owns the content puts it there.
    _ref("alert_id", "alert", index=True),
    Column("kind", String(16), nullable=False),  # signal · harmless
    Column("language", String(8), nullable=False),
    Column("phrase", Sealed("proposal.phrase"), nullable=False),
    Column("level", Integer, nullable=False),
    Column("route", String(16), nullable=False),
    Column("pack", String(64), nullable=False),  # the content that misread
    Column("state", String(16), nullable=False),  # waiting · taken · declined
    Column("proposed_at", Instant, nullable=False),
    _ref("proposed_by", "staff"),
    Column("settled_at", Instant),
)

alert = Table(
    "alert",
    metadata,
    _id(),
    Column("code", String(12), nullable=False, unique=True),  # what staff say on the telephone
    _ref("contact_id", "contact", nullable=False),
    _ref("beneficiary_id", "beneficiary"),
    _ref("site_id", "site", nullable=False),
    Column("level", Integer, nullable=False),
    Column("route", String(16), nullable=False),
    Column("machine_level", Integer, nullable=False),
    Column("state", String(16), nullable=False),  # open · taken · closed
    Column("rung", Integer, nullable=False),
    _ref("owner_id", "staff"),
    Column("opened_at", Instant, nullable=False),
    Column("target_at", Instant, nullable=False),  # by when a human must have reached the person
    Column("due_at", Instant),  # when the ladder moves next
    Column("taken_at", Instant),
    Column("closed_at", Instant),
    Column("outcome", String(32)),
    Column("messages", Integer, nullable=False, server_default="1"),
    # A report about staff (route misconduct) is an alert of its own: it shares none with anything else.
    Column("is_report", Boolean, nullable=False, default=False, server_default=sa.false()),
    # The staff member a report is about, as a focal point understood it: whatever their role, they see nothing of it.
    Column("about_id", Id),
    # Raised by the duress word: nobody calls or writes unless that was agreed, and nothing shows on the person's phone.
    Column("is_silent", Boolean, nullable=False, default=False, server_default=sa.false()),
    # A drill: handled like any other, counted as none.
    Column("is_drill", Boolean, nullable=False, default=False, server_default=sa.false()),
    # An outcome that its owner has asked a supervisor to close with.
    Column("asked_outcome", String(32)),
    Column("asked_by", Id),
    Column("asked_at", Instant),
    Index(
        "ix_alert_unclosed",
        "contact_id",
        "is_report",
        unique=True,
        sqlite_where=sa.text("state <> 'closed'"),
        postgresql_where=sa.text("state <> 'closed'"),
    ),
    Index(
        "ix_alert_due",
        "due_at",
        sqlite_where=sa.text("state <> 'closed'"),
        postgresql_where=sa.text("state <> 'closed'"),
    ),
    Index("ix_alert_beneficiary_id", "beneficiary_id"),
)

alert_event = Table(
    "alert_event",
    metadata,
    _journal_id(),
    _ref("alert_id", "alert", nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("kind", String(24), nullable=False),
    _ref("staff_id", "staff"),
    Column("data", Json, nullable=False),
    Column("note", Sealed("alert_event.note")),
)

follow_up = Table(
    "follow_up",
    metadata,
    _id(),
    # A dated task for staff. `key` keeps the same task from being raised twice.
    Column("key", String(120), nullable=False, unique=True),
    _ref("contact_id", "contact"),
    _ref("beneficiary_id", "beneficiary", index=True),
    _ref("alert_id", "alert"),
    _ref("site_id", "site"),
    _ref("staff_id", "staff"),
    _ref("inbox_id", "inbox"),  # the message that the task is about
    Column("kind", String(24), nullable=False),
    Column("note", Sealed("follow_up.note")),
    Column("state", String(16), nullable=False),  # open · done
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, default=0, server_default="0"),
    Column("result", String(32)),  # the last contact result, or how the task ended
    Column("done_at", Instant),
    _ref("done_by", "staff"),
    Index(
        "ix_follow_up_open",
        "due_at",
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    ),
)

case_event = Table(
    "case_event",
    metadata,
    _journal_id(),
    # What happened in a person's case that no other journal holds: attempts without an alert, visits, transfers, exit,
    # a changed fact of safe contact, a number verified. Append-only.
    _ref("beneficiary_id", "beneficiary", nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("kind", String(24), nullable=False),
    _ref("staff_id", "staff"),
    Column("data", Json, nullable=False),
    Column("note", Sealed("case_event.note")),
)

goal = Table(
    "goal",
    metadata,
    _id(),
    # One goal of the reintegration plan, in one area of life (content.schema.DOMAINS).
    _ref("beneficiary_id", "beneficiary", nullable=False, index=True),
    Column("domain", String(16), nullable=False),
    Column("text", Sealed("goal.text"), nullable=False),
    Column("state", String(16), nullable=False),  # open · reached · dropped
    Column("set_at", Instant, nullable=False),
    _ref("set_by", "staff"),
    Column("due_on", sa.Date),
    Column("ended_at", Instant),
)

finding = Table(
    "finding",
    metadata,
    _id(),
    # How an area of life stands, seen or confirmed by staff: beside what the person says in check-ins.
    _ref("beneficiary_id", "beneficiary", nullable=False, index=True),
    Column("domain", String(16), nullable=False),
    Column("value", Integer, nullable=False),  # 1 well · 2 so-so · 3 badly, as in the check-ins by area
    Column("source", String(16), nullable=False),  # visit · call · office · partner · document
    Column("at", Instant, nullable=False),
    _ref("staff_id", "staff"),
    Column("note", Sealed("finding.note")),
)

service = Table(
    "service",
    metadata,
    _id(),
    # The directory of services a person can be referred to. Organisations only: nothing here is about a person.
    Column("code", String(32), nullable=False, unique=True),
    Column("name", String(120), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("site_ids", Json, nullable=False),  # empty: every site
    Column("languages", Json, nullable=False),
    Column("eligibility", String(400), nullable=False, server_default=""),
    Column("hours", String(200), nullable=False, server_default=""),
    Column("address", String(200), nullable=False, server_default=""),
    Column("phone", String(32), nullable=False, server_default=""),
    Column("agreement", String(64), nullable=False, server_default=""),  # under which data may be passed on
    Column("is_women_friendly", Boolean, nullable=False),
    Column("is_child_friendly", Boolean, nullable=False),
    Column("checked_on", sa.Date),
    Column("disabled_at", Instant),
)

referral = Table(
    "referral",
    metadata,
    _id(),
    _ref("beneficiary_id", "beneficiary", nullable=False, index=True),
    _ref("alert_id", "alert", index=True),
    _ref("service_id", "service", nullable=False),
    # proposed → sent → accepted → arrived; declined (by the person), refused (by the service), lost (never arrived)
    Column("state", String(16), nullable=False),
    Column("consent", String(16), nullable=False),  # spoken · written · none_needed (the person goes themselves)
    Column("note", Sealed("referral.note")),
    Column("made_at", Instant, nullable=False),
    _ref("made_by", "staff"),
    Column("due_at", Instant, nullable=False),  # by when it must be known whether the person arrived
    Column("settled_at", Instant),
    _ref("settled_by", "staff"),
)

drill = Table(
    "drill",
    metadata,
    _id(),
    # A synthetic cry for help, sent into one channel for one site again and again: does it reach a human in time?
    _ref("site_id", "site", nullable=False),
    _ref("channel_id", "channel", nullable=False),
    Column("every_days", Integer, nullable=False),
    Column("state", String(16), nullable=False),  # active · off
    Column("due_at", Instant, nullable=False),
    sa.UniqueConstraint("site_id", "channel_id"),
)

drill_run = Table(
    "drill_run",
    metadata,
    _id(),
    _ref("drill_id", "drill", nullable=False, index=True),
    _ref("alert_id", "alert", index=True),
    Column("started_at", Instant, nullable=False),
    Column("target_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),  # running · passed · failed
    Column("settled_at", Instant),
    _ref("taken_by", "staff"),
    Index(
        "ix_drill_run_running",
        "target_at",
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    ),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),  # 1, 2, 3 … without a hole
    Column("at", Instant, nullable=False),
    _ref("staff_id", "staff"),
    Column("action", String(48), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("data", Json, nullable=False),
    Column("previous", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)

# --- machinery ---

lease = Table(
    "lease",
    metadata,
    Column("name", String(48), primary_key=True),
    Column("owner", String(48), nullable=False),
    Column("until", Instant, nullable=False),
)

counter = Table(
    "counter",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

# Telephone wall of the demo and the tests: messages on pretend phones, in both directions.
pretend_message = Table(
    "pretend_message",
    metadata,
    _journal_id(),
    Column("number", String(32), nullable=False, index=True),
    Column("inbound", Boolean, nullable=False),  # towards the service
    Column("text", Sealed("pretend_message.text"), nullable=False),
    Column("at", Instant, nullable=False),
)

__all__ = [name for name, value in list(globals().items()) if isinstance(value, Table)] + [
    "Instant",
    "Json",
    "from_ms",
    "metadata",
    "to_ms",
]
