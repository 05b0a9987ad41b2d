"""What bad input gets from a running service: the right refusal, one silent log line, nothing stored."""

import asyncio
import http.client
import itertools
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs

from bench.world import ACCOUNT, CHANNEL, SENDER, TOKEN, build_world
from bot.distress import Reader
from channels.base import IncomingMessage
from channels.signature import sign
from channels.web import MAX_BODY
from content.pack import load_pack
from content.schema import Level
from hujambo.cli import main
from hujambo.service import Service, build_service
from hujambo.settings import read_settings
from scheduler.inbox import Inbox
from store import tables as t
from store.database import Database, utc_now
from store.secrets import KeyRing
from tests.builders import a_channel, rows
from tests.conftest import KEYS
from tests.faults.programme import until

PUBLIC = "https://checkins.example.org"
FORM = "application/x-www-form-urlencoded"
SECRET_TEXT, SECRET_NUMBER = "i dont want to live quetzal", "+19995550142"


@dataclass
class Live:
    """A service that listens, and posts to it."""

    service: Service
    port: int
    session: aiohttp.ClientSession

    async def post(self, fields: dict[str, str], *, token: str = TOKEN, kind: str = "inbound", **headers: str) -> int:
        return (await self.answer(fields, token=token, kind=kind, **headers)).status

    async def answer(
        self, fields: dict[str, str], *, token: str = TOKEN, kind: str = "inbound", **headers: str
    ) -> aiohttp.ClientResponse:
        path = f"/channels/{CHANNEL}/{kind}"
        signed = {"X-Twilio-Signature": sign(token, PUBLIC + path, fields.items()), "Content-Type": FORM}
        return await self.raw(path, urlencode(fields).encode(), signed | headers)

    async def raw(self, path: str, body: bytes, headers: dict[str, str]) -> aiohttp.ClientResponse:
        async with self.session.post(f"http://127.0.0.1:{self.port}{path}", data=body, headers=headers) as answer:
            await answer.read()
            return answer

    async def stored(self) -> dict[str, int]:
        """How many rows each table has that a webhook can write to."""
        names = ("inbox", "outbox", "contact", "alert", "assessment", "early_receipt", "answer", "follow_up")
        return {name: len(await rows(self.service.database, t.metadata.tables[name])) for name in names}


@pytest.fixture
async def live(database_url: str, keys: KeyRing) -> AsyncIterator[Live]:
    settings = read_settings(
        {
            "HUJAMBO_DATABASE_URL": database_url,
            "HUJAMBO_KEYS": KEYS,
            "HUJAMBO_PUBLIC_URL": PUBLIC,
            "HUJAMBO_NLU": "none",
        }
    )
    # Only its ear: what is stored stays as it came.
    service = await build_service(settings, roles=("web",))
    await build_world(service.database, 2, api_base="http://127.0.0.1:9")
    try:
        await service.start()
        port = await service.serve("127.0.0.1", 0)
        async with aiohttp.ClientSession() as session:
            yield Live(service, port, session)
    finally:
        await service.stop()


def message(sid: str = "SM1", sender: str = SECRET_NUMBER, text: str = SECRET_TEXT) -> dict[str, str]:
    return {"MessageSid": sid, "AccountSid": ACCOUNT, "From": sender, "To": SENDER, "Body": text, "NumMedia": "0"}


def _is_silent(logs: Sequence[Mapping[str, Any]]) -> bool:
    """No line repeats what a person wrote, or whose telephone it is."""
    everything = repr(logs)
    return not any(secret in everything for secret in ("quetzal", SECRET_NUMBER[1:], SECRET_TEXT, TOKEN))


