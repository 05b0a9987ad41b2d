"""Settings: a bad, missing or unknown variable stops the start, is named, and no secret is ever quoted."""

from pathlib import Path

import pytest

from hujambo.settings import SettingError, Settings, read_settings, variable
from store.secrets import KeyRing
from tests.conftest import KEYS

GOOD = {
    "HUJAMBO_DATABASE_URL": "sqlite:////srv/hujambo/hujambo.sqlite",
    "HUJAMBO_KEYS": KEYS,
    "HUJAMBO_PUBLIC_URL": "https://checkins.example.org/",
}
KEY = KEYS.partition(":")[2].partition(",")[0]  # the data key's own characters


def _refusal(changes: dict[str, str], without: str | None = None) -> str:
    environment = {name: value for name, value in (GOOD | changes).items() if name != without}
    with pytest.raises(SettingError) as refused:
        read_settings(environment)
    return str(refused.value)


def test_three_variables_are_enough() -> None:
    settings = read_settings(GOOD | {"PATH": "/usr/bin", "OTHER_PORT": "x"})
    assert (settings.url, settings.key_ring, settings.public_url, settings.is_https) == (
        GOOD["HUJAMBO_DATABASE_URL"],
        KeyRing.parse(KEYS),
        "https://checkins.example.org",
        True,
    )
    assert (settings.content, settings.nlu, settings.host, settings.port, settings.log) == (
        None,
        "local",
        "127.0.0.1",
        8080,
        "info",
    )


def test_only_what_is_given_counts_and_not_what_happens_to_stand_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HUJAMBO_PORT", "9999")
    assert read_settings(GOOD).port == 8080


