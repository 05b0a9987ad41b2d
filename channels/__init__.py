"""One file per gateway, and the kinds of channel there are."""

from channels.base import ChannelKind
from channels.email import KIND as EMAIL
from channels.phones import KIND as PHONES
from channels.twilio import KIND as TWILIO

KINDS: dict[str, ChannelKind] = {
    "twilio": TWILIO,
    "phones": PHONES,
    "email": EMAIL,
}
