"""What staff do with an alert: take, pass on, reply, try to reach the person, note, judge its level, close.

Each step is one transaction: the change, its alert event, and its audit record, or nothing. A step against the rules
raises `AlertRuleError` with a sentence for the person who tried it.
"""

from cases.handling.ending import ask_to_close, close, refuse_to_close, set_level
from cases.handling.frame import may_see
from cases.handling.judging import judge_message
from cases.handling.reporting import say_whom_about
from cases.handling.taking import pass_on, release, take
from cases.handling.talking import HOLD, LONGEST_REPLY, add_note, log_attempt, mark_step, open_text, reply

__all__ = [
    "HOLD",
    "LONGEST_REPLY",
    "add_note",
    "ask_to_close",
    "close",
    "judge_message",
    "log_attempt",
    "mark_step",
    "may_see",
    "open_text",
    "pass_on",
    "refuse_to_close",
    "release",
    "reply",
    "say_whom_about",
    "set_level",
    "take",
]
