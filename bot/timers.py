"""A session's timer and all that follows from it: one reminder, then the end, and what silence means. Pure."""

from dataclasses import replace
from datetime import datetime

from bot import checkin as steps
from bot.effects import (
    Effect,
    EndSession,
    KeepProgress,
    Memory,
    Person,
    Progress,
    RaiseAlert,
    RaiseTask,
    Say,
)
from bot.overtime import Habit, read_silence
from bot.replies import phrased
from content.schema import Checkin, Pack, Question

SOON, LATER = 4, 24  # hours until somebody should have called
_UNKNOWN = Habit()


def time_passed(
    timer: str,
    timer_step: int,
    person: Person,
    progress: Progress | None,
    memory: Memory,
    pack: Pack,
    now: datetime,
    missed: int,
    habit: Habit = _UNKNOWN,
) -> tuple[Effect, ...]:
    """What follows when a session's timer is due. Nothing, if the session moved on since the timer was set.

    `missed`: check-ins without any answer in a row before this one. `habit`: of the person, where silence may be due.
    """
    if progress is None or progress.step != timer_step:
        return ()
    asked = steps.current_question(pack, progress)
    if asked is None or person.opted_out or person.is_minor or not person.enrolled:
        return (EndSession(progress, "stopped"),)
    if timer == "remind":
        return _remind(asked[0], asked[1], person, progress, pack, now)
    if not is_silent(progress, memory):
        return (RaiseTask("unfinished", due_hours=72, once_per="session"), EndSession(progress, "expired"))
    return _silence(person, progress, pack, now, missed, habit)


def is_silent(progress: Progress, memory: Memory) -> bool:
    """Whether not a word came back since the check-in was opened."""
    opened = progress.opened_at
    has_written = any(opened is not None and at >= opened for at in memory.said.values())
    return not (progress.answers or has_written)


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


def _silence(
    person: Person, progress: Progress, pack: Pack, now: datetime, missed: int, habit: Habit
) -> tuple[Effect, ...]:
    settings = pack.over_time_in(person.country)
    hours = int((now - (progress.opened_at or now)).total_seconds() // 3600)
    if person.has_left and habit.danger is None:
        # After the programme a reply is a kindness, not a habit: somebody may look, nobody is called out.
        found = None
    else:
        found = read_silence(habit, missed + 1, hours, settings, person.language)
    # Where somebody always answers, the call is due now.
    task = RaiseTask("silence", due_hours=SOON if habit.is_steady(settings) else LATER, once_per="session")
    ended = EndSession(progress, "expired", is_silent=True)
    return (task, ended) if found is None else (RaiseAlert(found), task, ended)
