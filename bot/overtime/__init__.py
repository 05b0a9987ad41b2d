"""What only time shows: change from the person's own usual, repetition, and silence against their own habit. Pure.

Nothing here ever lowers a level: what a person said before can only make what they say now graver.
"""

from bot.overtime.answers import Past, gravest, kept, kept_sums, read_answer_over_time, read_sums_over_time
from bot.overtime.baseline import Point, Series, Usual, series, usual
from bot.overtime.habit import Habit, LastDanger, Round, habit_of, read_silence
from bot.overtime.repetition import noted, repeated

__all__ = [
    "Habit", "LastDanger", "Past", "Point", "Round", "Series", "Usual", "gravest", "habit_of", "kept", "kept_sums",
    "noted", "read_answer_over_time", "read_silence", "read_sums_over_time", "repeated", "series", "usual",
]  # fmt: skip
