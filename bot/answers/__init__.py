"""Reading answers: one room for each kind; `read_answer` is the way in."""

from bot.answers.reading import read_answer
from bot.answers.speech import Answer

__all__ = ["Answer", "read_answer"]
