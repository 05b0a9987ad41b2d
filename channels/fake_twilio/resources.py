"""The messages API: create, fetch and list, as Twilio answers, and not answering as it does not."""

import asyncio
import contextlib
import json
from email.utils import formatdate
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from channels.fake_twilio.account import FakeMessage
from channels.fake_twilio.rules import (
    ADDRESS,
    BODY_LIMIT,
    CONDITIONS,
    PARAMETERS,
    PHONE,
    QUERY,
    Refusal,
    check,
    is_within,
)
from channels.fake_twilio.webhooks import Webhooks
from channels.segments import count

_CODE_OF_STATUS = {401: 20003, 404: 20404, 429: 20429, 500: 20500, 503: 20503}


class Resources(Webhooks):
    """The account as the one that we call."""

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
        return as_json(self._rendered(message), 201)

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
        if not PHONE.fullmatch(to):
            raise Refusal(21211)
        if sender and not ADDRESS.fullmatch(sender):
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

    async def _fetch(self, request: web.Request) -> web.Response:
        try:
            self._let_in(request)
            message = self._by_sid.get(request.match_info["sid"])
            if message is None:
                raise Refusal(20404)  # noqa: TRY301
        except Refusal as refusal:
            return _refused(refusal)
        return as_json(self._rendered(message))

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
        return as_json(self._page(query, shown, page, size, has_more=start + size < len(found)))

    def _found(self, query: dict[str, str]) -> list[FakeMessage]:
        """Newest first."""
        among = self._by_number.get(query["To"], []) if "To" in query else self.messages
        return [
            message
            for message in reversed(among)
            if query.get("From", message.sender) == message.sender and is_within(message.sent, query)
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
    return as_json(answer, status, headers)


def as_json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    body = json.dumps(value, ensure_ascii=False).encode()
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


@lru_cache(maxsize=4096)
def _rfc2822(seconds: int) -> str:
    return formatdate(seconds)
