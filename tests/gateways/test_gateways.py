"""Every kind of channel, through the same door: what is signed is taken once, the rest is refused and never quoted."""

from datetime import UTC, datetime

import aiohttp
import pytest
import structlog
from aiohttp import web

from channels import KINDS
from channels.web import MAX_BODY, add_routes
from tests.gateways.cases import GATEWAYS, PERSON, PUBLIC, SERVICE, WORDS

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
CASES = [(kind, case) for kind, gateway in GATEWAYS.items() for case in gateway.cases]
WITH_WEBHOOKS = [kind for kind, gateway in GATEWAYS.items() if gateway.signature_header]
every_case = pytest.mark.parametrize(("kind", "case"), CASES, ids=lambda value: getattr(value, "name", value))


class Door:
    """The routes with a channel of one kind behind them, and what came through."""

    def __init__(self, kind, public_url=PUBLIC):
        self.taken = []
        self.fault = None
        self.channel = KINDS[kind].open("gate", SERVICE, GATEWAYS[kind].settings, public_url)
        self.app = web.Application()
        add_routes(
            self.app,
            lambda name: (7, self.channel) if name == "gate" else None,
            self.take,
            self.take,
            public_url=public_url,
            clock=lambda: NOW,
            is_unavailable=lambda error: isinstance(error, ConnectionError),
        )

    async def take(self, channel_id, item, *_at):
        assert channel_id == 7
        if self.fault:
            raise self.fault
        self.taken.append(item)


@pytest.fixture
async def open_door():
    runners = []

    async def post(door, path, body, headers):
        if not getattr(door, "url", None):
            runner = web.AppRunner(door.app, access_log=None)
            runners.append((runner, door))
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            door.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{door.url}{path}", data=body, headers=headers) as answer,
        ):
            return answer.status, dict(answer.headers), await answer.text()

    yield post
    for runner, door in runners:
        await runner.cleanup()
        await door.channel.close()


@pytest.fixture
def lines():
    with structlog.testing.capture_logs() as captured:
        yield captured
    # Whatever happened in the test: no log line may hold a number or a text.
    assert not [
        line for line in captured if any(secret in str(line) for secret in (PERSON, PERSON[1:], SERVICE, WORDS))
    ]


def test_every_kind_of_channel_has_cases():
    assert set(GATEWAYS) == set(KINDS)
    assert all(bool(gateway.cases) == bool(gateway.signature_header) for gateway in GATEWAYS.values())


@every_case
async def test_a_webhook_gets_what_the_table_says(kind, case, open_door, lines):
    door = Door(kind)
    status, _, text = await open_door(door, f"/channels/gate/{case.path}", case.body, case.headers)
    assert (status, door.taken) == (case.status, [case.taken] if case.taken else [])
    said = door.channel.hang_up() if case.path == "call" else door.channel.acknowledge()
    assert text == (said[0] if status == 200 else "")
    assert [line["status"] for line in lines] == ([] if status == 200 else [status])


@every_case
@pytest.mark.parametrize("way", ["no signature", "wrong signature", "other body", "other path"])
async def test_a_forged_webhook_is_refused(kind, case, way, open_door, lines):
    header, path, body, headers = GATEWAYS[kind].signature_header, case.path, case.body, dict(case.headers)
    if way == "no signature":
        del headers[header]
    elif way == "wrong signature":
        headers[header] = headers[header][:-4] + "AAA="
    elif way == "other body":
        body += b"&More=1"
    else:
        path += ("&" if "?" in path else "?") + "more=1"
    door = Door(kind)
    status, _, text = await open_door(door, f"/channels/gate/{path}", body, headers)
    assert (status, text, door.taken) == (403, "", [])
    assert [(line["channel"], line["status"]) for line in lines] == [("gate", 403)]


@pytest.mark.parametrize("kind", sorted(set(KINDS) - set(WITH_WEBHOOKS)))
@pytest.mark.parametrize("path", ["inbound", "call", "status"])
async def test_a_kind_without_webhooks_refuses_them_all(kind, path, open_door, lines):
    door = Door(kind)
    status, _, _ = await open_door(door, f"/channels/gate/{path}", f"From={PERSON}&Body={WORDS}".encode(), {})
    assert (status, door.taken) == (403, [])


@pytest.mark.parametrize("name", ["other", PERSON])
async def test_an_unknown_channel_is_not_found(name, open_door, lines):
    status, _, _ = await open_door(Door("twilio"), f"/channels/{name}/inbound", b"", {})
    assert (status, [line["reason"] for line in lines]) == (404, ["unknown channel"])


@every_case
async def test_what_is_too_large_is_not_read(kind, case, open_door, lines):
    door = Door(kind)
    big = case.body + b"&x=" + b"y" * MAX_BODY
    status, _, _ = await open_door(door, f"/channels/gate/{case.path}", big, case.headers)
    assert (status, door.taken) == (413, [])


async def test_what_is_too_large_and_does_not_say_so_is_not_read_to_its_end(open_door, lines):
    async def endless():
        for _ in range(80):
            yield b"x" * 1024

    door = Door("twilio")
    status, _, _ = await open_door(door, "/channels/gate/inbound", endless(), {})
    assert (status, door.taken) == (413, [])


TAKEN = [(kind, case) for kind, case in CASES if case.taken]


@pytest.mark.parametrize(("kind", "case"), TAKEN, ids=lambda value: getattr(value, "name", value))
@pytest.mark.parametrize(
    ("fault", "expected"),
    [(ConnectionError(f"no route for {PERSON}"), (503, "5")), (LookupError(WORDS), (500, None))],
    ids=["database away", "our fault"],
)
async def test_what_was_not_stored_is_never_acknowledged(kind, case, fault, expected, open_door, lines):
    door = Door(kind)
    door.fault = fault
    status, headers, text = await open_door(door, f"/channels/gate/{case.path}", case.body, case.headers)
    assert (status, headers.get("Retry-After"), text) == (*expected, "")
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("public_url", "seen_path"),
    [
        ("https://example.org", "/channels/gate/inbound"),
        ("https://example.org/", "/channels/gate/inbound"),
        ("https://example.org:8443", "/channels/gate/inbound"),
        ("https://example.org/hujambo", "/channels/gate/inbound"),
        ("https://example.org/hujambo/", "/channels/gate/inbound"),
        # a proxy that hands the prefix through
        ("https://example.org/hujambo", "/hujambo/channels/gate/inbound"),
    ],
)
@pytest.mark.parametrize("query", ["", "?a=1&b=%2B2", "?rc=%C3%A9+x"])
async def test_the_address_that_was_signed_is_the_public_one(public_url, seen_path, query, open_door, lines):
    from urllib.parse import urlencode

    from channels.signature import sign
    from tests.gateways.cases import _INBOUND, TOKEN

    signed = public_url.rstrip("/") + "/channels/gate/inbound" + query
    headers = {
        "X-Twilio-Signature": sign(TOKEN, signed, _INBOUND.items()),
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Forwarded-Host": "evil.example",
        "Host": "internal:8080",
    }
    door = Door("twilio", public_url)
    status, _, _ = await open_door(door, seen_path + query, urlencode(_INBOUND).encode(), headers)
    assert (status, len(door.taken)) == (200, 1)
