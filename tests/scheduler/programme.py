"""A small programme for the planning tests: one check-in in three languages, no phrases but the reminder."""

from content.schema import Checkin, Option, Pack, Question, QuestionText

LANGUAGES = ("en", "fr", "sw")
TEXTS = {"en": "How are you? 1 fine 2 bad", "fr": "Ça va ? 1 bien 2 mal", "sw": "Hujambo? 1 sawa 2 shida"}
QUESTION = Question("mood", "choice", (Option("fine"), Option("bad")))
PACK = Pack(
    name="Test",
    version="1",
    languages=LANGUAGES,
    checkins={
        "weekly": Checkin("weekly", "1", (QUESTION,), LANGUAGES),
        "private": Checkin("private", "1", (QUESTION,), ("en",), private_only=True),
    },
    texts={
        (checkin, "mood", language): QuestionText(TEXTS[language], "1 or 2", {"fine": ("fine",), "bad": ("bad",)})
        for checkin in ("weekly", "private")
        for language in LANGUAGES
    },
    phrases={("reminder", "en"): "Still there? {question}"},
    words={},
    forbidden={},
)
