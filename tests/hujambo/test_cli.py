"""The command line against a real file: what it does, what it refuses, and with which exit code."""

import io
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from content.pack import load_pack
from hujambo.cli import main
from hujambo.cli.judged import as_files
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


def test_the_language_of_each_message_is_said_and_the_one_given_is_the_writers_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [
        ("na gaji da rayuwa ina so in mutu", None, "ha"),
        ("na gaji da rayuwa ina so in mutu", "en", "ha"),
        ("ana 3ayez amoot khalas", None, "ar"),
        ("ok", "so", "so"),
        ("Mfite umwana urwaye kandi nta miti mfite", "fr", "other"),
        ("??? ????? ????", None, None),
    ]
    lines = [json.dumps({"text": text, **({"lang": own} if own else {})}) for text, own, _ in said]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    assert main(["assess", "--nlu", "none"]) == 0
    assert [json.loads(line)["lang"] for line in capsys.readouterr().out.splitlines()] == [each for *_, each in said]


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(installed: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run one command on an installed programme: exit code, stdout, stderr."""

    def run_one(*arguments: str, lines: Sequence[str] = ()) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        try:
            code = main(arguments)
        except SystemExit as end:  # argparse's own way to refuse
            code = int(end.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    assert run_one("db", "upgrade")[0] == 0
    return run_one


@pytest.fixture
def programme(run: Run) -> Run:
    """A site with two people on call and pretend phones."""
    assert run(*SITE) == (0, "", "")
    for login, role, number in (("amina", "psychosocial", "+19995550001"), ("grace", "supervisor", "+19995550002")):
        words = ("user", "add", login, "--name", login.title(), "--role", role, "--phone", number, "--password-stdin")
        assert run(*words, lines=["a good long password"]) == (0, "", "")
    assert run("channel", "add", "phones", "--kind", "phones", "--address", "+19995550100") == (0, "", "")
    assert run("rota", "set", "kis", "amina,grace") == (0, "", "")
    return run


def listed(run: Run, *arguments: str) -> Any:
    code, out, err = run(*arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_the_rota_has_its_rungs_in_the_order_given(programme: Run) -> None:
    assert programme("rota", "set", "kis", "grace,amina")[0] == 0
    assert [(row["site"], row["rung"], row["login"]) for row in listed(programme, "rota", "list")] == [
        ("kis", 1, "grace"),
        ("kis", 2, "amina"),
    ]


def test_a_site_without_anybody_on_call_stands_in_the_list(run: Run) -> None:
    assert run(*SITE)[0] == 0
    assert [(row["site"], row["rung"], row["login"]) for row in listed(run, "rota", "list")] == [("kis", None, None)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["rota", "set", "kis", ","], "never left without anybody"),
        (["rota", "set", "kis", "amina,amina"], "on one rung only"),
        (["rota", "set", "kis", "nobody"], "there is no account 'nobody'"),
        (["rota", "set", "moon", "amina"], "there is no site 'moon'"),
        (SITE, "there is a site 'kis' already"),
        ([*SITE[:2], "new", *SITE[3:7], "--time-zone", "Mars/North", "--languages", "sw"], "Africa/Nairobi"),
        (["user", "disable", "nobody"], "no such account"),
        (["channel", "add", "phones", "--kind", "phones"], "there is a channel 'phones' already"),
        (["channel", "add", "sms", "--kind", "twilio", "--set", "no-sign"], "expected NAME=VALUE"),
        (["channel", "add", "x", "--kind", "phones", "--rate", "0"], "more than 0"),
        (["channel", "test", "none", "--to", "+19995550003"], "there is no channel 'none'"),
        (["campaign", "start", "none"], "there is no campaign 'none'"),
        (["campaign", "create", "c", "--name", "C", "--checkin", "none"], "there is no check-in 'none'"),
        (["campaign", "create", "c", "--name", "C", "--kind", "after_anchor", "--days", "x"], "--days"),
        (["campaign", "create", "c", "--name", "C", "--states", "paused"], "nobody who is 'paused' is written to"),
        (["export", "alerts", "--format", "fhir", "--out", "x.json"], "not available yet"),
        (["people", "import", "nowhere.csv"], "nowhere.csv"),
        (["read-answer", "--type", "choice"], "--options"),
        (["read-answer", "--type", "number", "--lang", "xx"], "no language 'xx'"),
        (["talk", "--checkin", "none"], "no check-in 'none'"),
        (["content", "check", "/nowhere"], "there is no folder"),
        (["serve", "--roles", "cook"], "no role 'cook'"),
        (["bench", "plan", "--peer"], "has no --peer"),
        (["bench", "plan", "--people", "-1"], "whole number"),
        (["restore", "nowhere"], "there is no file"),
        (["nonsense"], "invalid choice"),
        (["site", "add"], "required"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(programme: Run, arguments: list[str], sentence: str) -> None:
    code, out, err = programme(*arguments)

    assert (code, out) == (2, "")
    assert err.startswith("hujambo: ")
    assert err.count("\n") == 1
    assert sentence in err


def test_accounts_come_and_go_and_their_passwords_are_not_printed(programme: Run) -> None:
    assert programme("user", "password", "grace", "--password-stdin", lines=["another long password"]) == (0, "", "")
    assert programme("user", "disable", "grace") == (0, "", "")
    accounts = listed(programme, "user", "list")

    assert [(row["login"], row["role"], row["disabled_at"] is None) for row in accounts] == [
        ("amina", "psychosocial", True),
        ("grace", "supervisor", False),
    ]
    assert "phone" not in accounts[0]


def test_a_short_password_is_refused(programme: Run) -> None:
    code, _, err = programme("user", "password", "amina", "--password-stdin", lines=["short"])

    assert (code, err) == (2, "hujambo: A password has at least 12 characters.\n")


def test_a_channel_keeps_its_secrets_to_itself(programme: Run, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123456789abcdef", encoding="utf-8")
    added = programme(
        "channel", "add", "sms", "--kind", "twilio", "--address", "+19995550101",
        "--set", "account_sid=AC" + "0" * 32, "--set-file", f"auth_token={token}",
    )  # fmt: skip

    assert added == (0, "", "")
    code, out, _ = programme("channel", "list", "--json")
    assert (code, [row["name"] for row in json.loads(out)]) == (0, ["phones", "sms"])
    assert "0123456789abcdef" not in out


def test_people_come_from_a_file_whole_or_not_at_all(programme: Run, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("code,site,phone,language\nK1,kis,+19995550011,sw\nK2,kis,+19995550012,sw\n", encoding="utf-8")
    bad.write_text("code,site,phone,language\nK3,kis,+19995550013,sw\nK4,moon,+19995550014,sw\n", encoding="utf-8")

    assert programme("people", "import", str(good), "--dry-run")[0] == 0
    assert listed(programme, "people", "list") == []
    assert programme("people", "import", str(good))[0] == 0
    code, out, _ = programme("people", "import", str(bad), "--json")
    assert (code, [(fault["row"], fault["column"]) for fault in json.loads(out)["faults"]]) == (1, [(3, "site")])
    assert [row["code"] for row in listed(programme, "people", "list")] == ["K1", "K2"]
    assert "+1999" not in programme("people", "list")[1]


def test_a_campaign_goes_from_draft_to_running_to_paused_and_back(programme: Run) -> None:
    create = ("campaign", "create", "weekly", "--name", "Weekly", "--kind", "weekly", "--sites", "kis")
    assert programme(*create)[0] == 0
    assert listed(programme, "campaign", "preview", "weekly")["people"] == 0
    assert programme("campaign", "pause", "weekly")[0] == 2
    for step, state in (("start", "running"), ("pause", "paused"), ("resume", "running")):
        assert programme("campaign", step, "weekly")[0] == 0
        assert [(row["code"], row["state"]) for row in listed(programme, "campaign", "list")] == [("weekly", state)]
    assert [row["planned"] for row in listed(programme, "campaign", "status", "weekly")] == [0]


def test_reports_of_an_empty_programme_are_empty(programme: Run, tmp_path: Path) -> None:
    out = tmp_path / "answers.csv"

    assert listed(programme, "alerts", "list") == []
    assert listed(programme, "outcomes", "list") == []
    assert listed(programme, "export", "answers", "--out", str(out)) == {"rows": 0}
    assert out.read_text(encoding="utf-8-sig").splitlines() == [
        "person,site,checkin,version,question,value,score,answered_at"
    ]


def test_an_altered_audit_trail_is_found(programme: Run, installed: Path) -> None:
    assert programme("audit", "verify") == (0, "the audit trail is whole\n", "")
    with sqlite3.connect(installed) as raw:
        raw.execute("UPDATE audit SET action = 'something.else' WHERE id = 2")
    raw.close()

    assert programme("audit", "verify") == (1, "record 2 was altered\n", "")


def test_a_backup_that_other_keys_sealed_is_not_restored(
    programme: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, target = tmp_path / "copy.sqlite", tmp_path / "elsewhere.sqlite"
    assert programme("backup", str(copy))[0] == 0
    monkeypatch.setenv("HUJAMBO_DATABASE_URL", f"sqlite:///{target}")
    monkeypatch.setenv("HUJAMBO_KEYS", KeyRing.generate())

    code, _, err = programme("restore", str(copy))
    assert (code, err) == (2, f"hujambo: HUJAMBO_KEYS: {copy} was sealed with other keys; nothing was restored\n")
    assert not target.exists()


def test_a_file_that_is_no_backup_is_not_restored(programme: Run, tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("not a database", encoding="utf-8")

    assert programme("restore", str(other)) == (2, "", f"hujambo: {other} is not a backup of this service\n")


def test_keys_are_new_each_time_and_can_be_read(run: Run) -> None:
    one, other = run("keys", "new")[1].strip(), run("keys", "new")[1].strip()

    assert one != other
    assert KeyRing.parse(one).primary == "k1"


def test_a_bad_line_has_its_error_in_its_place(run: Run) -> None:
    lines = ['{"id": 1, "text": "fine"}', "rubbish", '{"id": 3}', "", '{"id": 4, "text": "sitaki kuishi tena"}']
    code, out, err = run("assess", lines=lines)

    found = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (1, "")
    assert [(line["id"], line.get("level"), "error" in line) for line in found] == [
        (1, "none", False),
        (None, None, True),
        (3, None, True),
        (4, "high", False),
    ]
    assert "rubbish" not in out


def test_every_assessment_says_why(run: Run) -> None:
    line = '{"id": "a", "text": "i want to die", "lang": "en"}'
    _, out, _ = run("assess", "--nlu", "none", lines=[line])
    _, both, _ = run("assess", lines=[line])

    assert [reason["code"] for reason in json.loads(both)["reasons"]] == ["list", "classifier"]
    assert json.loads(out) == {
        "id": "a",
        "level": "high",
        "route": "self_harm",
        "lang": "en",
        "reasons": [
            {
                "code": "list",
                "detail": "en/self_harm.wish: want to die",
                "data": {"language": "en", "list": "self_harm.wish", "phrase": "want to die"},
            }
        ],
    }


@pytest.mark.parametrize(
    ("options", "text", "value"),
    [
        (["--type", "choice", "--options", "a,b,c"], "b", "b"),
        (["--type", "choice", "--options", "money=food,health=sick"], "FOOD", "money"),
        (["--type", "choice", "--options", "money=food,health=sick"], "2", "health"),
        (["--type", "yesno", "--lang", "sw"], "ndio", "yes"),
        (["--type", "number", "--lang", "fr"], "trois", 3),
        (["--type", "number", "--maximum", "5"], "7", None),
    ],
)
def test_answers_are_read_by_type(run: Run, options: list[str], text: str, value: Any) -> None:
    code, out, _ = run("read-answer", *options, lines=[json.dumps({"text": text})])

    assert code == 0
    assert json.loads(out)["value"] == value


def test_a_conversation_can_be_had_in_lines(run: Run) -> None:
    code, out, err = run("talk", "--lang", "en", "--explain", lines=["2", "food", "no thanks"])

    assert (code, err) == (0, "")
    assert [line.strip() for line in out.splitlines() if line.startswith("    [answer") or "check-in is" in line] == [
        "[answer mood: so_so]",
        "[answer hard: money]",
        "[answer talk: no]",
        "[the check-in is done]",
    ]


def test_without_explain_only_what_a_phone_would_show_is_printed(run: Run) -> None:
    _, out, _ = run("talk", "--lang", "fr", lines=["1"])

    assert len(out.splitlines()) == 2
    assert "[" not in out


def test_a_content_pack_is_checked_with_file_and_line(run: Run, tmp_path: Path) -> None:
    assert run("content", "check") == (
        0,
        "reviewed by nobody yet: en, fr, es, pt, sw, ha, ar, so (reviewed_by in pack.yaml)\nno faults\n",
        "",
    )
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "phrases.yaml").write_text("thanks: thank you, ex-combatant\n", encoding="utf-8")

    code, out, _ = run("content", "check", str(tmp_path))
    assert code == 1
    assert out.startswith(f"{tmp_path}/en/phrases.yaml:1: ")


def test_the_installed_command_fails_in_one_line_without_settings() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUJAMBO_")}
    ended = subprocess.run(
        [sys.executable, "-m", "hujambo.cli", "serve"], env=environment, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("hujambo: HUJAMBO_")


def test_evaluating_counts_what_was_heard_and_shows_what_was_not(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "labelled.jsonl"
    file.write_text(
        '{"text": "i want to die", "lang": "en", "level": "high", "route": "self_harm", "kind": "danger"}\n'
        '{"text": "zzz qqq", "lang": "en", "level": "high", "route": "threat", "kind": "danger"}\n'
        '{"text": "good morning", "lang": "en", "level": "none", "kind": "everyday"}\n'
        "no json\n",
        encoding="utf-8",
    )
    code, out, _ = run("evaluate", str(file), "--nlu", "none", "--json")

    found = json.loads(out)
    first = found["lines"][0]
    assert code == 1
    assert (first["what"], first["part"], first["whole"]) == ("danger read as high or imminent", 1, 2)
    assert 0.09 < first["from"] < 0.5 < first["to"] < 0.91
    assert [miss["text"] for miss in found["worst"]] == ["zzz qqq"]
    assert found["faults"] == [f"{file}:4: expected a JSON object with text and level (none … imminent)"]
    assert run("evaluate", str(file), "--nlu", "none")[1].count("of") > 5


def test_what_staff_judged_is_evaluated_without_a_file(programme: Run) -> None:
    code, out, err = programme("evaluate", "--json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert report["rests_on"]["alerted"] == 0
    assert (report["confusion"], report["worst"]) == ([], [])
    assert report["lines"][0] == {
        "what": "danger heard", "by": "all", "name": "all", "part": 0, "whole": 0,
        "share": None, "from": None, "to": None,
    }  # fmt: skip
    assert "nobody has read a sample" in programme("evaluate", "--judged", "--days", "30")[1]
    assert programme("evaluate", "labelled.jsonl", "--judged")[::2] == (
        2,
        "hujambo: evaluate: either a file, or --judged\n",
    )
    assert programme("evaluate", "--days", "0")[::2] == (2, "hujambo: --days: at least 1\n")


def test_proposed_phrases_come_as_files_for_the_programmes_pack(programme: Run) -> None:
    assert listed(programme, "content", "proposals") == []
    assert programme("content", "proposals", "--yaml") == (0, "", "")
    assert programme("content", "proposals", "--take", "7", "--json") == (0, '{"taken": 0, "declined": 0}\n', "")
    found: list[dict[str, Any]] = [
        {"language": "sw", "kind": "signal", "level": "high", "route": "self_harm", "phrase": "sioni haja ya kesho"},
        {"language": "sw", "kind": "harmless", "level": "none", "route": "none", "phrase": "kufa njaa"},
        {"language": "en", "kind": "signal", "level": "practical", "route": "gbv", "phrase": "yes: he shouts"},
    ]
    assert as_files(found, load_pack()) == (
        "# en/signals.yaml\n"
        "signals:\n- id: gbv.proposed_practical\n  route: gbv\n  level: practical\n  phrases:\n  - 'yes: he shouts'\n"
        "\n# sw/signals.yaml\n"
        "signals:\n- id: self_harm.wish\n  phrases:\n  - sioni haja ya kesho\nharmless:\n- kufa njaa\n"
    )
