"""One message and all that follows from it. Pure: effects out, nothing done.

The order is the policy. Every message is read for danger first, whoever wrote it and whatever is going on: from a
stranger, a child, after STOP, while staff are talking. Only then is it a command, an answer, or something to reply to.

After STOP a person gets no reply to ordinary messages, for that is what they asked for; what they write is still read.
Danger opens an alert and gets the one reply that says so, as does a request to be called: silence towards a cry for
help would be worse than one message too many, and it answers what they themselves just sent.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from bot import checkin as steps
from bot.answers import read_answer
from bot.asking import Asking
from bot.commands import Command, read_command
from bot.distress import Reader
from bot.effects import (
    Assessment,
    ChangeLanguage,
    EndSession,
    Inbound,
    Memory,
    OptIn,
    OptOut,
    Person,
    Progress,
    RaiseAlert,
    RaiseTask,
    Reason,
    Turn,
)
from bot.heard import NOTED_EVERY, REASK_EVERY
from bot.replies import CRISIS_EVERY, ONCE_A_DAY, Talk, contains, danger_key
from bot.speaking import conversation_in, is_to_be_offered, offered
from bot.text import tokens
from bot.timers import time_passed
from content.schema import Level, Pack

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
    heard = reader.identify(message.text, person.language, person.languages)
    language, memory = conversation_in(heard, person, memory, pack, now)
    talk = Talk(person, memory, pack, now, language)
    read = talk.among_earlier(reader.assess(message.text, person.language, person.languages, message.opinion, heard))
    until = memory.pending_until
    pending = memory.pending if until is not None and now < until else ""
    if memory.pending:
        talk.expect("", 0)
    turn = _Message(message, read, heard, talk, progress, reader, pending)
    assessment = turn.decide()
    return Turn(tuple(talk.effects), talk.memory, assessment)


class _Message(Asking):
    """One message on its way through the policy; every `_…` step either deals with it or lets it pass."""

    def decide(self) -> Assessment:
        if self.is_call:
            return self._called()
        if self._is_duress():
            return self._duress()
        if self.read.is_danger:
            return self._danger()
        if self.media:  # only a person can look or listen
            self.talk.add(RaiseTask("media", due_hours=24))
        command = read_command(self.text, self.pack, self.person.language)
        if not self._obeyed(command):
            self._converse()
            self._offer_language()
        return self.read

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
            as_read = Reason("minor", f"read as {assessment.route}", {"route": assessment.route})
            assessment = replace(assessment, route="child", reasons=(*assessment.reasons, as_read))
        self.talk.add(RaiseAlert(assessment))
        if not self.person.is_held:
            key = danger_key(self.pack, self.read.route, self.person)
            if says_age and self.read.route == "child":
                key = "minor"
            if self.person.is_under_duress:
                # Whoever forces them reads along: a word of help now would give them away.
                self.talk.say("duress")
            else:
                self.talk.say(key, every=CRISIS_EVERY, language=self._their_language(), purpose="crisis")
        # A session is paused as it stands, and goes on when they answer. A child is asked nothing more at all.
        if self.progress is not None and (says_age or self.person.is_minor):
            self.talk.add(EndSession(self.progress, "stopped"))
        return assessment

    def _obeyed(self, command: Command | None) -> bool:
        if command is None:
            return self.progress is None and self._confirmed()
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

    def _confirmed(self) -> bool:
        """A yes to what was asked outside a check-in."""
        if self.pending not in ("stop", "language") or not self._is_yes():
            return False
        return self._stop() if self.pending == "stop" else self._change_language(self.talk.memory.spoken)

    def _is_yes(self) -> bool:
        for language in dict.fromkeys((self.talk.language, self.person.language)):
            words = self.pack.words[language]
            answer = read_answer("yesno", self.text, question=None, options={}, words=words, minimum=None, maximum=None)
            if answer.value is not None:
                return answer.value == "yes"
        return False

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
        self.talk.language = language
        if self.person.is_held or self.person.opted_out:
            return True
        self.talk.say("language_changed", language=language)
        asked = steps.current_question(self.pack, self.progress)
        if asked is not None and self.progress is not None and language in asked[0].languages:
            self.progress = replace(self.progress, language=language)
            self.talk.add(steps.keep(asked[0], self.progress, self.talk.now))
            self._ask(asked[0], self.progress)
        return True

    def _offer_language(self) -> None:
        """They have written twice in another language: it is offered once, and nothing changes unless they say so."""
        memory, person = self.talk.memory, self.person
        is_over = self.progress is None or any(isinstance(effect, EndSession) for effect in self.talk.effects)
        is_free = self._may_answer() and not person.has_open_alert and not memory.pending and is_over
        if is_free and is_to_be_offered(memory) and self.talk.language == memory.spoken:
            self.talk.say("offer_language")
            self.talk.memory = offered(self.talk.memory)
            self.talk.expect("language", for_hours=24)

    def _call_me(self) -> bool:
        """A wish to talk is never refused. In a check-in that offers a call it is the answer to its question."""
        asked = steps.current_question(self.pack, self.progress)
        if asked is not None and self._may_answer() and any(option.value == _CALL for option in asked[1].options):
            self._take_answer(*asked, _CALL)
            return True
        self._want_call("call_me")
        return True

    def _called(self) -> Assessment:
        """They rang and rang off, as people do who have no credit: the same wish, in no words, and no answer either."""
        if self.person.enrolled:
            # Under duress others hold the phone, and an answer to a call is one more thing that they can see.
            self._want_call("called", is_answered=not self.person.is_under_duress)
        else:
            self.talk.add(RaiseTask("unknown_number", due_hours=24, once_per="message"))
            if not (self.person.is_held or self.person.opted_out):
                self.talk.say("stranger", every=ONCE_A_DAY)
        return self.read

    def _want_call(self, how: str, *, is_answered: bool = True) -> None:
        self.talk.add(RaiseAlert(Assessment(Level.ELEVATED, "distress", (Reason(how),), self.person.language)))
        if is_answered and not self.person.is_held:
            self.talk.say("call_me", every=CRISIS_EVERY)

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
                self.talk.add(RaiseTask("read_message", due_hours=24, once_per="message"))
        elif self.person.is_minor and self.person.enrolled:
            if self.progress is not None:
                self.talk.add(EndSession(self.progress, "stopped"))
            self.talk.add(RaiseTask("read_message", due_hours=24, once_per="message"))
            self.talk.say("minor", every=ONCE_A_DAY)
        else:
            self.talk.add(RaiseTask("unknown_number", due_hours=24, once_per="message"))
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

    def _outside(self) -> None:
        """Nobody asked them anything just now."""
        if self._special():
            return
        if self.read.level > Level.NONE:
            self._acknowledge()
        elif self._is_small_talk():
            self.talk.say("fine_thanks", every=ONCE_A_DAY)
        else:
            self.talk.add(RaiseTask("read_message", due_hours=24, once_per="message"))
            is_late_answer = not self.person.has_open_alert and len(self.words) <= 3 and _has_digit(self.words)
            self.talk.say("after_end" if is_late_answer else "noted", every=NOTED_EVERY)


def _has_digit(words: Iterable[str]) -> bool:
    return any(word.isdigit() for word in words)


__all__ = ["take_turn", "time_passed"]
