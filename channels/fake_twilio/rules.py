"""What Twilio's published API description says about every parameter, and the refusal of what it does not allow."""

import contextlib
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

ADDRESS = re.compile(r"(whatsapp:|rcs:|messenger:)?(\+[1-9][0-9]{6,14}|[A-Za-z0-9_]{3,64})")
PHONE = re.compile(r"((whatsapp|rcs):)?\+[1-9][0-9]{6,14}|messenger:[0-9]+")


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


class Refusal(Exception):  # noqa: N818  it is an answer
    def __init__(self, code: int, status: int | None = None) -> None:
        self.code = code
        self.status = status or _STATUS_OF_CODE.get(code, 400)


def check(fields: dict[str, str], rules: dict[str, Callable[[str], bool]]) -> None:
    """Refuse a value that the API description does not allow. Unknown names are ignored, as Twilio does."""
    for name, value in fields.items():
        rule = rules.get(name)
        if rule is not None and value and not rule(value):
            raise Refusal(_CODE_OF_PARAMETER.get(name, _INVALID))


def _day_or_time(value: str) -> tuple[datetime, bool] | None:
    """The instant, and whether only its day was given."""
    with contextlib.suppress(ValueError):
        return datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC), True
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        with contextlib.suppress(ValueError, TypeError):
            moment = read(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)), False
    return None


def is_within(sent: float | None, query: dict[str, str]) -> bool:
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
