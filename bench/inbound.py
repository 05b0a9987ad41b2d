"""Inbound: a signed Twilio webhook → stored, assessed, answered into the outbox, and only then its 200."""

import asyncio
import base64
import hashlib
import hmac
import tempfile
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import cpu, load, rapidsms
from bench.servers import HOST, postgres, prepare, running, service_variables
from bench.texts import number, text
from bench.world import ACCOUNT, CHANNEL, SENDER, TOKEN
from hujambo.model import local_classifier
from store.secrets import KeyRing

_PORT = 18_340


def webhooks(count: int, people: int, port: int, *, start: int = 0) -> list[bytes]:
    """Webhooks as Twilio sends them, signed, each from one of `people` in turn."""
    path = f"/channels/{CHANNEL}/inbound"
    url = f"http://{HOST}:{port}{path}"
    return [_webhook(url, path, f"{HOST}:{port}", index, people) for index in range(start, start + count)]


def _webhook(url: str, path: str, host: str, index: int, people: int) -> bytes:
    fields = {
        "ToCountry": "US", "ToState": "", "SmsMessageSid": f"SM{index:032x}", "NumMedia": "0", "ToCity": "",
        "FromZip": "", "SmsSid": f"SM{index:032x}", "FromState": "", "SmsStatus": "received", "FromCity": "",
        "Body": text(index), "FromCountry": "KE", "To": SENDER, "ToZip": "", "NumSegments": "1",
        "MessageSid": f"SM{index:032x}", "AccountSid": ACCOUNT, "From": number(index * 7919 % people),
        "ApiVersion": "2010-04-01",
    }  # fmt: skip
    signed = url + "".join(key + fields[key] for key in sorted(fields))
    signature = base64.b64encode(hmac.digest(TOKEN.encode(), signed.encode(), hashlib.sha1)).decode()
    return load.post(host, path, urllib.parse.urlencode(fields).encode(), {"X-Twilio-Signature": signature})


Pids = Callable[[], list[int]]


def _measure(
    port: int, people: int, messages: int, connections: int, service: int, database: Pids = list
) -> dict[str, Any]:
    """`service`, `database()`: the processes whose work is counted."""
    # The first requests open connections and fill caches; they are not counted.
    asyncio.run(load.run(HOST, port, webhooks(connections * 8, people, port, start=10_000_000), connections))
    those = database()
    before = (cpu.seconds([service]), cpu.seconds(those))
    result = asyncio.run(load.run(HOST, port, webhooks(messages, people, port), connections))
    after = (cpu.seconds([service]), cpu.seconds(those))
    ours, theirs = ((b - a) / messages * 1e6 for a, b in zip(before, after, strict=True))
    return _figures(result) | {"cpu_us": round(ours)} | ({"database_cpu_us": round(theirs)} if those else {})


def _through_service(
    url: str, people: int, messages: int, connections: int, port: int, database: Pids = list
) -> dict[str, Any]:
    keys = KeyRing.generate("bench")
    local_classifier()  # learn it now, where nothing is measured
    prepare(url, keys, people)
    arguments = ["-m", "hujambo.cli", "serve", "--roles", "web", "--port", str(port)]
    with running(arguments, port, service_variables(url, keys, port, nlu="local")) as service:
        return _measure(port, people, messages, connections, service.pid, database)


def run(
    *, messages: int = 10_000, people: int = 5_000, connections: int = 32, on_postgres: bool = True, peer: bool = False
) -> Iterator[dict[str, Any]]:
    """One line of figures per thing measured; `ratio_to_limit` is to the first line, the machine's own limit.

    `cpu_us`: microseconds of processor that a message cost our process (and the database's), which also holds on a
    machine that has other work; the rest is what came of it in this run.
    """
    with tempfile.TemporaryDirectory(prefix="hujambo-bench-") as name:
        folder = Path(name)
        with running(["-m", "bench.servers", str(_PORT)], _PORT) as bare:
            limit = _measure(_PORT, people, messages, connections, bare.pid)
        yield _line("limit: verified and read, nothing stored", limit, limit)
        figures = _through_service(f"sqlite:///{folder}/bench.sqlite", people, messages, connections, _PORT + 1)
        yield _line("hujambo, SQLite, synchronous=FULL", figures, limit)
        if on_postgres:
            with postgres(folder) as server:
                url = _fresh_database(server)
                figures = _through_service(url, people, messages, connections, _PORT + 2, lambda: _backends(url))
            yield _line("hujambo, PostgreSQL", figures, limit)
        if peer:
            for tuned in (False, True):
                result = rapidsms.measure(
                    folder / "peer", _PORT + 3, max(500, messages // 10), connections, tuned=tuned
                )
                yield _line(
                    f"RapidSMS 2.2, SQLite {'tuned' if tuned else 'as it comes'}, two workers", _figures(result), limit
                )


def _fresh_database(server: str) -> str:
    import psycopg
    from sqlalchemy.engine import make_url

    name = f"bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _backends(url: str) -> list[int]:
    """The server's processes that work for us; none that can be measured where it runs on another machine."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()").fetchall()
    return [pid for (pid,) in found if cpu.is_here(pid, "postgres")]


def _figures(result: load.Result) -> dict[str, Any]:
    return {
        "per_second": round(result.per_second),
        "p50_ms": round(result.percentile(0.5), 1),
        "p99_ms": round(result.percentile(0.99), 1),
        "answers": result.statuses,
    }


def _line(what: str, figures: dict[str, Any], limit: dict[str, Any]) -> dict[str, Any]:
    return {"what": what, "ratio_to_limit": round(figures["per_second"] / limit["per_second"], 3)} | figures
