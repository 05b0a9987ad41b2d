"""One message as it was heard: its words, what was read in it, and the replies to messages that are no words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.distress import Reader
from bot.effects import Assess, Assessment, Inbound, Progress, RaiseAlert, RaiseTask
from bot.language import OTHER, Identified, is_broken
from bot.replies import CRISIS_EVERY, ONCE_A_DAY, Form, Talk, by_first_word, contains_any, spoken
from bot.text import tokens
from content.schema import Level, Pack, Words

REASK_EVERY = timedelta(minutes=1)
NOTED_EVERY = timedelta(hours=1)
SHORT = 4  # words
# Stop words that, beside others, may be about anything: "the end", "c'est la fin".
_ALSO_OF_LIFE = frozenset({"end", "quit", "cancel", "remove", "fin", "annuler"})


@dataclass(frozen=True, slots=True, eq=False)
class _SmallWords:
    """What all languages of a person's site say in passing, of all lists together."""

    pack: Pack
    fine: frozenset[Form]
    thanks: frozenset[Form]
    end_requests: Mapping[str, tuple[Form, ...]]  # by their first word
    stops: frozenset[str]


_kept: dict[tuple[int, tuple[str, ...]], _SmallWords] = {}
_MOST_KEPT = 200  # of a pack: one for each site and language


def _small_words(pack: Pack, languages: tuple[str, ...]) -> _SmallWords:
    # Kept by the pack's identity (and the pack alive with it): hashing its phrases costs more than reading the message.
    found = _kept.get((id(pack), languages))
    if found is None:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        lists = [pack.words[code] for code in dict.fromkeys(languages) if code in pack.words]
        stops = {form for words in lists for form in spoken(words.commands.get("stop", ())) if len(form) == 1}
        found = _kept[id(pack), languages] = _SmallWords(
            pack,
            frozenset(form for words in lists for form in spoken(words.fine)),
            frozenset(form for words in lists for form in spoken(words.thanks)),
            by_first_word(form for words in lists for form in spoken(words.end_requests)),
            frozenset(word for (word,) in stops) - _ALSO_OF_LIFE,
        )
    return found


class Heard:
    """What every step of a turn works with. Steps add to `talk`; nothing else changes."""

    def __init__(
        self,
        message: Inbound,
        read: Assessment,
        heard: Identified,
        talk: Talk,
        progress: Progress | None,
        reader: Reader,
        pending: str,
    ) -> None:
        self.text = message.text
        self.media = message.media
        self.is_call = message.is_call
        self.read = read
        self.heard = heard
        self.talk = talk
        self.person = talk.person
        self.pack = talk.pack
        self.progress = progress
        self.reader = reader
        self.pending = pending
        self.words = tokens(message.text)

    def _their_language(self) -> str:
        """The language in which they cried for help, if we can answer in it: of a short cry the lists say which."""
        is_told = self.heard.is_clear or self.heard.is_partly(self.person.language)
        if is_told or self.read.language not in self.pack.languages:
            return self.talk.language
        return self.read.language

    def _lists(self) -> Iterator[Words]:
        """How each language of the site is read, and the one they write in, the person's own first."""
        for language in dict.fromkeys((self.person.language, self.talk.language, *self.person.languages)):
            words = self.pack.words.get(language)
            if words is not None:
                yield words

    def _small_words(self) -> "_SmallWords":
        return _small_words(self.pack, (self.person.language, *self.person.languages))

    def _is_greeting(self) -> bool:
        return tuple(self.words) in self._small_words().thanks

    def _is_small_talk(self) -> bool:
        said, small = tuple(self.words), self._small_words()
        return said in small.fine or said in small.thanks

    def _asks_to_end(self) -> bool:
        """A sentence about messages, or a short one with STOP and other words in it: asked about, never obeyed."""
        small = self._small_words()
        if contains_any(self.words, small.end_requests):
            return True
        return 1 < len(self.words) <= SHORT and not small.stops.isdisjoint(self.words)

    def _note_signals(self) -> None:
        if self.read.level is Level.ELEVATED:
            self.talk.add(RaiseAlert(self.read))
        elif self.read.level is Level.PRACTICAL:
            self.talk.add(Assess(self.read), RaiseTask("practical", due_hours=72))

    def _acknowledge(self) -> None:
        """Answers what is hard but no danger; `_note_signals` has passed it on."""
        if self.read.level is Level.ELEVATED:
            self.talk.say("distress", every=CRISIS_EVERY, language=self._their_language())
        elif self.read.level is Level.PRACTICAL:
            self.talk.say("practical", every=NOTED_EVERY)

    def _special(self) -> bool:
        """Messages that are no words, or words about the messages themselves. True: dealt with."""
        if self.media and not self.words:
            self.talk.say("media", every=REASK_EVERY)
        elif not self.text.strip():
            self.talk.say("empty", every=REASK_EVERY)
        elif self._asks_to_end():
            self.talk.add(RaiseTask("confirm_stop", due_hours=72))
            self.talk.say("stop_question", every=REASK_EVERY)
            self.talk.expect("stop", for_hours=24)
        elif self.read.level is Level.NONE and self._is_unreadable():
            self.talk.add(RaiseTask("read_message", due_hours=24, once_per="message"))
            self.talk.say("unreadable", every=ONCE_A_DAY)
        else:
            return False
        return True

    def _is_unreadable(self) -> bool:
        """Whether nobody here can have understood it: a person tries, and it is never taken for "fine"."""
        if not self.words or is_broken(self.text) or self.heard.language == OTHER:
            return True
        known = dict.fromkeys((self.talk.language, *self.person.languages))
        return not self.reader.is_readable(self.text, tuple(known))
