"""The steps of a check-in and what its answers add up to, without a pack of words."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.checkin import answered, keep, last_answered, next_step, open_checkin, reopened
from bot.effects import Assessment, KeepProgress, Progress, Reason
from bot.scores import read_scores, read_value, score_of, total
from content.pack import load_pack
from content.schema import Checkin, Level, Option, Question, Sum
from tests.conftest import NOW

YES_NO = (Option("yes", score=1), Option("no", score=0))
HIGH = Level.HIGH
MONTHLY = Checkin(
    id="monthly",
    version="3",
    languages=("en",),
    questions=(
        Question("mood", "scale", minimum=0, maximum=10, alarm_at_least=8, alarm_level=HIGH, alarm_route="distress"),
        Question("sleep", "choice", options=(Option("well", score=0), Option("badly", score=3))),
        Question("why", "text", when={"sleep": ("badly",)}, optional=True),
        Question("meals", "number", alarm_at_most=1, alarm_level=Level.PRACTICAL, alarm_route="practical"),
    ),
    sums=(Sum("burden", ("mood", "sleep"), 9, Level.ELEVATED, countries={"MZ": 7}),),
)  # fmt: skip
START = Progress(checkin="monthly", version="3", language="en", question="mood", step=1, opened_at=NOW)


def asked(**answers: str | float) -> list[str]:
    """The questions that are asked when these are the answers."""
    progress, order = START, []
    while progress.question:
        order.append(progress.question)
        question = MONTHLY.question(progress.question)
        assert question is not None
        if question.id in answers:
            progress = answered(progress, question, answers[question.id])
        progress = next_step(MONTHLY, progress, is_private=True)
    return order


def test_a_question_is_asked_only_where_its_condition_holds() -> None:
    assert asked(mood=3, sleep="badly", meals=2) == ["mood", "sleep", "why", "meals"]
    assert asked(mood=3, sleep="well", meals=2) == ["mood", "sleep", "meals"]


def test_a_condition_on_an_unanswered_question_does_not_hold() -> None:
    assert asked(mood=3) == ["mood", "sleep", "meals"]


def test_every_step_counts_up_and_forgets_the_tries() -> None:
    following = next_step(MONTHLY, replace(START, tries=2), is_private=True)
    assert (following.question, following.step, following.tries) == ("sleep", 2, 0)


def test_opening_says_greeting_and_first_question_and_sets_both_timers() -> None:
    opening = open_checkin(load_pack(), "weekly", "sw", NOW)
    assert opening.text.endswith("Jibu 1 vizuri, 2 si vizuri sana, 3 nipigie simu. (Ujumbe wa mashine)")
    assert opening.progress == Progress("weekly", "1", "sw", "mood", step=1, opened_at=NOW)
    assert (opening.remind_at - NOW, opening.expire_at - NOW) == (timedelta(hours=24), timedelta(hours=48))


def test_the_greeting_changes_from_week_to_week_but_not_within_one() -> None:
    pack = load_pack()
    texts = [open_checkin(pack, "weekly", "en", NOW + timedelta(weeks=week)).text for week in range(3)]
    assert len(set(texts)) == 3
    assert open_checkin(pack, "weekly", "en", NOW + timedelta(days=1)).text == texts[0]


def test_an_unknown_check_in_is_not_opened() -> None:
    with pytest.raises(KeyError):
        open_checkin(load_pack(), "nothing", "en", NOW)


@pytest.mark.parametrize(
    ("hours", "reminded", "timer", "due"),
    [
        (0, False, "remind", 24),
        (23.9, False, "remind", 24),
        (24, False, "expire", 48),
        (1, True, "expire", 48),
        (50, False, "expire", 74),  # they answer before the late timer came: a day more
    ],
)
def test_a_session_waits_for_its_one_reminder_and_then_for_its_end(
    hours: float, reminded: bool, timer: str, due: float
) -> None:
    progress = replace(START, reminded=reminded)
    kept = keep(MONTHLY, progress, NOW + timedelta(hours=hours))
    assert kept == KeepProgress(progress, timer, NOW + timedelta(hours=due))  # type: ignore[arg-type]


def test_going_back_forgets_the_last_answer_and_its_score() -> None:
    mood, sleep = MONTHLY.questions[:2]
    progress = next_step(MONTHLY, answered(START, mood, 4), is_private=True)
    progress = next_step(MONTHLY, answered(progress, sleep, "badly"), is_private=True)
    assert last_answered(MONTHLY, progress) == sleep
    back = reopened(progress, sleep)
    assert (back.question, back.answers, back.scores) == ("sleep", {"mood": "4"}, {"mood": 4})


@pytest.mark.parametrize(
    ("question", "value", "score"),
    [
        (MONTHLY.questions[0], 7.0, 7),
        (MONTHLY.questions[1], "badly", 3),
        (MONTHLY.questions[1], "well", 0),
        (MONTHLY.questions[3], 2.0, None),  # a count of meals is no score
        (Question("a", "choice", options=(Option("x"),)), "x", None),
        (Question("a", "yesno", options=YES_NO), "yes", 1),
    ],
)
def test_what_an_answer_counts(question: Question, value: str | float, score: float | None) -> None:
    assert score_of(question, value) == score


def test_what_was_not_answered_is_not_zero() -> None:
    assert total({}, ("mood",)) is None
    assert total({"sleep": 3}, ("mood",)) is None
    assert read_scores(MONTHLY, {}) is None


def test_a_sum_at_the_threshold_is_a_signal_also_where_it_is_partial() -> None:
    whole = read_scores(MONTHLY, {"mood": 6, "sleep": 3})
    assert whole == Assessment(Level.ELEVATED, "distress", (Reason("score", "burden 3: 9 of threshold 9"),))
    partial = read_scores(MONTHLY, {"mood": 9})
    assert partial is not None
    assert partial.reasons[0].detail == "burden 3: 9 of threshold 9 (not all questions answered)"
    assert read_scores(MONTHLY, {"mood": 8, "sleep": 0}) is None


def test_a_country_has_its_own_threshold() -> None:
    scores = {"mood": 4, "sleep": 3}
    assert read_scores(MONTHLY, scores, "KE") is None
    found = read_scores(MONTHLY, scores, "MZ")
    assert found is not None
    assert found.reasons[0].detail == "burden 3: 7 of threshold 7"


def test_an_instrument_is_asked_only_in_its_languages_and_on_private_phones() -> None:
    item = Question("item", "scale", minimum=0, maximum=3, languages=("en",), private_only=True)
    checkin = replace(MONTHLY, questions=(MONTHLY.questions[0], item))
    assert next_step(checkin, START, is_private=True).question == "item"
    assert next_step(checkin, START, is_private=False).question == ""
    assert next_step(checkin, replace(START, language="ha"), is_private=True).question == ""


@pytest.mark.parametrize(("value", "level"), [(8.0, Level.HIGH), (10.0, Level.HIGH), (7.5, None)])
def test_a_number_at_the_alarm_is_a_signal(value: float, level: Level | None) -> None:
    found = read_value("checkin", MONTHLY.questions[0], value)
    assert (found.level if found else None) == level


@pytest.mark.parametrize(("value", "level"), [(0.0, Level.PRACTICAL), (1.0, Level.PRACTICAL), (2.0, None)])
def test_a_number_at_or_below_the_lower_alarm_is_a_signal(value: float, level: Level | None) -> None:
    found = read_value("checkin", MONTHLY.questions[3], value)
    assert (found.level if found else None) == level
