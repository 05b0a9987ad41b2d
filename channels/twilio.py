"""Twilio SMS (and its WhatsApp addresses): signed webhooks in, the `twilio` package's async client out."""

import asyncio
import logging
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from channels.base import (
    OUTCOMES,
    ChannelSettingError,
    ForgedRequestError,
    Found,
    IncomingMessage,
    Kind,
    MalformedRequestError,
    Outgoing,
    Receipt,
    Request,
    SendResult,
)
from channels.signature import is_signed, is_signed_body
from channels.twilio_codes import outcome_of

API = "https://api.twilio.com"
SETTINGS = ("account_sid", "auth_token")
DEFAULT_RATE = 1.0  # a long code's own rate; short codes and messaging services carry more
# Well inside the outbox's 30 s lease: a send must have ended, one way or the other, before its lease does.
TIMEOUT = 10.0
LONGEST_TIMEOUT = 20.0
CLOCK_SKEW = timedelta(minutes=5)
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_REJECT_TWIML = ('<?xml version="1.0" encoding="UTF-8"?><Response><Reject reason="busy"/></Response>', "text/xml")
# What stands in From where a caller hides their number: ANONYMOUS, RESTRICTED, BLOCKED, UNAVAILABLE, UNKNOWN dialled.
_NO_CALLER = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"})
_EMPTY_TWIML = ('<?xml version="1.0" encoding="UTF-8"?><Response/>', "text/xml")

# MessageStatus → our state; the others (accepted, queued, sending, scheduled) say nothing new.
STATES = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}

_MOST_ID = 2**63 - 1  # what a database's column holds
_SID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ._&+-]{1,11}")
_PREFIXES = ("whatsapp:", "rcs:")
_PUNCTUATION = str.maketrans("", "", " -().\u00a0\u202a\u202c")


class Twilio:
    """One Twilio account and sender. `auth_token_2` is accepted beside `auth_token` while the token is rotated."""

    # A message is in Twilio's list from the moment it answers the POST that made it.
    can_find = True

    def __init__(self, name: str, address: str, settings: Mapping[str, Any], public_url: str) -> None:
        self._name = name
        self._tokens = [str(settings[key]) for key in ("auth_token", "auth_token_2") if settings.get(key)]
        self._callback = f"{public_url.rstrip('/')}/channels/{name}/status?id="
        service = settings.get("messaging_service_sid")
        if not service and not address:
            raise ChannelSettingError(f"channel {name!r}: it needs an address or the setting 'messaging_service_sid'")
        self._sender = {"messaging_service_sid": service} if service else {"from_": address}
        account = str(settings["account_sid"])
        if not re.fullmatch(r"AC[0-9a-fA-F]{32}", account):
            raise ChannelSettingError(f"channel {name!r}: setting 'account_sid' is not an account SID")
        self._http = TwilioHttp(_api_base(name, settings.get("api_base") or API), _timeout(name, settings))
        # The package reads TWILIO_REGION and TWILIO_EDGE from the environment unless it is given another one.
        client = Client(account, self._tokens[0], http_client=self._http, environment={"": ""})
        self._messages = client.messages

    # --- out ---

    async def send(self, message: Outgoing) -> SendResult:
        try:
            sent = await self._messages.create_async(
                to=message.recipient,
                body=message.text,
                status_callback=f"{self._callback}{message.message_id}",
                **self._sender,
            )
        except (TwilioException, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return failure(error)
        return SendResult(OUTCOMES["accepted"], provider_id=sent.sid or "")

    async def find(self, recipient: str, since: datetime) -> AsyncIterator[Found]:
        """Newest first. Raises what the connection raises: "could not ask" must not look like "was not sent".

        Not filtered by DateSent: Twilio leaves it empty while a message is queued, which is the one we look for.
        """
        listed = await self._messages.stream_async(to=recipient, limit=1000, page_size=50)
        async for message in listed:
            created = message.date_created
            if created is None or message.direction == "inbound" or message.status == "canceled":
                continue
            if created < since - CLOCK_SKEW:
                return
            yield Found(message.sid or "", message.to or recipient, message.body or "", created)

    # --- in ---

    def read_inbound(self, request: Request) -> IncomingMessage:
        fields = self._verified(request)
        sender = canonical(fields.get("From", ""))
        if sender is None:
            raise MalformedRequestError("From is missing or no address")
        media = fields.get("NumMedia", "0")
        return IncomingMessage(
            provider_id=_sid(fields, "MessageSid", "SmsSid"),
            sender=sender,
            recipient=canonical(fields.get("To", "")) or "",
            text=fields.get("Body", ""),
            media=int(media) if media.isascii() and media.isdigit() and len(media) < 4 else 0,
        )

    def read_call(self, request: Request) -> IncomingMessage | None:
        fields = self._verified(request)
        provider_id = _sid(fields, "CallSid")
        sender = canonical(fields.get("From", ""))
        if sender is None or sender in _NO_CALLER:
            return None
        return IncomingMessage(provider_id, sender, canonical(fields.get("To", "")) or "", "", is_call=True)

    def read_status(self, request: Request) -> Receipt | None:
        fields = self._verified(request)
        provider_id = _sid(fields, "MessageSid", "SmsSid")
        status = fields.get("MessageStatus") or fields.get("SmsStatus")
        if not status:
            raise MalformedRequestError("MessageStatus is missing")
        state = STATES.get(status)
        if state is None:
            return None
        ours = request.query.get("id", "")
        is_number = ours.isascii() and ours.isdigit() and len(ours) < 20
        message_id = int(ours) if is_number and int(ours) <= _MOST_ID else None
        return Receipt(provider_id, state, _receipt_outcome(state, status, fields.get("ErrorCode", "")), message_id)

    def acknowledge(self) -> tuple[str, str]:
        return _EMPTY_TWIML

    def hang_up(self) -> tuple[str, str]:
        return _REJECT_TWIML

    def _verified(self, request: Request) -> dict[str, str]:
        """The form's fields as sent, whitespace and empty ones included: the signature covers them as they are."""
        signature = request.headers.get("x-twilio-signature")
        if not signature:
            raise ForgedRequestError("the signature is missing")
        if not request.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
            if is_signed_body(self._tokens, request.url, request.body, signature):
                raise MalformedRequestError("the body is not a form")
            raise ForgedRequestError("the body is neither a form nor signed")
        try:
            pairs = parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=300)
        except ValueError:
            raise ForgedRequestError("the body cannot be what was signed") from None
        if not is_signed(self._tokens, request.url, pairs, signature):
            raise ForgedRequestError("the signature is wrong")
        return dict(pairs)

    async def close(self) -> None:
        await self._http.close()


