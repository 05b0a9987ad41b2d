"""E-mail through a real SMTP conversation with a small server of our own."""

import asyncio
from email import message_from_bytes, policy

import pytest
from aiohttp.test_utils import unused_port

from channels import KINDS
from channels.base import OUTCOMES, ChannelSettingError, Outgoing

SENDER = "hujambo@example.org"
STAFF = "staff@example.org"


class Sink:
    """Just enough SMTP to take a letter, or to answer one command with something else."""

    def __init__(self):
        self.letters = []
        self.answers = {}
        self.server = None

    async def start(self):
        self.server = await asyncio.start_server(self.talk, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def talk(self, reader, writer):
        async def say(line):
            writer.write(line.encode() + b"\r\n")
            await writer.drain()

        await say(self.answers.get("CONNECT", "220 sink"))
        while line := await reader.readline():
            word = line.split()[0].decode().upper()
            answer = self.answers.get(word)
            if answer == "hang up":
                break
            if word == "DATA" and not answer:
                await say("354 go on")
                self.letters.append((await reader.readuntil(b"\r\n.\r\n"))[:-3])
                if self.answers.get("LETTER") == "hang up":
                    break
                answer = self.answers.get("LETTER")
            await say(answer or ("221 bye" if word == "QUIT" else "250 ok"))
        writer.close()


@pytest.fixture
async def sink():
    sink = Sink()
    sink.port = await sink.start()
    yield sink
    sink.server.close()


def open_email(port, **settings):
    settings = {"host": "127.0.0.1", "port": port, "sender": SENDER, "starttls": False} | settings
    return KINDS["email"].open("mail", "", settings, "https://example.org")


async def send(port, recipient=STAFF, text="Alert 17: take it\nhttps://example.org/a/17"):
    return await open_email(port).send(Outgoing(42, recipient, text, "alert"))


async def test_a_notification_arrives_with_its_first_line_as_subject(sink):
    result = await send(sink.port)
    [raw] = sink.letters
    letter = message_from_bytes(raw, policy=policy.default)
    assert result.outcome == OUTCOMES["accepted"]
    assert (letter["From"], letter["To"], letter["Subject"]) == (SENDER, STAFF, "Alert 17: take it")
    assert (letter["Message-ID"], letter["Auto-Submitted"]) == ("<42@example.org>", "auto-generated")
    assert letter.get_content().splitlines() == ["Alert 17: take it", "https://example.org/a/17"]


async def test_other_scripts_arrive_whole(sink):
    await send(sink.port, text="تنبيه ١٧")
    letter = message_from_bytes(sink.letters[0], policy=policy.default)
    assert (letter["Subject"], letter.get_content().strip()) == ("تنبيه ١٧", "تنبيه ١٧")


@pytest.mark.parametrize(
    ("command", "answer", "name"),
    [
        ("RCPT", "550 no such user", "bad_address"),
        ("RCPT", "450 later", "gateway_fault"),
        ("MAIL", "550 not you", "bad_sender"),
        ("MAIL", "421 busy", "gateway_fault"),
        ("DATA", "554 no", "rejected"),
        ("LETTER", "554 spam", "rejected"),
        ("LETTER", "451 later", "gateway_fault"),
        ("LETTER", "hang up", "timeout"),
        ("CONNECT", "554 go away", "gateway_fault"),
    ],
)
async def test_every_refusal_has_its_outcome(sink, command, answer, name):
    sink.answers[command] = answer
    result = await send(sink.port)
    assert result.outcome == OUTCOMES[name]
    assert STAFF not in result.detail


async def test_nothing_was_sent_where_nobody_listens():
    assert (await send(unused_port())).outcome == OUTCOMES["no_connection"]


@pytest.mark.parametrize("recipient", ["", "nobody", "a@b\nBcc: c@d", "a@b, c@d", "a b@c"])
async def test_what_is_no_address_is_sent_nowhere(sink, recipient):
    assert (await send(sink.port, recipient)).outcome == OUTCOMES["bad_address"]
    assert sink.letters == []


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"sender": "nobody"}, "sender"),
        ({"port": "x"}, "port"),
        ({"port": 70000}, "port"),
        ({"host": ""}, "host"),
        ({"host": "mail.example.org", "username": "u", "password": "p"}, "starttls"),
    ],
)
def test_a_setting_that_cannot_work_is_named(settings, named):
    with pytest.raises(ChannelSettingError, match=named):
        open_email(**{"port": 25} | settings)
