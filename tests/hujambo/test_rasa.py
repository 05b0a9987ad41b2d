"""Asking Rasa: what it hears counts, and whatever becomes of it the local classifier reads, for all to see."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from structlog.testing import capture_logs

from bot.distress import Reader
from bot.effects import Opinion
from content.pack import load_pack
from content.schema import Level
from content.training import Limits, Sentence, Training, load_intents
from hujambo.rasa import client
from hujambo.rasa.client import Blocking, Rasa, checked_url
from hujambo.rasa.interpreter import candidates, find, is_python_310
from hujambo.rasa.project import project_files, write_project
from tests.hujambo.rasas import PretendRasa, pretend_rasa

LIMITS = {"*": Limits(0.5, 0.5, 0.5, 0.5)}
LOCAL = Opinion(Level.ELEVATED, "distress", 0.6)
INSTEAD = Opinion(Level.ELEVATED, "distress", 0.6, by="local", instead_of="rasa")
HEARD = Opinion(Level.HIGH, "self_harm", pytest.approx(0.9), by="rasa")  # type: ignore[arg-type]
PATIENCE = 0.2


class Local:
    """A local classifier of one opinion."""

    def classify(self, _text: str, _language: str) -> Opinion:
        return LOCAL


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
async def server() -> AsyncIterator[PretendRasa]:
    async with pretend_rasa() as running:
        yield running


@pytest.fixture
async def rasa(server: PretendRasa, seconds: Seconds) -> AsyncIterator[Rasa]:
    opened = Rasa(server.url, Local(), load_intents(), LIMITS, patience=PATIENCE, clock=seconds)
    yield opened
    await opened.close()


async def opinion(rasa: Rasa, text: str) -> Opinion:
    return (await rasa.ask(text))("en")


def counted(rasa: Rasa) -> dict[str, int]:
    return {name: number for name, number in rasa.counts.items() if number}


async def test_what_rasa_hears_is_the_opinion(rasa: Rasa, server: PretendRasa) -> None:
    assert await opinion(rasa, "I want to DIE") == HEARD
    assert await opinion(rasa, "the market was good") == Opinion(Level.NONE, "none", 0.0, by="rasa")
    assert server.asked == ["i want to die", "the market was good"]
    assert (rasa.degraded(), counted(rasa)) == ([], {"answered": 2})


async def test_a_single_word_is_not_asked_about(rasa: Rasa, server: PretendRasa) -> None:
    assert await opinion(rasa, "die") == Opinion(Level.NONE, "none", 0.0, by="rasa")
    assert server.asked == []


async def test_a_cry_inside_a_long_story_is_heard_and_no_more_is_asked_at_once_than_agreed(
    server: PretendRasa, seconds: Seconds
) -> None:
    story = ". ".join(f"the goat number {at} is well" for at in range(12))
    # How long a busy machine takes for so many questions is not what is tested here.
    rasa = Rasa(server.url, Local(), load_intents(), LIMITS, patience=client.UNHURRIED, clock=seconds)
    try:
        assert (await opinion(rasa, f"{story}. i want to die. {story}")).level is Level.HIGH
    finally:
        await rasa.close()
    assert len(server.asked) > 30
    assert 1 < server.most_together <= client.AT_ONCE


@pytest.mark.parametrize(
    ("mood", "fault", "said"),
    [
        ("error", "status", "refuses to answer"),
        ("elsewhere", "status", "refuses to answer"),
        ("nonsense", "nonsense", "answers like one that was not trained on this content"),
        ("endless", "nonsense", "answers like one that was not trained on this content"),
        ("other content", "nonsense", "answers like one that was not trained on this content"),
        ("slow", "timeout", "does not answer in time"),
    ],
)
async def test_whatever_becomes_of_rasa_the_local_classifier_reads_and_it_is_said_once(
    rasa: Rasa, server: PretendRasa, seconds: Seconds, mood: str, fault: str, said: str
) -> None:
    server.mood = mood
    with capture_logs() as logs:
        assert await opinion(rasa, "i want to die") == INSTEAD
        asked = len(server.asked)
        assert await opinion(rasa, "i still want to die") == INSTEAD  # left alone for a while
        assert len(server.asked) == asked
        seconds.now += client.RETRY
        assert await opinion(rasa, "i want to die") == INSTEAD
        assert len(server.asked) == asked + 1
    assert [(entry["log_level"], entry["fault"]) for entry in logs] == [("warning", fault)]
    assert rasa.degraded() == [f"Rasa {said}: the local classifier reads instead"]
    assert counted(rasa) == {fault: 2, "away": 1}


async def test_a_rasa_that_is_not_there_is_done_without(seconds: Seconds) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        rasa = Rasa(f"http://127.0.0.1:{nobody.getsockname()[1]}", Local(), load_intents(), LIMITS, clock=seconds)
        assert await opinion(rasa, "i want to die") == INSTEAD
    await rasa.close()
    assert (rasa.fault, counted(rasa)) == ("unreachable", {"unreachable": 1})


async def test_it_is_asked_again_when_it_answers_again(rasa: Rasa, server: PretendRasa, seconds: Seconds) -> None:
    server.mood = "error"
    await rasa.look()
    assert rasa.fault == "status"
    server.mood = "well"
    with capture_logs() as logs:
        await rasa.look()
    assert ([entry["event"] for entry in logs], rasa.degraded()) == (["rasa answers again"], [])
    assert await opinion(rasa, "i want to die") == HEARD
    assert counted(rasa) == {"answered": 1}  # looking is not reading


async def test_what_rasa_heard_before_its_time_was_up_is_not_thrown_away(rasa: Rasa, server: PretendRasa) -> None:
    server.mood = "slow of calm"
    found = await opinion(rasa, "good morning to you. i want to die")
    assert (found.level, found.route, found.by, found.instead_of) == (Level.HIGH, "self_harm", "rasa", "rasa")
    assert (counted(rasa), rasa.degraded()) == ({"timeout": 1}, [])  # it answers, only not everything: no outage


async def test_who_comes_when_too_many_wait_is_read_here_at_once(
    rasa: Rasa, server: PretendRasa, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MOST_WAITING", 1)
    server.mood = "slow"
    first = asyncio.create_task(rasa.ask("i want to die"))
    await server.is_asked.wait()
    assert await opinion(rasa, "i want to die") == INSTEAD
    server.goes_on.set()
    assert (await first)("en") == HEARD
    assert counted(rasa) == {"busy": 1, "answered": 1}


async def test_one_message_that_is_given_up_leaves_nothing_waiting(rasa: Rasa, server: PretendRasa) -> None:
    server.mood = "slow"
    task = asyncio.create_task(rasa.ask("i want to die"))
    await server.is_asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    server.mood = "well"
    assert await opinion(rasa, "i want to die") == HEARD


def test_staff_see_that_the_local_classifier_read() -> None:
    reader, pack = Reader(load_pack()), load_pack()
    read = reader.assess("the market was nice", "en", pack.languages, INSTEAD)
    assert (read.level, [(reason.code, reason.detail) for reason in read.reasons]) == (
        Level.ELEVATED,
        [("classifier", "local: distress 60%"), ("fallback", "rasa: no answer; read by: local")],
    )
    asked = reader.assess("the market was nice", "en", pack.languages, Opinion(Level.ELEVATED, "distress", 0.6, "rasa"))
    assert [reason.code for reason in asked.reasons] == ["classifier"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:5005", "http://[::1]:5005/", "https://rasa.example.org/nlu"])
def test_an_address_that_nobody_can_listen_in_on_is_taken(url: str) -> None:
    assert checked_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "rasa",
        "ftp://127.0.0.1",
        "http://10.0.0.7:5005",
        "http://rasa:5005",
        "http://u:p@127.0.0.1",
        "https://x/?a=1",
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected an address|must begin with https"):
        checked_url(url)


def test_commands_ask_one_message_after_the_other() -> None:
    """Its own event loop: the pretend Rasa runs in the same one."""
    from tests.hujambo.rasas import in_thread

    with in_thread() as server, Blocking(Rasa(server.url, Local(), load_intents(), LIMITS)) as asked:
        assert [asked.classify(text, "en").level for text in ("i want to die", "good day to you")] == [
            Level.HIGH,
            Level.NONE,
        ]
        assert counted(asked.rasa) == {"answered": 2}


# --- its project


def _training(*sentences: tuple[str, str]) -> Training:
    said = tuple(Sentence(text, "en", intent) for text, intent in sentences)
    return Training(load_intents(), said, {}, "")


def test_the_project_holds_what_the_content_says_in_the_form_in_which_it_is_asked(tmp_path: Path) -> None:
    sentences = [
        ("I want to [die](now)!", "self_harm"),
        ("i WANT to die now", "self_harm"),
        ("Hi: #3", "everyday"),
        ("!", "trap"),
    ]
    digest = write_project(_training(*sentences), tmp_path)
    nlu = yaml.safe_load((tmp_path / "data" / "nlu.yml").read_text(encoding="utf-8"))
    assert nlu == {
        "version": "3.1",
        "nlu": [
            {"intent": "self_harm", "examples": "- i want to die now\n"},
            {"intent": "everyday", "examples": "- hi 3\n"},
        ],
    }
    assert yaml.safe_load((tmp_path / "domain.yml").read_text())["intents"] == ["self_harm", "everyday"]
    config: Any = yaml.safe_load((tmp_path / "config.yml").read_text())
    assert config["pipeline"][-1]["ranking_length"] == 0  # a ranking that is cut short would be taken for nonsense
    assert write_project(_training(*sentences), tmp_path) == digest
    assert write_project(_training(*sentences, ("more of it", "everyday")), tmp_path) != digest


def test_every_intent_of_the_content_is_taught() -> None:
    from content.training import load_training

    assert set(yaml.safe_load(project_files(load_training())["domain.yml"])["intents"]) == set(load_intents())


# --- its Python


def _python(folder: Path, name: str, code: int) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\nexit {code}\n")
    file.chmod(0o755)
    return file


def test_the_nearest_python_3_10_that_works_is_taken(tmp_path: Path) -> None:
    broken = _python(tmp_path, "bin/python3.10", 127)  # a shim of pyenv's that leads nowhere
    good = _python(tmp_path, ".pyenv/versions/3.10.13/bin/python", 0)
    _python(tmp_path, ".pyenv/versions/3.11.7/bin/python", 0)
    place = {"HOME": str(tmp_path), "PATH": f"{broken.parent}:/bin"}
    assert [path for path, _ in zip(candidates(place), range(2), strict=False)] == [str(broken), str(good)]
    assert find(place) == str(good)


def test_a_python_that_was_named_is_the_only_one_tried(tmp_path: Path) -> None:
    _python(tmp_path, ".pyenv/versions/3.10.13/bin/python", 0)
    place = {"HOME": str(tmp_path), "PATH": os.defpath, "PYTHON310": str(tmp_path / "nowhere")}
    assert find(place) is None
    assert not is_python_310(str(tmp_path / "nowhere"))
