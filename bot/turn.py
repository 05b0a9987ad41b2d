"""One message and all that follows from it; one timer and all that follows from it. Pure: effects out, nothing done.

The order is the policy. Every message is read for danger first, whoever wrote it and whatever is going on: from a
stranger, a child, after STOP, while staff are talking. Only then is it a command, an answer, or something to reply to.

After STOP a person gets no reply to ordinary messages, for that is what they asked for; what they write is still read.
Danger opens an alert and gets the one reply that says so, as does a request to be called: silence towards a cry for
help would be worse than one message too many, and it answers what they themselves just sent.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from bot import checkin as steps
from bot.answers import read_answer
from bot.commands import Command, read_command
from bot.distress import Reader
from bot.effects import (
    Assess,
    Assessment,
    ChangeLanguage,
    Effect,
    EndSession,
    Inbound,
    KeepProgress,
    Memory,
    OptIn,
    OptOut,
    Person,
    Progress,
    RaiseAlert,
    RaiseTask,
    Reason,
    Say,
    StoreAnswer,
    Turn,
)
from bot.replies import CRISIS_EVERY, ONCE_A_DAY, Talk, contains, danger_key, phrased, spoken, whole
from bot.scores import read_scores, read_value
from bot.text import tokens
from content.schema import Checkin, Level, Pack, Question, Words

REASK_EVERY = timedelta(minutes=1)
NOTED_EVERY = timedelta(hours=1)
LONG = 160  # characters: more than one SMS is a story; no digit in it is an answer, and a person reads it
_CALL = "call_me"


def take_turn(
    message: Inbound,
    person: Person,
    progress: Progress | None,
    memory: Memory,
    pack: Pack,
    reader: Reader,
    now: datetime,
) -> Turn:
    """All that follows from one message, in the order in which it happens."""
    talk = Talk(person, memory, pack, now)
    read = reader.assess(message.text, person.language, person.languages)
    until = memory.pending_until
    pending = memory.pending if until is not None and now < until else ""
    if memory.pending:
        talk.expect("", 0)
    turn = _Message(message, read, talk, progress, reader, pending)
    assessment = turn.decide()
    return Turn(tuple(talk.effects), talk.memory, assessment)


class _Message:
    """One message on its way through the policy; every `_…` step either deals with it or lets it pass."""

    def __init__(
        self, message: Inbound, read: Assessment, talk: Talk, progress: Progress | None, reader: Reader, pending: str
    ) -> None:
        self.text = message.text
        self.media = message.media
        self.read = read
        self.talk = talk
        self.person = talk.person
        self.pack = talk.pack
        self.progress = progress
        self.reader = reader
        self.pending = pending
        self.words = tokens(message.text)

    def decide(self) -> Assessment:
        if self._is_duress():
            return self._duress()
        if self.read.is_danger:
            return self._danger()
        command = read_command(self.text, self.pack, self.person.language)
        if not self._obeyed(command):
            self._converse()
        return self.read

    # --- danger ---

    def _is_duress(self) -> bool:
        return bool(self.person.duress_word) and contains(self.words, tokens(self.person.duress_word))

    def _duress(self) -> Assessment:
        """Somebody forces them to write: what they see must be what they would see on any other day."""
        assessment = Assessment(Level.IMMINENT, "threat", (Reason("duress"), *self.read.reasons), self.read.language)
        self.talk.add(RaiseAlert(assessment))
        if not self.person.is_held and not self.person.opted_out:
            self.talk.say("duress")
        return assessment

    def _danger(self) -> Assessment:
        says_age = any(reason.code == "age" for reason in self.read.reasons)
        assessment = self.read
        if self.person.is_minor and assessment.route != "child":
            assessment = replace(
                assessment, route="child", reasons=(*assessment.reasons, Reason("minor", f"read as {assessment.route}"))
            )
        self.talk.add(RaiseAlert(assessment))
        if not self.person.is_held:
            key = danger_key(self.pack, self.read.route, self.person)
            if says_age and self.read.route == "child":
                key = "minor"
            self.talk.say(key, every=CRISIS_EVERY, language=self._their_language(), purpose="crisis")
        # A session is paused as it stands, and goes on when they answer. A child is asked nothing more at all.
        if self.progress is not None and (says_age or self.person.is_minor):
            self.talk.add(EndSession(self.progress, "stopped"))
        return assessment

    def _their_language(self) -> str:
        """The language in which they cried for help, if we can answer in it."""
        spoken = self.read.language
        return spoken if spoken in self.pack.languages else self.person.language

    # --- commands ---

    def _obeyed(self, command: Command | None) -> bool:
        if command is None:
            return self.pending == "stop" and self.progress is None and self._is_yes() and self._stop()
        match command.name:
            case "stop":
                return self._stop()
            case "start":
                return self._start()
            case "help":
                return self._help()
            case "language":
                return self._change_language(command.language)
            case _:
                return self._call_me()

    def _is_yes(self) -> bool:
        words = self.pack.words[self.person.language]
        answer = read_answer("yesno", self.text, question=None, options={}, words=words, minimum=None, maximum=None)
        return answer.value == "yes"

    def _stop(self) -> bool:
        if self.progress is not None:
            self.talk.add(EndSession(self.progress, "stopped"))
        if self.person.has_open_alert:
            # "Stop" from somebody in danger is content before it is an opt-out: a person asks what they mean.
            self.talk.add(RaiseTask("stop_in_alert", due_hours=1))
            if not self.person.is_held:
                self.talk.say("stop_later", every=CRISIS_EVERY)
        elif not self.person.opted_out:
            self.talk.add(OptOut())
            self.talk.say("stopped")
            if self.person.enrolled:
                self.talk.add(RaiseTask("opted_out", due_hours=72))
        return True

    def _start(self) -> bool:
        if not self.person.opted_out:
            return self._help()
        self.talk.add(OptIn())
        self.talk.say("started")
        return True

    def _help(self) -> bool:
        if not self.person.is_held:
            self.talk.say("help", every=REASK_EVERY)
        return True

    def _change_language(self, language: str) -> bool:
        self.talk.add(ChangeLanguage(language))
        if self.person.is_held or self.person.opted_out:
            return True
        self.talk.say("language_changed", language=language)
        asked = steps.current_question(self.pack, self.progress)
        if asked is not None and self.progress is not None and language in asked[0].languages:
            self.progress = replace(self.progress, language=language)
            self.talk.add(steps.keep(asked[0], self.progress, self.talk.now))
            self._ask(asked[0], self.progress)
        return True

    def _call_me(self) -> bool:
        """A wish to talk is never refused. In a check-in that offers a call it is the answer to its question."""
        asked = steps.current_question(self.pack, self.progress)
        if asked is not None and self._may_answer() and any(option.value == _CALL for option in asked[1].options):
            self._take_answer(*asked, _CALL)
            return True
        self.talk.add(RaiseAlert(Assessment(Level.ELEVATED, "distress", (Reason("call_me"),), self.person.language)))
        if not self.person.is_held:
            self.talk.say("call_me", every=CRISIS_EVERY)
        return True

    # --- conversation ---

    def _may_answer(self) -> bool:
        person = self.person
        return person.enrolled and not (person.is_minor or person.is_held or person.opted_out)

    def _converse(self) -> None:
        if self._may_answer():
            self._converse_with_participant()
            return
        self._note_signals()
        if self.person.is_held:
            return
        if self.person.opted_out:
            if self.read.level < Level.ELEVATED and not self._is_small_talk():
                self.talk.add(RaiseTask("read_message", due_hours=72))
        elif self.person.is_minor and self.person.enrolled:
            if self.progress is not None:
                self.talk.add(EndSession(self.progress, "stopped"))
            self.talk.add(RaiseTask("read_message", due_hours=24))
            self.talk.say("minor", every=ONCE_A_DAY)
        else:
            self.talk.add(RaiseTask("unknown_number", due_hours=24))
            self.talk.say("stranger", every=ONCE_A_DAY)

    def _converse_with_participant(self) -> None:
        asked = steps.current_question(self.pack, self.progress)
        if asked is None:
            self._note_signals()
            if self.progress is not None:  # its question is no longer in the pack
                self.talk.add(EndSession(self.progress, "stopped"))
            self._outside()
        elif not steps.is_asked_yet(self.progress):
            self._note_signals()
            self._resume(*asked)
        elif not self._answered(*asked):
            self._note_signals()
            self._unclear(*asked)

    def _note_signals(self) -> None:
        if self.read.level is Level.ELEVATED:
            self.talk.add(RaiseAlert(self.read))
        elif self.read.level is Level.PRACTICAL:
            self.talk.add(Assess(self.read), RaiseTask("practical", due_hours=72))

    def _is_small_talk(self) -> bool:
        said = tuple(self.words)
        return any(said in whole(words.fine) or said in whole(words.thanks) for words in self._lists())

    def _lists(self) -> Iterator[Words]:
        """How each language of the site is read, the person's own first."""
        for language in dict.fromkeys((self.person.language, *self.person.languages)):
            words = self.pack.words.get(language)
            if words is not None:
                yield words

    # --- answers ---

    def _answered(self, checkin: Checkin, question: Question) -> bool:
        if len(self.text) > LONG and question.kind != "text":
            return False
        if self._corrected(checkin):
            return True
        value = self._value(checkin, question, self.text)
        if value is None:
            return False
        if self.read.level > Level.NONE:
            self._note_signals()
        self._take_answer(checkin, question, value)
        return True

    def _value(self, checkin: Checkin, question: Question, text: str) -> str | float | None:
        """The answer as the session's language reads it, else as another language of the site does."""
        if self.progress is None:
            return None
        for language in dict.fromkeys((self.progress.language, self.person.language, *self.person.languages)):
            words = self.pack.words.get(language)
            if words is None:
                continue
            answer = read_answer(
                question.kind,
                text,
                question=question,
                options=self.pack.text(checkin.id, question.id, language).options,
                words=words,
                minimum=question.minimum,
                maximum=question.maximum,
            )
            if answer.value is not None:
                return answer.value
        return None

    def _corrected(self, checkin: Checkin) -> bool:
        """ "1", then "sorry 2": the second mends the first and does not answer the question that came between."""
        progress = self.progress
        if progress is None or not progress.answers:
            return False
        phrases = (phrase for words in self._lists() for phrase in spoken(words.corrections))
        before = next((phrase for phrase in phrases if tuple(self.words[: len(phrase)]) == phrase), None)
        last = steps.last_answered(checkin, progress)
        if before is None or last is None:
            return False
        value = self._value(checkin, last, " ".join(self.words[len(before) :]))
        if value is None:
            return False
        self.progress = steps.reopened(progress, last)
        self._take_answer(checkin, last, value)
        return True

    def _take_answer(self, checkin: Checkin, question: Question, value: str | float) -> None:
        if self.progress is None:
            return
        progress = steps.answered(self.progress, question, value)
        self.talk.add(StoreAnswer(question.id, value, progress.scores.get(question.id)))
        signal = read_value(question, value)
        has_replied = self._act_on(signal)
        if signal is None and self.read.level is Level.ELEVATED:
            self.talk.say("distress", every=CRISIS_EVERY, language=self._their_language())
        self._go_on(checkin, progress, has_replied=has_replied)

    def _act_on(self, signal: Assessment | None) -> bool:
        """What an answer or a sum means. True if it was danger and got its own reply."""
        if signal is None:
            return False
        if signal.level < Level.ELEVATED:
            self.talk.add(Assess(signal), RaiseTask("practical", due_hours=72))
            return False
        self.talk.add(RaiseAlert(signal))
        if not signal.is_danger:
            return False
        self.talk.say(danger_key(self.pack, signal.route, self.person), every=CRISIS_EVERY, purpose="crisis")
        return True

    def _go_on(self, checkin: Checkin, progress: Progress, *, has_replied: bool = False) -> None:
        following = steps.next_step(checkin, progress)
        if following.question and has_replied:  # after danger nothing more is asked, until they write again
            self.talk.add(steps.keep(checkin, replace(following, tries=steps.NOT_ASKED), self.talk.now))
            return
        if following.question:
            self.talk.add(steps.keep(checkin, following, self.talk.now))
            self._ask(checkin, following)
            return
        has_replied = self._act_on(read_scores(checkin, following.scores)) or has_replied
        if not has_replied:
            self.talk.say(self._thanks(checkin, following), language=following.language)
        self.talk.add(EndSession(following, "done"))

    def _ask(self, checkin: Checkin, progress: Progress) -> None:
        text = self.pack.text(checkin.id, progress.question, progress.language).text
        self.talk.add(Say(text, steps.question_key(progress)))

    def _thanks(self, checkin: Checkin, progress: Progress) -> str:
        """Thanks that know the first answer, where the pack has such a phrase."""
        own = f"thanks_{checkin.id}_{progress.answers.get(checkin.questions[0].id, '')}"
        return own if (own, "en") in self.pack.phrases else "thanks"

    # --- what is no answer ---

    def _unclear(self, checkin: Checkin, question: Question) -> None:
        """In a check-in, but no answer to it. Asked again at most twice and at most once a minute, then moved on."""
        progress = self.progress
        if progress is None or self._special():
            return
        if self.read.level is Level.ELEVATED:
            # They told us something hard: it is answered as that, and the question waits for another day.
            self.talk.say("distress", every=CRISIS_EVERY, language=self._their_language())
        elif len(self.text) > LONG:
            self.talk.add(RaiseTask("read_message", due_hours=24))
            self.talk.say("noted", every=NOTED_EVERY)
        elif self.talk.was_said("reask", REASK_EVERY):
            return
        elif progress.tries < steps.MOST_REASKS:
            self._reask(checkin, question, progress)
        else:
            self.talk.add(RaiseTask("read_message", due_hours=24))
            self.talk.say("moved_on", language=progress.language)
            following = steps.next_step(checkin, progress)
            self._go_on(checkin, progress, has_replied=not following.question)

    def _resume(self, checkin: Checkin, question: Question) -> None:
        """The next question has not been asked yet, because what came before was danger: now it may be."""
        progress = self.progress
        if progress is None or self._special():
            return
        if self.read.level is Level.ELEVATED:
            self.talk.say("distress", every=CRISIS_EVERY, language=self._their_language())
            return
        asked = self.pack.text(checkin.id, question.id, progress.language)
        self.talk.say("resume", language=progress.language, question=asked.text)
        self.talk.add(steps.keep(checkin, replace(progress, tries=0), self.talk.now))

    def _reask(self, checkin: Checkin, question: Question, progress: Progress) -> None:
        tried = replace(progress, tries=progress.tries + 1)
        asked = self.pack.text(checkin.id, question.id, progress.language)
        self.talk.say(f"reask_{tried.tries}", language=progress.language, help=asked.help)
        self.talk.remember("reask")
        self.talk.add(steps.keep(checkin, tried, self.talk.now))

    def _special(self) -> bool:
        """Messages that are no words, or words about the messages themselves. True: dealt with."""
        if self.media and not self.words:
            self.talk.add(RaiseTask("media", due_hours=24))
            self.talk.say("media", every=REASK_EVERY)
        elif not self.text.strip():
            self.talk.say("empty", every=REASK_EVERY)
        elif self._asks_to_end():
            self.talk.add(RaiseTask("confirm_stop", due_hours=72))
            self.talk.say("stop_question", every=REASK_EVERY)
            self.talk.expect("stop", for_hours=24)
        elif self.read.level is Level.NONE and not self.reader.is_readable(self.text, self.person.languages):
            self.talk.add(RaiseTask("read_message", due_hours=24))
            self.talk.say("unreadable", every=ONCE_A_DAY)
        else:
            return False
        return True

    def _asks_to_end(self) -> bool:
        return any(contains(self.words, request) for words in self._lists() for request in spoken(words.end_requests))

    def _outside(self) -> None:
        """Nobody asked them anything just now."""
        if self._special():
            return
        if self.media:
            self.talk.add(RaiseTask("media", due_hours=24))
        if self.read.level is Level.ELEVATED:
            self.talk.say("distress", every=CRISIS_EVERY, language=self._their_language())
        elif self.read.level is Level.PRACTICAL:
            self.talk.say("practical", every=NOTED_EVERY)
        elif self._is_small_talk():
            self.talk.say("fine_thanks", every=ONCE_A_DAY)
        else:
            self.talk.add(RaiseTask("read_message", due_hours=24))
            is_late_answer = not self.person.has_open_alert and len(self.words) <= 3 and _has_digit(self.words)
            self.talk.say("after_end" if is_late_answer else "noted", every=NOTED_EVERY)


def _has_digit(words: Iterable[str]) -> bool:
    return any(word.isdigit() for word in words)


# --- timers ---


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
    asked = pack.text(checkin.id, question.id, progress.language).text
    text = phrased(pack, "reminder", person, progress.language, question=asked)
    return (
        Say(text, "reminder", "reminder"),
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
    reason = Reason("silence", f"check-ins without any answer in a row: {missed + 1}")
    return (RaiseAlert(Assessment(Level.ELEVATED, "distress", (reason,), person.language)), task, ended)
