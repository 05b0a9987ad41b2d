"""Twilio: every end of a send has its name, through the real client and a server that answers as Twilio does."""

from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.test_utils import unused_port

from channels import KINDS
from channels.base import (
    OUTCOMES,
    ChannelSettingError,
    ForgedRequestError,
    IncomingMessage,
    MalformedRequestError,
    Outgoing,
    Receipt,
    Request,
)
from channels.fake_twilio import ACCOUNT_SID, AUTH_TOKEN, FakeTwilio
from channels.signature import sign
from channels.twilio import canonical
from channels.twilio_codes import OUTCOME_OF_CODE, OUTCOME_OF_STATUS

PUBLIC = "https://example.org/hujambo"
SENDER = "+19995550100"
PERSON = "+19995550123"
SETTINGS = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN}


@pytest.fixture
async def fake():
    twilio = FakeTwilio(callbacks=False)
    await twilio.start()
    yield twilio
    await twilio.stop()


@pytest.fixture
async def channel(fake):
    opened = open_channel(api_base=fake.url, timeout=0.5)
    yield opened
    await opened.close()


def open_channel(address=SENDER, **settings):
    return KINDS["twilio"].open("sms", address, SETTINGS | settings, PUBLIC)


async def send(channel, recipient=PERSON, text="Habari?", message_id=77):
    return await channel.send(Outgoing(message_id, recipient, text))


async def test_a_message_leaves_with_our_id_in_its_callback(fake, channel):
    result = await send(channel)
    [message] = fake.messages
    assert (result.outcome, result.provider_id) == (OUTCOMES["accepted"], message.sid)
    assert (message.to, message.sender, message.body, message.callback) == (
        PERSON,
        SENDER,
        "Habari?",
        f"{PUBLIC}/channels/sms/status?id=77",
    )


async def test_a_messaging_service_sends_in_place_of_a_number(fake):
    service = "MG" + "a" * 32
    channel = open_channel("", api_base=fake.url, messaging_service_sid=service)
    assert (await send(channel)).outcome.name == "accepted"
    assert [(m.service, m.sender) for m in fake.messages] == [(service, "")]
    await channel.close()


@pytest.mark.parametrize(("code", "name"), sorted(OUTCOME_OF_CODE.items()))
async def test_every_error_code_has_its_outcome(fake, channel, code, name):
    fake.fail_next(code)
    result = await send(channel)
    assert (result.outcome, result.detail, result.provider_id) == (OUTCOMES[name], f"twilio {code}", "")


@pytest.mark.parametrize(
    ("failure", "name"),
    [
        (500, "gateway_fault"),
        (503, "gateway_fault"),
        (429, "rate_limited"),
        (401, "bad_account"),
        (502, "timeout"),
        (504, "timeout"),
        (418, "rejected"),
        (21999, "rejected"),
        ("timeout", "timeout"),
        ("timeout_after", "timeout"),
        ("reset", "timeout"),
        ("reset_after", "timeout"),
        ("slow", "accepted"),
    ],
)
async def test_every_fault_of_the_way_there_has_its_outcome(fake, channel, failure, name):
    fake.fail_next(failure)
    result = await send(channel)
    assert result.outcome == OUTCOMES[name]
    assert len(fake.messages) == (failure in {"timeout_after", "reset_after", "slow"})
    assert PERSON not in result.detail


async def test_nothing_was_sent_where_nobody_listens():
    channel = open_channel(api_base=f"http://127.0.0.1:{unused_port()}")
    assert (await send(channel)).outcome == OUTCOMES["no_connection"]
    await channel.close()


async def test_a_send_is_never_repeated_by_the_client(fake, channel):
    fake.fail_next(503, 5)
    await send(channel)
    assert fake.counts["requests"] == 1


def test_codes_that_blame_one_number_never_pause_the_channel():
    names = {OUTCOME_OF_CODE[code] for code in (21211, 21408, 21610, 21612, 21614, 30003, 30004, 30005, 30006, 30007)}
    assert [name for name in sorted(names) if OUTCOMES[name].pause_channel] == []


def test_the_tables_name_only_known_outcomes():
    assert {*OUTCOME_OF_CODE.values(), *OUTCOME_OF_STATUS.values()} <= set(OUTCOMES)


async def test_an_uncertain_message_is_found_at_the_gateway(fake, channel):
    await send(channel, text="earlier")
    fake.messages[0].created -= 3600
    fake.fail_next("timeout_after")
    assert (await send(channel)).outcome.is_uncertain
    await send(channel, recipient="+19995550999")
    since = datetime.now(UTC) - timedelta(minutes=1)
    found = [f async for f in channel.find(PERSON, since)]
    assert [(f.provider_id, f.recipient, f.text) for f in found] == [(fake.messages[1].sid, PERSON, "Habari?")]


async def test_what_was_found_spans_pages(fake, channel):
    for number in range(120):
        await send(channel, text=str(number))
    found = [f.text async for f in channel.find(PERSON, datetime.now(UTC) - timedelta(minutes=1))]
    assert found == [str(number) for number in reversed(range(120))]


