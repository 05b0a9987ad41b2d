"""A Twilio of our own, for tests, benches and trying things out: its messages API, its webhooks, its ways to fail.

Accepts and refuses what Twilio's published API description does (`tests/channels/test_fake_twilio.py` compares them).
`python -m channels.fake_twilio --port 8090` runs it as its own process, driven through `/_control`. It sends nothing.
"""

import argparse
import asyncio
import base64
import contextlib
import itertools
import json
import math
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
from aiohttp import web

from channels.segments import count
from channels.signature import sign

ACCOUNT_SID = "AC" + "f" * 32
AUTH_TOKEN = "fake-token"  # noqa: S105  nobody's token: this Twilio is ours
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})

Failure = int | Literal["timeout", "timeout_after", "reset", "reset_after", "slow"]

# --- what the API takes ---

_ADDRESS = re.compile(r"(whatsapp:|rcs:|messenger:)?(\+[1-9][0-9]{6,14}|[A-Za-z0-9_]{3,64})")
_PHONE = re.compile(r"((whatsapp|rcs):)?\+[1-9][0-9]{6,14}|messenger:[0-9]+")


def _is_sid(prefix: str) -> Callable[[str], bool]:
    pattern = re.compile(prefix + "[0-9a-fA-F]{32}")
    return lambda value: pattern.fullmatch(value) is not None


def _is_uri(value: str) -> bool:
    try:
        parts = urlsplit(value)
        host = parts.hostname or "_"
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and "_" not in host


def _is_number(value: str) -> bool:
    with contextlib.suppress(ValueError):
        return math.isfinite(float(value))
    return False


def _one_of(*values: str) -> Callable[[str], bool]:
    return frozenset(values).__contains__


def _is_any(_value: str) -> bool:
    return True


def _is_integer(value: str) -> bool:
    return re.fullmatch(r"-?[0-9]{1,18}", value) is not None


def _is_instant(value: str) -> bool:
    return _day_or_time(value) is not None


_is_boolean = _one_of("true", "false", "True", "False")

# Every parameter of CreateMessage, with what Twilio's description says about its value.
PARAMETERS: dict[str, Callable[[str], bool]] = {
    "To": _is_any,
    "StatusCallback": _is_uri,
    "ApplicationSid": _is_sid("AP"),
    "MaxPrice": _is_number,
    "ProvideFeedback": _is_boolean,
    "Attempt": _is_integer,
    "ValidityPeriod": lambda value: _is_integer(value) and 1 <= int(value) <= 36000,
    "ForceDelivery": _is_boolean,
    "ContentRetention": _one_of("retain", "discard"),
    "AddressRetention": _one_of("retain", "obfuscate"),
    "SmartEncoded": _is_boolean,
    "PersistentAction": _is_any,
    "TrafficType": _one_of("free"),
    "ShortenUrls": _is_boolean,
    "ScheduleType": _one_of("fixed"),
    "SendAt": _is_instant,
    "SendAsMms": _is_boolean,
    "ContentVariables": _is_any,
    "RiskCheck": _one_of("enable", "disable"),
    "From": _is_any,
    "FallbackFrom": _is_any,
    "MessagingServiceSid": _is_sid("MG"),
    "Body": _is_any,
    "MediaUrl": _is_any,  # marked "ignore the format" in the description
    "ContentSid": _is_sid("HX"),
}
# One of each group must be given; the code that says so otherwise.
CONDITIONS: tuple[tuple[tuple[str, ...], int], ...] = (
    (("To",), 21604),
    (("From", "MessagingServiceSid"), 21603),
    (("Body", "MediaUrl", "ContentSid"), 21602),
)
QUERY: dict[str, Callable[[str], bool]] = {
    "To": _is_any,
    "From": _is_any,
    "DateSent": _is_instant,
    "DateSent<": _is_instant,
    "DateSent>": _is_instant,
    "PageSize": lambda value: _is_integer(value) and 1 <= int(value) <= 1000,
    "Page": lambda value: _is_integer(value) and int(value) >= 0,
    "PageToken": _is_any,
}
BODY_LIMIT = 1600
_INVALID = 20001
_CODE_OF_PARAMETER = {"StatusCallback": 21609, "MessagingServiceSid": 21701}
_STATUS_OF_CODE = {20003: 401, 20404: 404, 20429: 429, 14107: 429, 63018: 429, 20500: 500, 20503: 503}
_CODE_OF_STATUS = {401: 20003, 404: 20404, 429: 20429, 500: 20500, 503: 20503}