@pytest.mark.parametrize("name", [name for name, field in Settings.model_fields.items() if field.is_required()])
def test_a_missing_variable_is_named(name: str) -> None:
    assert _refusal({}, without=variable(name)) == f"{variable(name)}: is missing"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("HUJAMBO_DATABASE_URL", "nonsense", "expected sqlite:///path/to/file or postgresql://user@host/name"),
        ("HUJAMBO_DATABASE_URL", "", "expected sqlite:///path/to/file or postgresql://user@host/name"),
        ("HUJAMBO_DATABASE_URL", "mysql://u:secret@host/x", "'mysql' is neither sqlite nor postgresql"),
        (
            "HUJAMBO_DATABASE_URL",
            "sqlite://",
            "an in-memory SQLite loses every message: give a file, sqlite:///path/to/file",
        ),
        ("HUJAMBO_KEYS", "", "no key named 'index' (it finds telephone numbers)"),
        ("HUJAMBO_KEYS", "k1:KEY", "no key named 'index' (it finds telephone numbers)"),
        ("HUJAMBO_KEYS", "index:KEY", "no data key beside 'index'"),
        ("HUJAMBO_KEYS", "KEY", "entry 1: expected name:base64 of 32 random bytes"),
        ("HUJAMBO_KEYS", "index:KEY,k1:c2hvcnQ=", "entry 2: expected name:base64 of 32 random bytes"),
        ("HUJAMBO_PUBLIC_URL", "checkins.example.org", "expected an address like https://checkins.example.org"),
        ("HUJAMBO_PUBLIC_URL", "https://x.example.org/?a=1", "expected an address like https://checkins.example.org"),
        (
            "HUJAMBO_PUBLIC_URL",
            "http://checkins.example.org",
            "must begin with https: messages and log-ins pass over it",
        ),
        ("HUJAMBO_CONTENT", "/no/such/folder", "no such folder"),
        ("HUJAMBO_PROXIES", "127.0.0.1, proxy", "'proxy' is neither an address nor a network like 10.0.0.0/8"),
        ("HUJAMBO_PROXIES", "10.0.0.1/8", "'10.0.0.1/8' is neither an address nor a network like 10.0.0.0/8"),
        (
            "HUJAMBO_NLU",
            "deep",
            "it is 'local' (in this process), 'rasa' (a server of its own) or 'none' (word lists alone)",
        ),
        ("HUJAMBO_RASA_URL", "rasa", "expected an address like http://127.0.0.1:5005"),
        ("HUJAMBO_RASA_URL", "https://u:secret@rasa.example.org", "expected an address like http://127.0.0.1:5005"),
        (
            "HUJAMBO_RASA_URL",
            "http://rasa.example.org:5005",
            "must begin with https unless Rasa is on this machine: messages pass over it",
        ),
        ("HUJAMBO_RASA_TIMEOUT", "0", "Input should be greater than 0"),
        ("HUJAMBO_LOG", "loud", "Input should be 'debug', 'info', 'warning' or 'error'"),
        ("HUJAMBO_PORT", "65536", "Input should be less than or equal to 65535"),
        ("HUJAMBO_PORT", "http", "Input should be a valid integer, unable to parse string as an integer"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(name: str, value: str, sentence: str) -> None:
    value = value.replace("KEY", KEY)  # a new one in every process, which is to name the tests alike
    assert _refusal({name: value}) == f"{name}: {sentence}"


def test_http_is_good_enough_for_this_machine_itself() -> None:
    settings = read_settings(GOOD | {"HUJAMBO_PUBLIC_URL": "http://127.0.0.1:8080"})
    assert (settings.public_url, settings.is_https) == ("http://127.0.0.1:8080", False)


def test_a_mistyped_variable_is_refused_and_not_overlooked() -> None:
    assert _refusal({"HUJAMBO_PROT": "8081"}) == "HUJAMBO_PROT: there is no such setting"


def test_all_that_is_wrong_is_said_at_once() -> None:
    refusal = _refusal({"HUJAMBO_PORT": "x", "HUJAMBO_KEY": "y"}, without="HUJAMBO_PUBLIC_URL")
    assert [fault.partition(":")[0] for fault in refusal.split("; ")] == [
        "HUJAMBO_KEY",
        "HUJAMBO_PUBLIC_URL",
        "HUJAMBO_PORT",
    ]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_variable_may_stand_in_a_file(name: str, tmp_path: Path) -> None:
    values = GOOD | {
        "HUJAMBO_CONTENT": str(tmp_path),
        "HUJAMBO_NLU": "none",
        "HUJAMBO_RASA_URL": "https://rasa.example.org",
        "HUJAMBO_RASA_TIMEOUT": "0.5",
        "HUJAMBO_HOST": "::1",
        "HUJAMBO_PORT": "9000",
        "HUJAMBO_PROXIES": "10.0.0.7",
        "HUJAMBO_LOG": "error",
    }
    file = tmp_path / "value"
    file.write_text(values[variable(name)] + "\n", encoding="utf-8")
    moved = {key: value for key, value in values.items() if key != variable(name)}
    assert read_settings(moved | {f"{variable(name)}_FILE": str(file)}) == read_settings(values)


def test_a_variable_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(KEYS, encoding="utf-8")
    assert _refusal({"HUJAMBO_KEYS_FILE": str(file)}) == "HUJAMBO_KEYS: given twice, also as HUJAMBO_KEYS_FILE"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    refusal = _refusal({"HUJAMBO_KEYS_FILE": str(tmp_path / "none")}, without="HUJAMBO_KEYS")
    assert refusal == "HUJAMBO_KEYS_FILE: cannot be read (No such file or directory); HUJAMBO_KEYS: is missing"


@pytest.mark.parametrize(
    "changes",
    [
        {"HUJAMBO_KEYS": KEYS.replace(",index:", ",index")},
        {"HUJAMBO_KEYS": KEYS + "," + KEYS},
        {"HUJAMBO_KEYS": KEY},
        {"HUJAMBO_DATABASE_URL": "postgresql://u:hunter2@host:port/x"},
        {"HUJAMBO_DATABASE_URL": "oracle://u:hunter2@host/x"},
        {"HUJAMBO_PORT": "x"},
    ],
)
def test_no_refusal_quotes_a_secret(changes: dict[str, str]) -> None:
    refusal = _refusal(changes)
    assert [secret for secret in (KEY, KEYS[-20:], "hunter2") if secret in refusal] == []


def test_settings_do_not_show_their_secrets() -> None:
    settings = read_settings(GOOD | {"HUJAMBO_DATABASE_URL": "postgresql://u:hunter2@host/x"})
    shown = repr(settings) + str(settings) + settings.model_dump_json()
    assert [secret for secret in (KEY, "hunter2") if secret in shown] == []
