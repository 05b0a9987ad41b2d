"""`python -m channels.fake_twilio`."""

from channels.fake_twilio.server import main

main()