async def test_what_is_not_signed_by_the_gateway_is_forbidden(live: Live) -> None:
    before = await live.stored()
    path = f"/channels/{CHANNEL}/inbound"
    body = urlencode(message()).encode()
    with capture_logs() as logs:
        statuses = [
            await live.post(message(), token="another token"),
            await live.post(message(), **{"X-Twilio-Signature": ""}),
            await live.post(message(), **{"X-Twilio-Signature": "\u00e9" * 40}),
            await live.post(message(), kind="status", token="another token"),
            (await live.raw(path, body, {"Content-Type": FORM})).status,
            (await live.raw(path, b"{}", {"Content-Type": "application/json"})).status,
            # Signed, but for another address: a webhook of one channel is not one of the other route.
            (await live.raw(f"/channels/{CHANNEL}/status", body, _signed(path, message()))).status,
            # Signed, and then a field more.
            (await live.raw(path, body + b"&Extra=1", _signed(path, message()))).status,
        ]
    assert statuses == [403] * 8
    assert [(line["event"], line["status"]) for line in logs] == [("webhook refused", 403)] * 8
    assert _is_silent(logs)
    assert await live.stored() == before


def _signed(path: str, fields: dict[str, str]) -> dict[str, str]:
    return {"X-Twilio-Signature": sign(TOKEN, PUBLIC + path, fields.items()), "Content-Type": FORM}


async def test_what_is_signed_and_cannot_be_read_is_a_bad_request(live: Live) -> None:
    before = await live.stored()
    without_sid = {key: value for key, value in message().items() if key != "MessageSid"}
    without_sender = {key: value for key, value in message().items() if key != "From"}
    with capture_logs() as logs:
        statuses = [
            await live.post(without_sid),
            await live.post(without_sender),
            await live.post(message(sid="x" * 65)),
            await live.post(message(sid="quetzal; DROP TABLE inbox")),
            await live.post(message(sender="quetzal quetzal quetzal")),
            await live.post({"MessageSid": "SM1"}, kind="status"),
        ]
    assert statuses == [400] * 6
    assert [(line["event"], line["status"]) for line in logs] == [("webhook refused", 400)] * 6
    assert _is_silent(logs)
    assert await live.stored() == before


async def test_what_is_larger_than_any_message_is_not_read_to_its_end(live: Live) -> None:
    before = await live.stored()

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY // 1024 + 2):
            yield b"quetzal!" * 128

    path = f"/channels/{CHANNEL}/inbound"
    with capture_logs() as logs:
        whole = await live.post(message(text="quetzal" * MAX_BODY))
        async with live.session.post(f"http://127.0.0.1:{live.port}{path}", data=pieces()) as answer:
            chunked = answer.status
    assert (whole, chunked) == (413, 413)
    assert [(line["event"], line["status"]) for line in logs] == [("webhook refused", 413)] * 2
    assert _is_silent(logs)
    assert await live.stored() == before


async def test_an_unknown_channel_is_not_found_and_its_name_is_not_repeated(live: Live) -> None:
    with capture_logs() as logs:
        answer = await live.raw("/channels/quetzal/inbound", b"", {})
    assert (answer.status, [line["status"] for line in logs], _is_silent(logs)) == (404, [404], True)


async def test_a_message_that_comes_again_is_answered_again_and_handled_once(live: Live) -> None:
    with capture_logs() as logs:
        assert await live.post(message()) == 200
        once = await live.stored()
        assert await asyncio.gather(*(live.post(message()) for _ in range(20))) == [200] * 20
        assert await live.post(message(text="the same id with other words")) == 200
    assert await live.stored() == once
    assert (once["inbox"], once["alert"], once["assessment"]) == (1, 1, 1)
    assert _is_silent(logs)
    # The same words under another id are another message, and the same alert.
    assert await live.post(message(sid="SM2")) == 200
    twice = await live.stored()
    assert (twice["inbox"], twice["alert"], twice["assessment"]) == (2, 1, 2)