async def test_being_unable_to_ask_is_not_an_empty_answer():
    channel = open_channel(api_base=f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(OSError, match="Cannot connect"):
        [f async for f in channel.find(PERSON, datetime.now(UTC))]
    await channel.close()


# --- in ---


def request(fields, *, path="/channels/sms/inbound", token=AUTH_TOKEN, query=None, **headers):
    from urllib.parse import urlencode

    url = PUBLIC + path
    head = {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": sign(token, url, fields.items()),
    } | headers
    return Request(url, {k: v for k, v in head.items() if v}, urlencode(fields).encode(), query or {})


INBOUND = {"MessageSid": "SM1", "From": PERSON, "To": SENDER, "Body": " nimechoka ", "NumMedia": "1", "FromCity": ""}


def test_an_inbound_message_is_read_as_it_was_written():
    assert open_channel().read_inbound(request(INBOUND)) == IncomingMessage("SM1", PERSON, SENDER, " nimechoka ", 1)


@pytest.mark.parametrize(
    "forged",
    [
        request(INBOUND, token="other"),
        request(INBOUND, **{"x-twilio-signature": ""}),
        request(INBOUND, **{"content-type": "application/json"}),
        request(INBOUND, **{"content-type": ""}),
    ],
)
def test_what_is_not_signed_is_forged(forged):
    with pytest.raises(ForgedRequestError):
        open_channel().read_inbound(forged)


@pytest.mark.parametrize(
    "change",
    [
        {"From": ""},
        {"From": "who?"},
        {"From": "+1"},
        {"MessageSid": ""},
        {"MessageSid": "x" * 65},
        {"MessageSid": "a b"},
    ],
)
def test_signed_nonsense_is_malformed_and_its_words_are_not_repeated(change):
    with pytest.raises(MalformedRequestError) as caught:
        open_channel().read_inbound(request(INBOUND | change))
    assert not [value for value in change.values() if value and value in str(caught.value)]


def test_the_second_token_is_accepted_while_the_first_is_replaced():
    channel = open_channel(auth_token="new", auth_token_2=AUTH_TOKEN)
    assert channel.read_inbound(request(INBOUND)).provider_id == "SM1"


def test_an_odd_media_count_does_not_lose_the_message():
    assert open_channel().read_inbound(request(INBOUND | {"NumMedia": "many"})).media == 0


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        ("queued", "", None),
        ("sending", "", None),
        ("sent", "", ("sent", None)),
        ("delivered", "", ("delivered", "delivered")),
        ("undelivered", "30003", ("failed", "unreachable")),
        ("undelivered", "30007", ("failed", "filtered")),
        ("failed", "21610", ("failed", "opted_out")),
        ("undelivered", "", ("failed", "lost")),
        ("failed", "", ("failed", "rejected")),
        ("failed", "99999", ("failed", "rejected")),
    ],
)
def test_a_status_callback_is_a_receipt_for_our_message(status, code, expected):
    fields = {"MessageSid": "SM1", "MessageStatus": status, "ErrorCode": code}
    got = open_channel().read_status(request(fields, path="/channels/sms/status?id=77", query={"id": "77"}))
    wanted = expected and Receipt("SM1", expected[0], expected[1] and OUTCOMES[expected[1]], 77)
    assert got == wanted


@pytest.mark.parametrize(
    ("given", "read"), [(str(2**63 - 1), 2**63 - 1), (str(2**63), None), ("9" * 20, None), ("x", None)]
)
def test_a_callback_names_no_message_that_no_database_could_hold(given, read):
    fields = {"MessageSid": "SM1", "MessageStatus": "sent"}
    got = open_channel().read_status(request(fields, path=f"/channels/sms/status?id={given}", query={"id": given}))
    assert got.message_id == read


def test_a_status_callback_without_a_status_is_malformed():
    with pytest.raises(MalformedRequestError):
        open_channel().read_status(request({"MessageSid": "SM1"}, path="/channels/sms/status"))


@pytest.mark.parametrize(
    ("written", "canonical_form"),
    [
        ("+254712345678", "+254712345678"),
        ("+254 712 345-678", "+254712345678"),
        ("00254712345678", "+254712345678"),
        ("254712345678", "+254712345678"),
        ("whatsapp:+254712345678", "whatsapp:+254712345678"),
        ("21456", "21456"),
        ("MPESA", "MPESA"),
        ("", None),
        ("+", None),
        ("+0123456789", None),
        ("+1234567890123456", None),
        ("<script>", None),
    ],
)
def test_addresses_have_one_form(written, canonical_form):
    assert canonical(written) == canonical_form


@pytest.mark.parametrize(
    ("address", "settings", "named"),
    [
        (SENDER, {"auth_token": ""}, "auth_token"),
        (SENDER, {"account_sid": "SM1"}, "account_sid"),
        ("", {}, "messaging_service_sid"),
        (SENDER, {"api_base": "http://example.org"}, "api_base"),
        (SENDER, {"api_base": "ftp://127.0.0.1"}, "api_base"),
        (SENDER, {"timeout": 60}, "timeout"),
    ],
)
def test_a_setting_that_cannot_work_is_named(address, settings, named):
    with pytest.raises(ChannelSettingError, match=named):
        open_channel(address, **settings)
