"""A Twilio of our own, for tests, benches and trying things out: its messages API, its webhooks, its ways to fail.

Accepts and refuses what Twilio's published API description does (`tests/channels/test_fake_twilio.py` compares them).
`python -m channels.fake_twilio --port 8090` runs it as its own process, driven through `/_control`. It sends nothing.
"""

from channels.fake_twilio.account import ACCOUNT_SID, AUTH_TOKEN, FakeMessage
from channels.fake_twilio.rules import CONDITIONS, PARAMETERS, QUERY
from channels.fake_twilio.server import FakeTwilio

__all__ = ["ACCOUNT_SID", "AUTH_TOKEN", "CONDITIONS", "PARAMETERS", "QUERY", "FakeMessage", "FakeTwilio"]