async def test_a_cry_for_help_before_there_is_any_site_is_kept_answered_and_put_before_somebody(
    sqlite_database: Database,
) -> None:
    channel = await a_channel(sqlite_database)
    pack = load_pack()
    inbox = Inbox(sqlite_database, pack, Reader(pack), utc_now)
    assert await inbox.accept(channel, IncomingMessage("SM1", SECRET_NUMBER, SENDER, SECRET_TEXT))
    sent = [row.purpose for row in await rows(sqlite_database, t.outbox)]
    tasks = [(row.kind, row.site_id, row.state) for row in await rows(sqlite_database, t.follow_up)]
    levels = [(row.state, row.level) for row in await rows(sqlite_database, t.inbox)]
    assert (sent, tasks, levels) == (["crisis"], [("nobody_on_call", None, "open")], [("handled", Level.HIGH)])


_NASTY = st.sampled_from(
    ["", "\0", "\x1b[31m", "+1999", "😀" * 300, "' OR 1=1 --", "%s%n", "{0}", "\u202e", "STOP", "ｓｔｏｐ"]
)
_WORDS = st.one_of(st.text(max_size=200), _NASTY)
_FIELDS = st.dictionaries(
    st.one_of(st.sampled_from([*message(), "SmsSid", "MessageStatus", "ErrorCode", "SmsStatus"]), st.text(max_size=20)),
    st.one_of(_WORDS, st.sampled_from(["SM1", SECRET_NUMBER, "delivered", "failed", "30003", "9" * 40, "-1"])),
    max_size=12,
)  # fmt: skip


async def test_no_body_however_strange_is_our_fault(live: Live) -> None:
    statuses: set[int] = set()
    numbers = itertools.count()

    def post(path: str, body: bytes, headers: dict[str, str]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=10)
        try:
            connection.request("POST", path, body, headers)
            statuses.add(connection.getresponse().status)
        finally:
            connection.close()

    @bounded(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(_FIELDS, st.sampled_from(["inbound", "status", "status?id=1", f"status?id={'9' * 19}", "status?id=-1&id=x"]))
    def signed(fields: dict[str, str], kind: str) -> None:
        path = f"/channels/{CHANNEL}/{kind}"
        post(path, urlencode(fields).encode(), _signed(path, fields))

    @bounded(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(_WORDS, _WORDS, st.sampled_from(["1", "-1", "1e9", "\0", "999999"]))
    def readable(text: str, recipient: str, media: str) -> None:
        fields = message(sid=f"SM{next(numbers)}", text=text) | {"To": recipient, "NumMedia": media}
        path = f"/channels/{CHANNEL}/inbound"
        post(path, urlencode(fields).encode(), _signed(path, fields))

    @bounded(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=400), st.sampled_from([FORM, "text/plain", "multipart/form-data; boundary=x", ""]))
    def unsigned(body: bytes, content_type: str) -> None:
        post(f"/channels/{CHANNEL}/inbound", body, {"Content-Type": content_type, "X-Twilio-Signature": "x"})

    with capture_logs() as logs:
        for fuzz in (signed, readable, unsigned):
            await asyncio.to_thread(fuzz)
    assert statuses <= {200, 400, 403}, [line for line in logs if line.get("status") == 500][:3]
    assert {200, 403} <= statuses
    assert [line for line in logs if line["log_level"] == "error"] == []
    stored = await rows(live.service.database, t.inbox)
    assert {row.state for row in stored} == {"handled"}


# --- the database goes away ---


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """Both databases, except where only one of them can go away."""
    kind = getattr(request, "param", "sqlite")
    return str(request.getfixturevalue("sqlite_url" if kind == "sqlite" else "postgres_url"))


@pytest.fixture
def away(postgres_server: str, postgres_url: str) -> Iterator[Any]:
    """Closes the database to everybody, and opens it again."""
    name = make_url(postgres_url).database
    with psycopg.connect(postgres_server, autocommit=True) as server:

        def close() -> None:
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

        def open_again() -> None:
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())

        yield close, open_again
        open_again()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_while_the_database_is_away_the_gateway_is_asked_to_come_again(live: Live, away: Any) -> None:
    close, open_again = away
    assert await live.post(message()) == 200
    with capture_logs() as logs:
        await asyncio.to_thread(close)
        refused = [await live.answer(message(sid="SM2")) for _ in range(3)]
        receipt = await live.answer({"MessageSid": "SM9", "MessageStatus": "delivered"}, kind="status")
        await asyncio.to_thread(open_again)
        assert await until(lambda: _is_taken(live, message(sid="SM2")), 20.0)
    answers = [(answer.status, answer.headers["Retry-After"]) for answer in (*refused, receipt)]
    assert answers == [(503, "5")] * 4
    assert _is_silent(logs)
    assert {line["reason"] for line in logs if line["event"] == "webhook refused"} == {"the database is away"}
    stored = await rows(live.service.database, t.inbox)
    assert sorted(row.provider_id for row in stored) == ["SM1", "SM2"]


