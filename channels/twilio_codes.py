"""What Twilio's error codes mean to us: code → name in `channels.base.OUTCOMES`. Codes not here are `rejected`.

Source: Twilio's error dictionary, https://www.twilio.com/docs/api/errors; for its API and for status callbacks.
"""

from channels.base import OUTCOMES, Outcome

# Codes that blame the recipient never pause the channel; codes that blame our account do (see `OUTCOMES`).
OUTCOME_OF_CODE: dict[int, str] = {
    14107: "rate_limited",
    20003: "bad_account",  # authentication failed
    20005: "bad_account",  # account not active
    20006: "bad_account",
    20008: "bad_account",  # test credentials
    20404: "bad_account",  # no such account
    20429: "rate_limited",
    20500: "gateway_fault",
    20503: "gateway_fault",
    21210: "bad_sender",
    21211: "bad_number",
    21212: "bad_sender",
    21217: "bad_number",
    21265: "not_mobile",  # a short code
    21266: "bad_number",  # our own number
    21408: "country_closed",
    21603: "bad_sender",
    21604: "bad_number",
    21606: "bad_sender",
    21610: "opted_out",
    21611: "rate_limited",  # the sender's queue is full
    21612: "no_route",
    21614: "not_mobile",
    21635: "not_mobile",  # a landline
    21656: "rejected",
    21659: "bad_sender",
    21660: "bad_sender",
    21703: "bad_sender",  # the messaging service has no sender
    21704: "bad_sender",
    21705: "bad_sender",
    30001: "rate_limited",  # queue overflow
    30002: "bad_account",  # account suspended
    30003: "unreachable",
    30004: "blocked",
    30005: "unknown_handset",
    30006: "not_mobile",
    30007: "filtered",
    30008: "lost",
    30017: "lost",  # operator congested
    30022: "rate_limited",
    30023: "rate_limited",  # daily cap
    30024: "bad_sender",
    30032: "bad_sender",
    30034: "bad_sender",
    30036: "lost",  # validity period over before it left
    30410: "lost",  # the operator did not answer in time
    63003: "bad_number",
    63007: "bad_sender",
    63014: "opted_out",
    63016: "rejected",  # WhatsApp: outside the 24 hours in which free text is allowed
    63018: "rate_limited",
    63024: "bad_number",
    63038: "rate_limited",
}

OUTCOME_OF_STATUS: dict[int, str] = {
    401: "bad_account",
    403: "bad_account",
    404: "bad_account",
    429: "rate_limited",
    503: "gateway_fault",
}


def outcome_of(code: int, status: int) -> Outcome:
    """The outcome of a refusal, from Twilio's error code and, where it gave none, from the HTTP status."""
    if code in OUTCOME_OF_CODE:
        return OUTCOMES[OUTCOME_OF_CODE[code]]
    if status in OUTCOME_OF_STATUS:
        return OUTCOMES[OUTCOME_OF_STATUS[status]]
    # A bare 500, 502 or 504 comes from a machine in between: Twilio itself may have taken the message.
    return OUTCOMES["timeout" if status >= 500 else "rejected"]
