"""A session's timer and all that follows from it: one reminder, then the end, and what silence means. Pure."""

from dataclasses import replace
from datetime import datetime

from bot import checkin as steps
from bot.effects import (
    Assessment,
    Effect,
    EndSession,
    KeepProgress,
    Memory,
    Person,
    Progress,
    RaiseAlert,
    RaiseTask,
    Reason,
    Say,
)
from bot.replies import phrased
from content.schema import Checkin, Level, Pack, Question


def time_passed(
    timer: str,
    timer_step: int,
    person: Person,
    progress: Progress | None,
    memory: Memory,
    pack: Pack,
    now: datetime,
    missed: int,
) -> tuple[Effect, ...]:
    """What follows when a session's timer is due. Nothing, if the session moved on since the timer was set."""
    if progress is None or progress.step != timer_step:
        return ()
    asked = steps.current_question(pack, progress)
    if asked is None or person.opted_out or person.is_minor or not person.enrolled:
        return (EndSession(progress, "stopped"),)
    if timer == "remind":
        return _remind(asked[0], asked[1], person, progress, pack, now)
    return _expire(person, progress, memory, missed)


def _remind(
    checkin: Checkin, question: Question, person: Person, progress: Progress, pack: Pack, now: datetime
) -> tuple[Effect, ...]:
    if progress.reminded:
        return ()
    kept: KeepProgress = steps.keep(checkin, replace(progress, reminded=True), now)
    # While a person looks after them, no machine asks how they are.
    if person.is_held or person.has_open_alert:
        return (kept,)
    asked = pack.text(checkin.id, question.id, progress.language)
    said = steps.parts(asked)
    if not asked.before:
        said = [(phrased(pack, "reminder", person, progress.language, question=asked.text), 0.0)]
    return (
        *(Say(text, "reminder", "reminder", delay=delay) for text, delay in said),
        replace(kept, progress=replace(kept.progress, tries=max(0, progress.tries))),
    )


def _expire(person: Person, progress: Progress, memory: Memory, missed: int) -> tuple[Effect, ...]:
    ended = EndSession(progress, "expired")
    opened = progress.opened_at
    has_written = any(opened is not None and at >= opened for at in memory.said.values())
    if progress.answers or has_written:
        return (RaiseTask("unfinished", due_hours=72, once_per="session"), ended)
    task = RaiseTask("silence", due_hours=24, once_per="session")
    if missed < 1:
        return (task, ended)
    reason = Reason("silence", f"check-ins without any answer in a row: {missed + 1}", {"missed": missed + 1})
    return (RaiseAlert(Assessment(Level.ELEVATED, "distress", (reason,), person.language)), task, ended)
