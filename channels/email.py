"""E-mail to staff through an SMTP server: notifications only, nobody texts back here."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import aiosmtplib

from channels.base import (
    OUTCOMES,
    ChannelSettingError,
    ForgedRequestError,
    Found,
    IncomingMessage,
    Kind,
    Outcome,
    Outgoing,
    Receipt,
    Request,
    SendResult,
)

SETTINGS = ("host", "sender")
DEFAULT_RATE = 5.0
TIMEOUT = 5.0  # seconds per command
PHASE = 10.0  # seconds to connect, and again to hand over: together inside the outbox's lease of 30
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_SUBJECT_LENGTH = 120


class Email:
    """Settings: `host`, `sender`, and optionally `port` (587), `username`, `password`, `starttls` (true).

    Port 465 speaks TLS from the first byte. Without either, credentials are refused unless the server is this machine.
    """

    can_find = False  # a mail server does not tell

    def __init__(self, name: str, address: str, settings: Mapping[str, Any], public_url: str) -> None:  # noqa: ARG002
        self._host = str(settings["host"])
        self._sender = str(settings["sender"])
        self._port = _port(name, settings.get("port", 587))
        self._username = settings.get("username") or None
        self._password = settings.get("password") or None
        self._use_tls = self._port == 465
        self._starttls = not self._use_tls and settings.get("starttls", True) not in {False, "false", "no", "0"}
        if not _is_address(self._sender):
            raise ChannelSettingError(f"channel {name!r}: setting 'sender' is not an e-mail address")
        if self._password and not (self._use_tls or self._starttls) and self._host not in _LOOPBACK:
            raise ChannelSettingError(f"channel {name!r}: setting 'starttls' must be on where a password is sent")

    async def send(self, message: Outgoing) -> SendResult:
        if not _is_address(message.recipient):
            return SendResult(OUTCOMES["bad_address"], detail="no address")
        letter = self._letter(message)
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            timeout=TIMEOUT,
            use_tls=self._use_tls,
            start_tls=self._starttls,
            tls_context=ssl.create_default_context() if self._use_tls or self._starttls else None,
            username=self._username,
            password=self._password,
        )
        try:
            async with asyncio.timeout(PHASE):
                await client.connect()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return _failure(error, has_begun=False)
        try:
            async with asyncio.timeout(PHASE):
                await client.send_message(letter)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return _failure(error, has_begun=True)
        finally:
            client.close()
        return SendResult(OUTCOMES["accepted"], provider_id=str(letter["Message-ID"])[:64])

    def _letter(self, message: Outgoing) -> EmailMessage:
        letter = EmailMessage()
        letter["From"] = self._sender
        letter["To"] = message.recipient
        first = next(iter(message.text.strip().splitlines()), "")
        letter["Subject"] = "".join(c for c in first if c.isprintable())[:_SUBJECT_LENGTH]
        letter["Date"] = format_datetime(datetime.now(UTC))
        # The same for every attempt: mail servers drop the second copy of a letter whose first attempt did arrive.
        letter["Message-ID"] = f"<{message.message_id}@{self._sender.rpartition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(message.text)
        return letter

    def read_inbound(self, request: Request) -> IncomingMessage:  # noqa: ARG002  the protocol's
        raise ForgedRequestError("e-mail has no webhooks")

    def read_call(self, request: Request) -> IncomingMessage | None:  # noqa: ARG002
        raise ForgedRequestError("e-mail has no webhooks")

    def read_status(self, request: Request) -> Receipt | None:  # noqa: ARG002
        raise ForgedRequestError("e-mail has no webhooks")

    def acknowledge(self) -> tuple[str, str]:
        return "", "text/plain"

    def hang_up(self) -> tuple[str, str]:
        return "", "text/plain"

    async def find(self, recipient: str, since: datetime) -> AsyncIterator[Found]:  # noqa: ARG002
        """SMTP servers cannot be asked."""
        none: tuple[Found, ...] = ()
        for found in none:
            yield found

    async def close(self) -> None:
        """Connections last for one letter."""


def _failure(error: Exception, *, has_begun: bool) -> SendResult:
    code = getattr(error, "code", 0)
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        code = error.recipients[0].code if error.recipients else 550
    return SendResult(_outcome(error, code, has_begun=has_begun), detail=f"{type(error).__name__} {code or ''}".strip())


def _outcome(error: Exception, code: int, *, has_begun: bool) -> Outcome:
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return OUTCOMES["bad_account"]
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return OUTCOMES["bad_address" if code >= 500 else "gateway_fault"]
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        return OUTCOMES["bad_sender" if code >= 500 else "gateway_fault"]
    if isinstance(error, aiosmtplib.SMTPResponseException) and code > 0:
        return OUTCOMES["rejected" if code >= 500 and has_begun else "gateway_fault"]
    if isinstance(error, UnicodeError | ValueError):
        return OUTCOMES["rejected"]
    return OUTCOMES["timeout" if has_begun else "no_connection"]


def _is_address(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    return bool(local and domain) and text.isprintable() and not any(c in text for c in " ,;<>\"'")


def _port(name: str, value: Any) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise ChannelSettingError(f"channel {name!r}: setting 'port' is not a port")
    return int(text)


KIND = Kind("email", SETTINGS, DEFAULT_RATE, Email)
