"""The command line against a real file: what it does, what it refuses, and with which exit code."""

import io
import json
from pathlib import Path

import pytest

from hujambo.cli import main
from store.secrets import KeyRing

SITE = [
    "site",
    "add",
    "kis",
    "--name",
    "Kisima",
    "--country",
    "ke",
    "--time-zone",
    "Africa/Nairobi",
    "--languages",
    "sw",
]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "programme.sqlite"
    monkeypatch.setenv("HUJAMBO_DATABASE_URL", f"sqlite:///{path}")
    monkeypatch.setenv("HUJAMBO_KEYS", KeyRing.generate())
    monkeypatch.setenv("HUJAMBO_PUBLIC_URL", "http://127.0.0.1:8080")
    return path


def test_a_missing_setting_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HUJAMBO_KEYS")
    assert (main(["user", "list"]), capsys.readouterr()) == (2, ("", "hujambo: HUJAMBO_KEYS: is missing\n"))


def test_a_database_without_tables_is_refused_with_what_to_do(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["user", "list"]) == 2
    assert capsys.readouterr().err == (
        "hujambo: HUJAMBO_DATABASE_URL: the database has no tables yet; run 'hujambo db upgrade'\n"
    )


def test_a_backup_can_be_restored_and_overwrites_nothing(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy.sqlite"
    codes = [main(arguments) for arguments in (["db", "upgrade"], SITE, ["backup", str(copy)], ["restore", str(copy)])]
    monkeypatch.setenv("HUJAMBO_DATABASE_URL", f"sqlite:///{tmp_path}/other.sqlite")
    codes.append(main(["restore", str(copy)]))
    capsys.readouterr()
    codes.append(main(["site", "list", "--json"]))
    assert codes == [0, 0, 0, 2, 0, 0]
    assert [site["code"] for site in json.loads(capsys.readouterr().out)] == ["kis"]


def test_messages_are_assessed_in_the_order_they_came(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = '{"id": 1, "text": "i dont want to live"}\n{"id": 2, "text": "I am fine, thank you"}\n'
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert main(["assess"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["id"], line["level"], line["route"]) for line in found] == [
        (1, "high", "self_harm"),
        (2, "none", "none"),
    ]