@dataclass(slots=True)
class FakeMessage:
    """One message as Twilio keeps it; times are seconds since 1970."""

    sid: str
    to: str
    sender: str
    service: str
    body: str
    status: str
    direction: str
    created: float
    sent: float | None = None
    updated: float = 0.0
    error_code: int | None = None
    callback: str = ""
    media: int = 0


class Refusal(Exception):  # noqa: N818  it is an answer
    def __init__(self, code: int, status: int | None = None) -> None:
        self.code = code
        self.status = status or _STATUS_OF_CODE.get(code, 400)


class FakeTwilio:
    """One account. Messages leave at once; their callbacks follow `callback_delay` later, signed as Twilio signs.

    `inbound_url`: where `text` posts. `senders`: the numbers the account owns (any, if empty). With `callbacks` off,
    messages stay queued until `advance` moves them.
    """

    def __init__(
        self,
        account_sid: str = ACCOUNT_SID,
        auth_token: str = AUTH_TOKEN,
        *,
        inbound_url: str = "",
        senders: frozenset[str] = frozenset(),
        answer_delay: float = 0.0,
        callbacks: bool = True,
        callback_delay: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.inbound_url = inbound_url
        self.senders = senders
        self.answer_delay = answer_delay
        self.callbacks = callbacks
        self.callback_delay = callback_delay
        self.slow_seconds = 0.2
        self.messages: list[FakeMessage] = []
        self.opted_out: set[str] = set()
        # Number → code: 2xxxx refuses at once, 3xxxx accepts and reports undelivered later.
        self.failing_numbers: dict[str, int] = {}
        self.counts = {"requests": 0, "accepted": 0, "refused": 0, "callbacks": 0, "callbacks_failed": 0}
        self.url = ""
        self._failures: deque[Failure] = deque()
        self._by_number: dict[str, list[FakeMessage]] = {}
        self._by_sid: dict[str, FakeMessage] = {}
        self._sids = itertools.count(time.time_ns() % 10**12 * 10**6)
        self._authorization = "Basic " + base64.b64encode(f"{account_sid}:{auth_token}".encode()).decode()
        self._base = f"/2010-04-01/Accounts/{account_sid}/Messages"
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None

    # --- telling it what to do ---

    def fail_next(self, failure: Failure, count: int = 1) -> None:
        """The next sends end so: an error code (5 digits), an HTTP status (3 digits), or a fault of the connection.

        `timeout` and `reset` take nothing; `timeout_after` and `reset_after` take the message and then do not say so;
        `slow` answers after `slow_seconds`.
        """
        self._failures.extend([failure] * count)

    async def text(self, sender: str, body: str, *, to: str = "", sid: str = "", media: int = 0) -> int:
        """Somebody texts the account's number: a signed webhook to `inbound_url`. Returns the HTTP status it got.

        The same `sid` again is Twilio's retry of one message. STOP and START work as Twilio's default handling does.
        """
        word = body.strip().upper()
        if word in STOP_WORDS:
            self.opted_out.add(sender)
        elif word in START_WORDS:
            self.opted_out.discard(sender)
        sid = sid or self._sid("SM")
        to = to or next(iter(sorted(self.senders)), "+19995550100")
        now = self._clock()
        if sid not in self._by_sid:
            self._keep(FakeMessage(sid, to, sender, "", body, "received", "inbound", now, now, now, media=media))
        return await self.post(self.inbound_url, self.inbound_fields(sid, sender, to, body, media))

    def inbound_fields(self, sid: str, sender: str, to: str, body: str, media: int = 0) -> dict[str, str]:
        return {
            "ToCountry": "US",
            "ToState": "",
            "SmsMessageSid": sid,
            "NumMedia": str(media),
            "ToCity": "",
            "FromZip": "",
            "SmsSid": sid,
            "FromState": "",
            "SmsStatus": "received",
            "FromCity": "",
            "Body": body,
            "FromCountry": "KE",
            "To": to,
            "ToZip": "",
            "NumSegments": str(count(body).segments),
            "MessageSid": sid,
            "AccountSid": self.account_sid,
            "From": sender,
            "ApiVersion": "2010-04-01",
        }

    async def advance(self, message: FakeMessage, status: str, error_code: int | None = None) -> int:
        """Move a message on and send the callback; again, or in any order, if asked. Returns the HTTP status it got."""
        message.status = status
        message.error_code = error_code
        message.updated = self._clock()
        if status == "sent":
            message.sent = message.updated
        if not message.callback:
            return 0
        fields = {
            "SmsSid": message.sid,
            "SmsStatus": status,
            "MessageStatus": status,
            "To": message.to,
            "MessageSid": message.sid,
            "AccountSid": self.account_sid,
            "From": message.sender,
            "ApiVersion": "2010-04-01",
        }
        if message.service:
            fields["MessagingServiceSid"] = message.service
        if error_code is not None:
            fields["ErrorCode"] = str(error_code)
        return await self.post(message.callback, fields)

    async def post(self, url: str, fields: dict[str, str]) -> int:
        """A webhook as Twilio sends it. 0: nobody answered."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15))
        headers = {
            "X-Twilio-Signature": sign(self.auth_token, url, fields.items()),
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        }
        self.counts["callbacks"] += 1
        try:
            async with self._session.post(url, data=urlencode(fields).encode(), headers=headers) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            self.counts["callbacks_failed"] += 1
            return 0

    async def settled(self) -> None:
        """Wait until every callback under way has been sent."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    # --- its life ---

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/2010-04-01/Accounts/{account}/Messages.json", self._create)
        app.router.add_get("/2010-04-01/Accounts/{account}/Messages.json", self._list)
        app.router.add_get("/2010-04-01/Accounts/{account}/Messages/{sid}.json", self._fetch)
        app.router.add_get("/_control", self._control_counts)
        app.router.add_post("/_control", self._control)
        app.router.add_get("/_control/messages", self._control_messages)
        app.router.add_post("/_control/text", self._control_text)
        app.on_shutdown.append(self._shut_down)
        return app

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> str:
        """Listen; returns the address to use as `api_base`."""
        self._runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _shut_down(self, _app: web.Application) -> None:
        self._closing.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    # --- the API ---

    async def _create(self, request: web.Request) -> web.StreamResponse:
        self.counts["requests"] += 1
        body = await request.read()
        if self.answer_delay:
            await asyncio.sleep(self.answer_delay)
        failure = self._failures.popleft() if self._failures else None
        try:
            self._let_in(request)
            if failure == "slow":
                await asyncio.sleep(self.slow_seconds)
            elif failure in {"timeout", "reset"}:
                return await self._vanish(request, wait=failure == "timeout")
            elif isinstance(failure, int):
                raise Refusal(failure if failure > 999 else 0, None if failure > 999 else failure)  # noqa: TRY301
            message = self._accept(parse_qsl(body.decode(), keep_blank_values=True))
        except Refusal as refusal:
            self.counts["refused"] += 1
            return _refused(refusal)
        if failure in {"timeout_after", "reset_after"}:
            return await self._vanish(request, wait=failure == "timeout_after")
        return _json(self._rendered(message), 201)

    async def _vanish(self, request: web.Request, *, wait: bool) -> web.StreamResponse:
        if wait:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), 60)
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    def _let_in(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != self._authorization:
            raise Refusal(20003)
        if request.match_info["account"] != self.account_sid:
            raise Refusal(20404)

    def _accept(self, pairs: list[tuple[str, str]]) -> FakeMessage:
        fields = dict(pairs)
        check(fields, PARAMETERS)
        for names, code in CONDITIONS:
            if not any(fields.get(name) for name in names):
                raise Refusal(code)
        to, sender = fields["To"], fields.get("From", "")
        self._check_addresses(to, sender)
        text = fields.get("Body", "")
        if len(text) > BODY_LIMIT:
            raise Refusal(21617)
        if fields.get("ScheduleType") and not (fields.get("MessagingServiceSid") and fields.get("SendAt")):
            raise Refusal(35114)
        media = sum(name == "MediaUrl" for name, _ in pairs)
        service = fields.get("MessagingServiceSid", "")
        if service and not sender:
            sender = next(iter(sorted(self.senders)), "")
        message = FakeMessage(
            sid=self._sid("MM" if media else "SM"),
            to=to,
            sender=sender,
            service=service,
            body=text,
            status="accepted" if service else "queued",
            direction="outbound-api",
            created=self._clock(),
            callback=fields.get("StatusCallback", ""),
            media=media,
        )
        message.updated = message.created
        self._keep(message)
        self.counts["accepted"] += 1
        if self.callbacks:
            task = asyncio.create_task(self._live(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return message

    def _check_addresses(self, to: str, sender: str) -> None:
        if not _PHONE.fullmatch(to):
            raise Refusal(21211)
        if sender and not _ADDRESS.fullmatch(sender):
            raise Refusal(21212)
        if sender and self.senders and sender not in self.senders:
            raise Refusal(21606)
        if to == sender:
            raise Refusal(21266)
        if to in self.opted_out:
            raise Refusal(21610)
        code = self.failing_numbers.get(to, 0)
        if 20000 <= code < 30000:
            raise Refusal(code)

    async def _live(self, message: FakeMessage) -> None:
        """queued → sent → delivered, or → undelivered for a number that fails."""
        await asyncio.sleep(self.callback_delay)
        await self.advance(message, "sent")
        code = self.failing_numbers.get(message.to)
        await self.advance(message, "undelivered" if code else "delivered", code)

    def _keep(self, message: FakeMessage) -> None:
        self.messages.append(message)
        self._by_sid[message.sid] = message
        self._by_number.setdefault(message.to, []).append(message)

    def _sid(self, prefix: str) -> str:
        return f"{prefix}{next(self._sids):032x}"

    async def _fetch(self, request: web.Request) -> web.Response:
        try:
            self._let_in(request)
            message = self._by_sid.get(request.match_info["sid"])
            if message is None:
                raise Refusal(20404)  # noqa: TRY301
        except Refusal as refusal:
            return _refused(refusal)
        return _json(self._rendered(message))

    async def _list(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        try:
            self._let_in(request)
            check(query, QUERY)
        except Refusal as refusal:
            return _refused(refusal)
        size, page = int(query.get("PageSize", 50)), int(query.get("Page", 0))
        found = self._found(query)
        start = page * size
        if query.get("PageToken"):
            # A token names the last message seen, so that newer messages do not shift the pages.
            sid = query["PageToken"][2:]
            start = next((index + 1 for index, message in enumerate(found) if message.sid == sid), start)
        shown = found[start : start + size]
        return _json(self._page(query, shown, page, size, has_more=start + size < len(found)))

    def _found(self, query: dict[str, str]) -> list[FakeMessage]:
        """Newest first."""
        among = self._by_number.get(query["To"], []) if "To" in query else self.messages
        return [
            message
            for message in reversed(among)
            if query.get("From", message.sender) == message.sender and _is_within(message.sent, query)
        ]

    def _page(
        self, query: dict[str, str], shown: list[FakeMessage], page: int, size: int, *, has_more: bool
    ) -> dict[str, Any]:
        filters = {key: value for key, value in query.items() if key in {"To", "From"} or key.startswith("Date")}

        def uri(index: int, token: str = "") -> str:
            extra = {"PageToken": "PA" + token} if token else {}
            return f"{self._base}.json?" + urlencode(filters | {"PageSize": size, "Page": index} | extra)

        start = page * size
        return {
            "end": start + len(shown) - 1 if shown else start,
            "first_page_uri": uri(0),
            "next_page_uri": uri(page + 1, shown[-1].sid) if has_more and shown else None,
            "page": page,
            "page_size": size,
            "previous_page_uri": uri(page - 1) if page else None,
            "messages": [self._rendered(message) for message in shown],
            "start": start,
            "uri": uri(page, query.get("PageToken", "")[2:]),
        }

    def _rendered(self, message: FakeMessage) -> dict[str, Any]:
        uri = f"{self._base}/{message.sid}"
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": message.body,
            "date_created": _rfc2822(int(message.created)),
            "date_sent": None if message.sent is None else _rfc2822(int(message.sent)),
            "date_updated": _rfc2822(int(message.updated)),
            "direction": message.direction,
            "error_code": message.error_code,
            "error_message": None if message.error_code is None else f"error {message.error_code}",
            "from": message.sender or None,
            "messaging_service_sid": message.service or None,
            "num_media": str(message.media),
            "num_segments": "0" if message.service else str(count(message.body).segments),
            "price": None,
            "price_unit": None,
            "sid": message.sid,
            "status": message.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": message.to,
            "uri": f"{uri}.json",
        }

    # --- /_control, for other processes ---

    async def _control_counts(self, _request: web.Request) -> web.Response:
        return _json(self.counts | {"messages": len(self.messages), "opted_out": len(self.opted_out)})

    async def _control(self, request: web.Request) -> web.Response:
        """A JSON object with any of: fail [failure, count], opt_out [numbers], failing_numbers {number: code},
        answer_delay, callbacks, callback_delay, inbound_url, forget (true: start afresh)."""
        order = await request.json()
        if order.pop("forget", False):
            self._failures.clear()
            self.messages.clear()
            self._by_number.clear()
            self._by_sid.clear()
            self.counts = dict.fromkeys(self.counts, 0)
        if "fail" in order:
            self.fail_next(*order.pop("fail"))
        self.opted_out.update(order.pop("opt_out", ()))
        self.failing_numbers.update(order.pop("failing_numbers", {}))
        for name in ("answer_delay", "callbacks", "callback_delay", "inbound_url"):
            if name in order:
                setattr(self, name, order.pop(name))
        if order:
            return _json({"unknown": sorted(order)}, 400)
        return await self._control_counts(request)

    async def _control_messages(self, _request: web.Request) -> web.Response:
        return _json(
            [
                {
                    "sid": m.sid,
                    "to": m.to,
                    "body": m.body,
                    "status": m.status,
                    "direction": m.direction,
                    "created": m.created,
                    "callback": m.callback,
                }
                for m in self.messages
            ]
        )

    async def _control_text(self, request: web.Request) -> web.Response:
        order = await request.json()
        status = await self.text(order["from"], order["body"], to=order.get("to", ""), sid=order.get("sid", ""))
        return _json({"status": status})


def check(fields: dict[str, str], rules: dict[str, Callable[[str], bool]]) -> None:
    """Refuse a value that the API description does not allow. Unknown names are ignored, as Twilio does."""
    for name, value in fields.items():
        rule = rules.get(name)
        if rule is not None and value and not rule(value):
            raise Refusal(_CODE_OF_PARAMETER.get(name, _INVALID))


def _refused(refusal: Refusal) -> web.Response:
    status = refusal.status
    code = refusal.code or _CODE_OF_STATUS.get(status, 0)
    headers = {"Retry-After": "1"} if status in {429, 503} else None
    if not code:
        # What a machine in front of Twilio answers: no JSON.
        return web.Response(status=status, text="<html>fault</html>", content_type="text/html", headers=headers)
    answer = {
        "code": code,
        "message": f"error {code}",
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return _json(answer, status, headers)


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    body = json.dumps(value, ensure_ascii=False).encode()
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


@lru_cache(maxsize=4096)
def _rfc2822(seconds: int) -> str:
    return formatdate(seconds)


def _day_or_time(value: str) -> tuple[datetime, bool] | None:
    """The instant, and whether only its day was given."""
    with contextlib.suppress(ValueError):
        return datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC), True
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        with contextlib.suppress(ValueError, TypeError):
            moment = read(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)), False
    return None


def _is_within(sent: float | None, query: dict[str, str]) -> bool:
    for name in ("DateSent", "DateSent<", "DateSent>"):
        bound = _day_or_time(query.get(name, ""))
        if bound is None:
            continue
        if sent is None:
            return False
        moment = datetime.fromtimestamp(sent, UTC)
        there, here = (bound[0].date(), moment.date()) if bound[1] or name == "DateSent" else (bound[0], moment)
        is_in = {"DateSent": here == there, "DateSent<": here <= there, "DateSent>": here >= there}[name]
        if not is_in:
            return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--account-sid", default=ACCOUNT_SID)
    parser.add_argument("--auth-token", default=AUTH_TOKEN)
    parser.add_argument("--inbound-url", default="")
    parser.add_argument("--answer-delay", type=float, default=0.0)
    parser.add_argument("--no-callbacks", action="store_true")
    given = parser.parse_args()

    async def make() -> web.Application:
        return FakeTwilio(
            given.account_sid,
            given.auth_token,
            inbound_url=given.inbound_url,
            answer_delay=given.answer_delay,
            callbacks=not given.no_callbacks,
        ).app()

    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415  faster where it exists

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    # Loopback only: it accepts credentials and shows every text it was given.
    web.run_app(make(), host="127.0.0.1", port=given.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