async def _is_taken(live: Live, fields: dict[str, str]) -> bool:
    return await live.post(fields) == 200


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_connections_that_were_cut_cost_one_refusal_at_most(live: Live, away: Any) -> None:
    """A restart of the database: the first webhook finds a dead connection, the next one a new connection."""
    close, open_again = away
    assert await live.post(message()) == 200
    await asyncio.to_thread(close)
    await asyncio.to_thread(open_again)
    statuses = [await live.post(message(sid=f"SM{number}")) for number in range(2, 6)]
    assert statuses[1:] == [200, 200, 200]
    assert statuses[0] in {200, 503}


# --- bad settings, content and spreadsheets, from the command line ---


@pytest.fixture
def installed(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in {
        "HUJAMBO_DATABASE_URL": sqlite_url,
        "HUJAMBO_KEYS": KEYS,
        "HUJAMBO_PUBLIC_URL": "http://127.0.0.1:8080",
    }.items():
        monkeypatch.setenv(name, value)
    return sqlite_url


def test_serve_is_refused_with_every_fault_of_the_content_by_file_and_line(
    installed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "phrases.yaml").write_text("thanks: Thank you\nno_such_phrase: hm\n")
    (tmp_path / "en" / "signals.yaml").write_text("signals: [unclosed\n")
    (tmp_path / "checkins").mkdir()
    (tmp_path / "checkins" / "mine.yaml").write_text('version: "1"\nquestions:\n  - kind: riddle\n')
    monkeypatch.setenv("HUJAMBO_CONTENT", str(tmp_path))
    assert main(["serve", "--port", "0"]) == 1
    lines = capsys.readouterr().err.splitlines()
    named = {line.split(":")[0].removeprefix(f"{tmp_path}/") for line in lines}
    assert {"en/signals.yaml", "checkins/mine.yaml"} <= named
    assert all(line.split(":")[1].isdigit() for line in lines)


def test_serve_is_refused_when_a_setting_is_wrong_and_the_setting_is_named(
    installed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUJAMBO_PUBLIC_URL", "http://checkins.example.org")
    assert main(["serve"]) == 2
    assert capsys.readouterr().err == (
        "hujambo: HUJAMBO_PUBLIC_URL: must begin with https: messages and log-ins pass over it\n"
    )


def test_a_spreadsheet_with_one_bad_row_imports_nobody(
    installed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = ["site", "add", "kis", "--name", "Kisima", "--country", "ke", "--time-zone", "Africa/Nairobi",
            "--languages", "sw"]  # fmt: skip
    assert main(site) == 0
    assert main(["channel", "add", "phones", "--kind", "phones", "--address", "+19995550100"]) == 0
    sheet = tmp_path / "people.csv"
    good, bad = f"K1,kis,{SECRET_NUMBER},sw", "K2,kis,quetzal,sw"
    sheet.write_text(f"code,site,phone,language\n{good}\n{bad}\n")
    capsys.readouterr()
    assert main(["people", "import", str(sheet), "--json"]) == 1
    out, err = capsys.readouterr()
    assert [(fault["row"], fault["column"]) for fault in json.loads(out)["faults"]] == [(3, "phone")]
    assert ("quetzal" in out + err, SECRET_NUMBER in out + err) == (False, False)
    assert main(["people", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
