"""A message inside a check-in: the answer it gives, or what is said to somebody who gave none."""

from dataclasses import replace

from bot import checkin as steps
from bot.answers import read_answer
from bot.effects import Assess, Assessment, EndSession, Progress, RaiseAlert, RaiseTask, Say, SetConsent, StoreAnswer
from bot.heard import NOTED_EVERY, REASK_EVERY, Heard
from bot.overtime import Past, gravest, kept, kept_sums, read_answer_over_time, read_sums_over_time
from bot.replies import CRISIS_EVERY, danger_key, spoken
from bot.scores import read_scores, read_value
from content.schema import Checkin, Level, Question

LONG = 160  # characters: more than one SMS is a story; no digit in it is an answer, and a person reads it
WORDY = 3  # letters


class Asking(Heard):
    """The steps that deal with the question a session waits for."""

    def _answered(self, checkin: Checkin, question: Question) -> bool:
        if len(self.text) > LONG and question.kind != "text":
            return False
        # "Good morning" and "God is good" are said in any state (DOMAIN 6.0 rule 2); "fine. stop" is a request.
        if question.kind != "text" and (self._is_greeting() or self._asks_to_end()):
            return False
        if self._corrected(checkin):
            return True
        value = self._value(checkin, question, self.text)
        if value is None:
            return False
        self._take_answer(checkin, question, value)
        return True

    def _value(self, checkin: Checkin, question: Question, text: str) -> str | float | None:
        """The answer as the session's language reads it, else as another language of the site does."""
        if self.progress is None:
            return None
        own = (self.progress.language, self.person.language, self.talk.language)
        for language in dict.fromkeys((*own, *self.person.languages)):
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
                today=self.talk.now.date(),
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
        signal = self._signal_in(checkin, self.progress, question, value)
        if signal is not None and (signal.level, signal.route) == (self.read.level, self.read.route):
            # "Please help me" says by its words and as an answer the same: one alert, with both reasons.
            signal = gravest((self.read, signal))
        else:
            self._note_signals()
        progress = steps.answered(self.progress, question, value)
        self.talk.add(StoreAnswer(question.id, value, progress.scores.get(question.id)))
        if question.consent and value in ("yes", "no"):
            self.talk.add(SetConsent(question.consent, value == "yes"))
        has_replied = self._act_on(signal)
        if self.read.level is Level.ELEVATED and (signal is None or signal.level < Level.ELEVATED):
            self._acknowledge()
        self._go_on(checkin, progress, has_replied=has_replied)

    def _signal_in(
        self, checkin: Checkin, progress: Progress, question: Question, value: str | float
    ) -> Assessment | None:
        """What the answer means by itself and beside the person's own earlier ones, which it joins."""
        past = self._past(checkin, progress)
        signal = gravest((read_value(checkin.id, question, value), *read_answer_over_time(past, question, value)))
        self.talk.memory = replace(self.talk.memory, history=kept(past, question, value))
        return self.talk.among_earlier(signal) if signal is not None else None

    def _signal_in_sums(self, checkin: Checkin, progress: Progress) -> Assessment | None:
        past = self._past(checkin, progress)
        found = gravest((read_scores(checkin, progress.scores, self.person.country), *read_sums_over_time(past)))
        self.talk.memory = replace(self.talk.memory, history=kept_sums(past))
        return self.talk.among_earlier(found) if found is not None else None

    def _past(self, checkin: Checkin, progress: Progress) -> Past:
        return Past(checkin, progress, self.talk.memory.history, self.talk.over_time, self.person.country)

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
        following = self._next(checkin, progress)
        if following.question and has_replied:  # after danger nothing more is asked, until they write again
            self.talk.add(steps.keep(checkin, replace(following, tries=steps.NOT_ASKED), self.talk.now))
            return
        if following.question:
            self.talk.add(steps.keep(checkin, following, self.talk.now))
            self._ask(checkin, following)
            return
        has_replied = self._act_on(self._signal_in_sums(checkin, following)) or has_replied
        if not has_replied:
            self.talk.say(self._thanks(checkin, following), language=self._tongue(checkin, following))
        self.talk.add(EndSession(following, "done"))

    def _next(self, checkin: Checkin, progress: Progress) -> Progress:
        return steps.next_step(checkin, progress, is_private=self.person.phone_kind == "private")

    def _ask(self, checkin: Checkin, progress: Progress) -> None:
        language = self._tongue(checkin, progress)
        for text, delay in steps.parts(self.pack.text(checkin.id, progress.question, language)):
            self.talk.add(Say(text, steps.question_key(progress), delay=delay))

    def _tongue(self, checkin: Checkin, progress: Progress) -> str:
        """The session's language, or the one they write in just now if the check-in and this question speak it."""
        spoken = self.talk.language
        if spoken in (progress.language, self.person.language) or spoken not in checkin.languages:
            return progress.language
        question = checkin.question(progress.question)
        if question is not None and question.languages and spoken not in question.languages:
            return progress.language
        return spoken

    def _thanks(self, checkin: Checkin, progress: Progress) -> str:
        """Thanks that know the first answer, where the pack has such a phrase."""
        own = f"thanks_{checkin.id}_{progress.answers.get(checkin.questions[0].id, '')}"
        return own if (own, "en") in self.pack.phrases else "thanks"

    def _unclear(self, checkin: Checkin, question: Question) -> None:
        """In a check-in, but no answer to it. Asked again at most twice and at most once a minute, then moved on."""
        progress = self.progress
        if progress is None or self._special():
            return
        if self.read.level > Level.NONE:
            # They told us something hard: it is answered as that, and the question waits for the reminder.
            self._acknowledge()
        elif len(self.text) > LONG:
            self.talk.add(RaiseTask("read_message", due_hours=24, once_per="message"))
            self.talk.say("noted", every=NOTED_EVERY)
        else:
            self._ask_again_or_move_on(checkin, question, progress)

    def _ask_again_or_move_on(self, checkin: Checkin, question: Question, progress: Progress) -> None:
        is_last_try = progress.tries >= steps.MOST_REASKS and not self.talk.was_said("reask", REASK_EVERY)
        has_words = any(len(word) >= WORDY and word.isalpha() for word in self.words) and not self._is_small_talk()
        if has_words or is_last_try:
            # Words that are no answer may still be a cry the lists do not hear: a person reads each of them.
            self.talk.add(RaiseTask("read_message", due_hours=24, once_per="message"))
        if self.talk.was_said("reask", REASK_EVERY):
            return
        if progress.tries < steps.MOST_REASKS:
            self._reask(checkin, question, progress)
        else:
            self.talk.say("moved_on", language=self._tongue(checkin, progress))
            following = self._next(checkin, progress)
            self._go_on(checkin, progress, has_replied=not following.question)

    def _reask(self, checkin: Checkin, question: Question, progress: Progress) -> None:
        tried = replace(progress, tries=progress.tries + 1)
        language = self._tongue(checkin, progress)
        asked = self.pack.text(checkin.id, question.id, language)
        self.talk.say(f"reask_{tried.tries}", language=language, help=asked.help)
        self.talk.remember("reask")
        self.talk.add(steps.keep(checkin, tried, self.talk.now))

    def _resume(self, checkin: Checkin, question: Question) -> None:
        """The next question has not been asked yet, because what came before was danger: now it may be."""
        progress = self.progress
        if progress is None or self._special():
            return
        if self.read.level > Level.NONE:
            self._acknowledge()
            return
        language = self._tongue(checkin, progress)
        asked = self.pack.text(checkin.id, question.id, language)
        if asked.before:
            self._ask(checkin, progress)
        else:
            self.talk.say("resume", language=language, question=asked.text)
        self.talk.add(steps.keep(checkin, replace(progress, tries=0), self.talk.now))
