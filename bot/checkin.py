"""The steps of a check-in: how it opens, which question follows which, and when its timers are due. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.effects import KeepProgress, Progress
from bot.scores import score_of
from content.schema import Checkin, Pack, Question, QuestionText

MOST_REASKS = 2
PART_SECONDS = 5.0
NOT_ASKED = -1  # `Progress.tries` of a question that is next, but was held back by danger


@dataclass(frozen=True, slots=True)
class Opening:
    """The first message of a check-in and the session it starts. `key` names the question, for the record."""

    text: str
    key: str
    progress: Progress
    remind_at: datetime
    expire_at: datetime


def open_checkin(pack: Pack, checkin_id: str, language: str, now: datetime) -> Opening:
    """Greeting and first question, in one message. Raises KeyError for a check-in the pack does not have."""
    checkin = pack.checkins[checkin_id]
    first = checkin.questions[0]
    progress = Progress(
        checkin=checkin.id, version=checkin.version, language=language, question=first.id, step=1, opened_at=now
    )
    text = f"{_greeting(pack, language, now)} {pack.text(checkin.id, first.id, language).text}".strip()
    return Opening(text, question_key(progress), progress, remind_at(checkin, progress), expire_at(checkin, progress))


def _greeting(pack: Pack, language: str, now: datetime) -> str:
    """Another one each week: the same words every time are not read any more."""
    greetings = pack.greetings(language) or pack.greetings("en")
    return greetings[now.isocalendar().week % len(greetings)] if greetings else ""


def parts(asked: QuestionText) -> list[tuple[str, float]]:
    """The messages that a question is sent as, each with the seconds after which it leaves.

    Short messages overtake each other: each part leaves when the one before it has had time to arrive.
    """
    return [(text, number * PART_SECONDS) for number, text in enumerate((*asked.before, asked.text))]


def question_key(progress: Progress) -> str:
    return f"{progress.checkin}.{progress.question}"


def remind_at(checkin: Checkin, progress: Progress) -> datetime:
    return _opened(progress) + timedelta(hours=checkin.remind_hours)


def expire_at(checkin: Checkin, progress: Progress) -> datetime:
    return _opened(progress) + timedelta(hours=checkin.expire_hours)


def _opened(progress: Progress) -> datetime:
    if progress.opened_at is None:
        raise ValueError("a session that was never opened has no timers")
    return progress.opened_at


def keep(checkin: Checkin, progress: Progress, now: datetime) -> KeepProgress:
    """The session goes on: its one reminder if that is still to come, else its end."""
    due = remind_at(checkin, progress)
    if not progress.reminded and now < due:
        return KeepProgress(progress, "remind", due)
    end = expire_at(checkin, progress)
    if end <= now:  # somebody answers late, before the timer came: they get the time that follows a reminder
        end = now + timedelta(hours=checkin.expire_hours - checkin.remind_hours)
    return KeepProgress(progress, "expire", end)


def current_question(pack: Pack, progress: Progress | None) -> tuple[Checkin, Question] | None:
    """What the session is waiting for; None if it is over, or if the pack no longer has it."""
    checkin = pack.checkins.get(progress.checkin) if progress is not None else None
    question = checkin.question(progress.question) if checkin is not None and progress is not None else None
    return (checkin, question) if checkin is not None and question is not None else None


def is_asked_yet(progress: Progress | None) -> bool:
    return progress is not None and progress.tries > NOT_ASKED


def answered(progress: Progress, question: Question, value: str | float) -> Progress:
    """The progress with this answer and its score kept."""
    score = score_of(question, value)
    return replace(
        progress,
        answers={**progress.answers, question.id: as_text(value)},
        scores={**progress.scores, question.id: score} if score is not None else progress.scores,
    )


def as_text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def next_step(checkin: Checkin, progress: Progress, *, is_private: bool) -> Progress:
    """Moves on to the next question whose conditions hold; `question` is "" when there is none left."""
    ids = [question.id for question in checkin.questions]
    rest = checkin.questions[ids.index(progress.question) + 1 :] if progress.question in ids else ()
    following = next((question for question in rest if _is_asked(question, progress, is_private=is_private)), None)
    return replace(progress, question=following.id if following else "", step=progress.step + 1, tries=0)


def last_answered(checkin: Checkin, progress: Progress) -> Question | None:
    return next((question for question in reversed(checkin.questions) if question.id in progress.answers), None)


def reopened(progress: Progress, question: Question) -> Progress:
    """Back at the question that was answered last, as if it had not been."""
    return replace(
        progress,
        question=question.id,
        answers={name: value for name, value in progress.answers.items() if name != question.id},
        scores={name: score for name, score in progress.scores.items() if name != question.id},
    )


def _is_asked(question: Question, progress: Progress, *, is_private: bool) -> bool:
    if question.languages and progress.language not in question.languages:
        return False
    if question.private_only and not is_private:
        return False
    return all(progress.answers.get(other) in values for other, values in question.when.items())
