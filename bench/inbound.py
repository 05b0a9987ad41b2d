"""Inbound: a signed Twilio webhook → stored, assessed, answered into the outbox, and only then its 200."""

import asyncio
import base64
import hashlib
import hmac
import tempfile
import urllib.parse
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import load, rapidsms
from bench.servers import HOST, postgres, prepare, running, service_variables
from bench.texts import TEXTS, number
from bench.world import ACCOUNT, CHANNEL, SENDER, TOKEN
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
        "Body": TEXTS[index % len(TEXTS)], "FromCountry": "KE", "To": SENDER, "ToZip": "", "NumSegments": "1",
        "MessageSid": f"SM{index:032x}", "AccountSid": ACCOUNT, "From": number(index * 7919 % people),
        "ApiVersion": "2010-04-01",
    }  # fmt: skip
    signed = url + "".join(key + fields[key] for key in sorted(fields))
    signature = base64.b64encode(hmac.digest(TOKEN.encode(), signed.encode(), hashlib.sha1)).decode()
    return load.post(host, path, urllib.parse.urlencode(fields).encode(), {"X-Twilio-Signature": signature})


def _measure(port: int, people: int, messages: int, connections: int) -> load.Result:
    # The first requests open connections and fill caches; they are not counted.
    asyncio.run(load.run(HOST, port, webhooks(connections * 8, people, port, start=10_000_000), connections))
    return asyncio.run(load.run(HOST, port, webhooks(messages, people, port), connections))


def _through_service(url: str, people: int, messages: int, connections: int, port: int) -> load.Result:
    keys = KeyRing.generate("bench")
    prepare(url, keys, people)
    arguments = ["-m", "hujambo.cli", "serve", "--roles", "web", "--port", str(port)]
    with running(arguments, port, service_variables(url, keys, port)):
        return _measure(port, people, messages, connections)


def run(
    *, messages: int = 10_000, people: int = 5_000, connections: int = 32, on_postgres: bool = True, peer: bool = False
) -> Iterator[dict[str, Any]]:
    """One line of figures per thing measured; `ratio` is to the first line, the machine's own limit."""
    with tempfile.TemporaryDirectory(prefix="hujambo-bench-") as name:
        folder = Path(name)
        with running(["-m", "bench.servers", str(_PORT)], _PORT):
            limit = _measure(_PORT, people, messages, connections)
        yield _line("limit: verified and read, nothing stored", limit, limit)
        result = _through_service(f"sqlite:///{folder}/bench.sqlite", people, messages, connections, _PORT + 1)
        yield _line("hujambo, SQLite, synchronous=FULL", result, limit)
        if on_postgres:
            with postgres(folder) as server:
                url = _fresh_database(server)
                result = _through_service(url, people, messages, connections, _PORT + 2)
            yield _line("hujambo, PostgreSQL", result, limit)
        if peer:
            for tuned in (False, True):
                result = rapidsms.measure(
                    folder / "peer", _PORT + 3, max(500, messages // 10), connections, tuned=tuned
                )
                yield _line(f"RapidSMS 2.2, SQLite {'tuned' if tuned else 'as it comes'}, two workers", result, limit)


def _fresh_database(server: str) -> str:
    import psycopg
    from sqlalchemy.engine import make_url

    name = f"bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _line(what: str, result: load.Result, limit: load.Result) -> dict[str, Any]:
    return {
        "what": what,
        "per_second": round(result.per_second),
        "ratio_to_limit": round(result.per_second / limit.per_second, 3),
        "p50_ms": round(result.percentile(0.5), 1),
        "p99_ms": round(result.percentile(0.99), 1),
        "answers": result.statuses,
    }
