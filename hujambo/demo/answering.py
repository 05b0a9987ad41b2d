"""Pretend phones that answer: after a human's delay, in their words, sometimes not, and now and then with a cry."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from channels.phones import DatabaseWall, Delivery
from content.schema import Pack
from hujambo.demo import voices
from hujambo.demo.history import CHECKIN
from hujambo.demo.people import Someone
from store.database import Clock

CRY_EVERY = timedelta(minutes=4)
FIRST_CRY = timedelta(minutes=1)


class Answering:
    """The people behind the phones. `hear` is a hook of the wall."""

    def __init__(
        self,
        wall: DatabaseWall,
        pack: Pack,
        people: Sequence[Someone],
        clock: Clock,
        rng: random.Random,
        *,
        pause: tuple[float, float] = (5, 40),
    ) -> None:
        self._wall, self._pack, self._clock, self._rng, self._pause = wall, pack, clock, rng, pause
        self._people: Mapping[str, Someone] = {someone.number: someone for someone in people}
        self._next_cry = clock() + FIRST_CRY

    async def hear(self, delivery: Delivery) -> None:
        someone = self._people.get(delivery.number)
        text = None if someone is None else self.answer_to(someone, delivery.text, self._clock())
        if text is not None:
            await asyncio.sleep(self._rng.uniform(*self._pause))
            await self._wall.text(delivery.number, text)

    def answer_to(self, someone: Someone, text: str, now: datetime) -> str | None:
        """What this person writes back to such a text; None: nothing."""
        rng, language = self._rng, someone.language
        question = self._question(text, language)
        if question == "mood":
            return self._first_answer(someone, now)
        if question is not None:
            return rng.choice((voices.HARD if question == "hard" else voices.NO_CALL)[language])
        if any(text.startswith(self._beginning(key, language)) for key, _ in self._pack.phrases):
            return rng.choice(voices.THANKS[language]) if rng.random() < 0.05 else None
        return rng.choice(voices.TO_STAFF[language])

    def _first_answer(self, someone: Someone, now: datetime) -> str | None:
        rng, language = self._rng, someone.language
        if rng.random() > someone.answers:
            return None
        if now >= self._next_cry and rng.random() < 0.5:
            self._next_cry = now + CRY_EVERY
            return rng.choice(voices.CRIES[language])
        is_low = rng.random() < max(someone.low, 0.25)
        return rng.choice((voices.SO_SO if is_low else voices.FINE)[language])

    def _question(self, text: str, language: str) -> str | None:
        """Which question of the check-in this text asks, if it asks one."""
        for question in self._pack.checkins[CHECKIN].questions:
            words = self._pack.text(CHECKIN, question.id, language)
            if text.endswith(words.text) or words.help in text:
                return question.id
        return None

    def _beginning(self, key: str, language: str) -> str:
        """The words of a phrase up to its first placeholder."""
        return self._pack.phrase(key, language).partition("{")[0][:24] or "\0"
