"""What Twilio posts to us, signed as Twilio signs: texts that people send, and what became of ours."""

import asyncio
from urllib.parse import urlencode

import aiohttp

from channels.fake_twilio.account import Account, FakeMessage
from channels.segments import count
from channels.signature import sign

STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})


class Webhooks(Account):
    """The account as the one that calls us."""

    _session: aiohttp.ClientSession | None = None

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

    async def ring(self, caller: str, *, to: str = "", sid: str = "") -> int:
        """Somebody rings the account's number: a signed webhook to `/call` beside `inbound_url`. Gives its status.

        The fields are those of Twilio's voice request; the answer is not obeyed.
        """
        fields = {
            "Called": to or next(iter(sorted(self.senders)), "+19995550100"),
            "CallSid": sid or self._sid("CA"),
            "CallStatus": "ringing",
            "Direction": "inbound",
            "AccountSid": self.account_sid,
            "Caller": caller,
            "From": caller,
            "To": to or next(iter(sorted(self.senders)), "+19995550100"),
            "ApiVersion": "2010-04-01",
        }
        return await self.post(self.inbound_url.removesuffix("inbound") + "call", fields)

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

    async def _live(self, message: FakeMessage) -> None:
        """queued → sent → delivered, or → undelivered for a number that fails."""
        await asyncio.sleep(self.callback_delay)
        await self.advance(message, "sent")
        code = self.failing_numbers.get(message.to)
        await self.advance(message, "undelivered" if code else "delivered", code)

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
