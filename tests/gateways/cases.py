"""One table per channel kind: its settings, and webhooks with what must come of them. `test_gateways` runs them all.

A new kind of channel adds an entry here; without one the suite is red.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from channels.base import OUTCOMES, IncomingMessage, Receipt
from channels.signature import sign

PUBLIC = "https://example.org"
SERVICE = "+19995550100"
PERSON = "+19995550123"
WORDS = "nataka kufa leo"


@dataclass(frozen=True)
class Case:
    """A webhook: `path` below /channels/{name}; `taken` is what reaches the service, None: nothing."""

    name: str
    path: str
    body: bytes
    headers: Mapping[str, str]
    status: int
    taken: IncomingMessage | Receipt | None = None


@dataclass(frozen=True)
class Gateway:
    settings: Mapping[str, Any]
    cases: Sequence[Case] = field(default_factory=tuple)
    # None: the kind has no webhooks, and every one must be refused.
    signature_header: str | None = None


TOKEN = "t0ken"


def _twilio(name, path, fields, status=200, taken=None, **headers):
    url = f"{PUBLIC}/channels/gate/{path}"
    head = {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "X-Twilio-Signature": sign(TOKEN, url, fields.items()),
    }
    return Case(name, path, urlencode(fields).encode(), head | headers, status, taken)


_INBOUND = {"MessageSid": "SM01", "From": PERSON, "To": SERVICE, "Body": WORDS, "NumMedia": "0", "FromCity": ""}
_CALL = {"CallSid": "CA01", "From": PERSON, "To": SERVICE, "CallStatus": "ringing", "Direction": "inbound"}
_STATUS = {"MessageSid": "SM02", "To": PERSON, "From": SERVICE}

GATEWAYS = {
    "twilio": Gateway(
        settings={"account_sid": "AC" + "0" * 32, "auth_token": TOKEN},
        signature_header="X-Twilio-Signature",
        cases=(
            _twilio("message", "inbound", _INBOUND, taken=IncomingMessage("SM01", PERSON, SERVICE, WORDS)),
            _twilio(
                "picture",
                "inbound",
                _INBOUND | {"Body": "", "NumMedia": "2"},
                taken=IncomingMessage("SM01", PERSON, SERVICE, "", 2),
            ),
            _twilio(
                "other scripts and spaces around",
                "inbound",
                _INBOUND | {"Body": " لا أريد أن أعيش ☹ "},
                taken=IncomingMessage("SM01", PERSON, SERVICE, " لا أريد أن أعيش ☹ "),
            ),
            _twilio("no sender", "inbound", _INBOUND | {"From": ""}, 400),
            _twilio("no id", "inbound", _INBOUND | {"MessageSid": ""}, 400),
            _twilio("json", "inbound", _INBOUND, 403, **{"Content-Type": "application/json"}),
            _twilio("missed call", "call", _CALL, taken=IncomingMessage("CA01", PERSON, SERVICE, "", is_call=True)),
            _twilio("caller who hides the number", "call", _CALL | {"From": "+266696687"}),
            _twilio("caller without a number", "call", _CALL | {"From": ""}),
            _twilio("call without an id", "call", _CALL | {"CallSid": ""}, 400),
            _twilio("queued", "status?id=9", _STATUS | {"MessageStatus": "queued"}),
            _twilio("sent", "status?id=9", _STATUS | {"MessageStatus": "sent"}, taken=Receipt("SM02", "sent", None, 9)),
            _twilio(
                "delivered",
                "status?id=9",
                _STATUS | {"MessageStatus": "delivered"},
                taken=Receipt("SM02", "delivered", OUTCOMES["delivered"], 9),
            ),
            _twilio(
                "out of reach",
                "status?id=9",
                _STATUS | {"MessageStatus": "undelivered", "ErrorCode": "30003"},
                taken=Receipt("SM02", "failed", OUTCOMES["unreachable"], 9),
            ),
            _twilio(
                "an id that is none",
                "status?id=9x",
                _STATUS | {"MessageStatus": "sent"},
                taken=Receipt("SM02", "sent", None, None),
            ),
            _twilio("no status", "status?id=9", _STATUS, 400),
        ),
    ),
    "phones": Gateway(settings={}),
    "email": Gateway(settings={"host": "127.0.0.1", "sender": "hujambo@example.org"}),
}
