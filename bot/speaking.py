"""Which language we answer in: that of the message where it is clear, and the same one for the rest of the day."""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.effects import Memory, Person
from bot.language import Identified
from content.schema import Pack

_LASTS = timedelta(hours=24)  # "ok" and "1" after a message in Hausa are still said by somebody who writes Hausa
OFFER_AFTER = 2  # messages in a row in another language than their own


def conversation_in(heard: Identified, person: Person, memory: Memory, pack: Pack, now: datetime) -> tuple[str, Memory]:
    """The language to answer in, and the memory of it. Their registered language stays what they chose."""
    own, language = person.language, heard.language
    if heard.is_partly(own):
        return own, _forgotten(memory)
    if not heard.is_clear or language not in pack.languages:
        goes_on = memory.spoken_at is not None and now - memory.spoken_at < _LASTS and not heard.is_clear
        return (memory.spoken if goes_on and memory.spoken in pack.languages else own), memory
    if own == language:
        return own, _forgotten(memory)
    # One more than is needed stands for "offered already".
    times = min(memory.spoken_times + 1, OFFER_AFTER) if memory.spoken == language else 1
    if memory.spoken == language and memory.spoken_times > OFFER_AFTER:
        times = memory.spoken_times
    return str(language), replace(memory, spoken=str(language), spoken_at=now, spoken_times=times)


def is_to_be_offered(memory: Memory) -> bool:
    return memory.spoken_times == OFFER_AFTER


def offered(memory: Memory) -> Memory:
    return replace(memory, spoken_times=OFFER_AFTER + 1)


def _forgotten(memory: Memory) -> Memory:
    return replace(memory, spoken="", spoken_at=None, spoken_times=0) if memory.spoken else memory