def canonical(address: str) -> str | None:
    """`+` and digits for telephones (a channel prefix such as `whatsapp:` kept); None if it is no address at all."""
    for prefix in _PREFIXES:
        if address.startswith(prefix):
            number = canonical(address[len(prefix) :])
            return prefix + number if number else None
    if _E164.fullmatch(address):
        return address
    bare = address.translate(_PUNCTUATION)
    if bare.startswith("00"):
        bare = "+" + bare[2:]
    if _E164.fullmatch(bare) or _SHORT_CODE.fullmatch(bare):
        return bare
    if bare.isascii() and bare.isdigit() and _E164.fullmatch("+" + bare):
        return "+" + bare
    return address if _ALPHANUMERIC.fullmatch(address) else None


def failure(error: Exception) -> SendResult:
    """Which named end this was. Its text is never passed on: Twilio quotes the number in it."""
    if isinstance(error, TwilioRestException | TwilioServiceException):
        code = int(error.code or 0)
        detail = f"twilio {code}" if code > 999 else f"http {error.status}"
        return SendResult(outcome_of(code, error.status), detail=detail)
    detail = type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | ConnectionRefusedError):
        return SendResult(OUTCOMES["no_connection"], detail=detail)
    # The request was on its way: a reset, a cut answer and an answer that is no JSON may all hide an acceptance.
    return SendResult(OUTCOMES["timeout"], detail=detail)


def _receipt_outcome(state: str, status: str, code: str) -> Any:
    if state == "delivered":
        return OUTCOMES["delivered"]
    if state == "sent":
        return None
    if code.isascii() and code.isdigit() and code != "0":
        return outcome_of(int(code[:9]), 400)
    return OUTCOMES["lost" if status == "undelivered" else "rejected"]


def _sid(fields: Mapping[str, str], *names: str) -> str:
    """The first of these fields that is there."""
    sid = next((fields[name] for name in names if fields.get(name)), "")
    if not _SID.fullmatch(sid):
        raise MalformedRequestError(f"{names[0]} is missing or no identifier")
    return sid


def _api_base(name: str, base: str) -> str:
    parts = urlsplit(base)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not is_safe or not parts.hostname or parts.query or parts.fragment:
        raise ChannelSettingError(f"channel {name!r}: setting 'api_base' must be https, or http on this machine")
    return base.rstrip("/")


def _timeout(name: str, settings: Mapping[str, Any]) -> float:
    try:
        seconds = float(settings.get("timeout") or TIMEOUT)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise ChannelSettingError(f"channel {name!r}: setting 'timeout' must be up to {LONGEST_TIMEOUT:.0f} seconds")
    return seconds


def _authorization(auth: tuple[str, str] | None) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(":".join(auth).encode()).decode()} if auth else {}


class TwilioHttp(AsyncHttpClient):  # type: ignore[misc]  # the package has no types
    """The package's transport with one pooled session, our timeouts, no retries, and no log of numbers and texts.

    The package's own `AsyncTwilioHttpClient` logs every parameter, ignores its timeout and repeats POSTs when told to
    retry; and it cannot be pointed at another address, which tests and benches need.
    """

    def __init__(self, api_base: str, timeout: float) -> None:
        super().__init__(logging.getLogger("hujambo.twilio"), is_async=True)
        self._api_base = api_base
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=timeout / 2)
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        uri: str,
        params: Any = None,
        data: Any = None,
        headers: Any = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109  the package's signature; ours is the session's
        allow_redirects: bool = False,
    ) -> Response:
        if uri.startswith(API):
            uri = self._api_base + uri[len(API) :]
        if self._session is None:
            # Made on first use: a channel may be opened before there is an event loop.
            self._session = aiohttp.ClientSession(timeout=self._timeout, connector=aiohttp.TCPConnector(limit=256))
        async with self._session.request(
            method.upper(),
            uri,
            params=params,
            data=data,
            headers=(headers or {}) | _authorization(auth),
            allow_redirects=allow_redirects,
        ) as response:
            return Response(response.status, await response.text(), response.headers)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
            await asyncio.sleep(0)  # let TLS transports see the end before the loop may close


KIND = Kind("twilio", SETTINGS, DEFAULT_RATE, Twilio)
