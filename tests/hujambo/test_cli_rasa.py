"""`--nlu rasa`: the commands ask Rasa, and say so when they could not."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hujambo.cli import main
from tests.hujambo.rasas import PretendRasa, in_thread


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendRasa]:
    with in_thread() as running:
        monkeypatch.setenv("HUJAMBO_RASA_URL", running.url)
        yield running


def _assess(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *texts: str) -> tuple[list[str], str]:
    """The reasons' codes of each line, and what stderr says."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(json.dumps({"text": text}) + "\n" for text in texts)))
    assert main(["assess", "--nlu", "rasa"]) == 0
    said = capsys.readouterr()
    found = [json.loads(line) for line in said.out.splitlines()]
    return [" ".join([line["level"], *(reason["code"] for reason in line["reasons"])]) for line in found], said.err


def test_assess_asks_rasa(
    server: PretendRasa, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read = _assess(monkeypatch, capsys, "blue stones die", "blue stones")
    assert read == (["high classifier", "none"], "")


def test_assess_goes_on_with_the_local_classifier_and_says_so_on_each_line_and_once_at_the_end(
    server: PretendRasa, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.mood = "error"
    lines, said = _assess(monkeypatch, capsys, "see you at the market tomorrow", "the bus is late today")
    assert lines == ["none fallback", "none fallback"]
    assert said.splitlines()[-1] == (
        f"hujambo: 2 messages: Rasa refuses to answer: the local classifier reads instead ({server.url})"
    )


def test_evaluate_with_rasa_fails_where_the_figures_are_not_rasas(
    server: PretendRasa, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "labelled.jsonl"
    file.write_text(json.dumps({"text": "see you at the market", "lang": "en", "level": "none"}) + "\n")
    assert main(["evaluate", str(file), "--nlu", "rasa"]) == 0
    server.mood = "nonsense"
    assert main(["evaluate", str(file), "--nlu", "rasa"]) == 1
    assert "1 messages were read by the local classifier: these are not Rasa's figures" in capsys.readouterr().err


def test_an_address_in_the_clear_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUJAMBO_RASA_URL", "http://rasa.example.org")
    assert main(["assess", "--nlu", "rasa"]) == 2
    assert capsys.readouterr().err.startswith("hujambo: HUJAMBO_RASA_URL: must begin with https")
