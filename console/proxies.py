"""From which address a request comes when proxies stand before us: only what a proxy of ours says is believed. Pure."""

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NOBODY = "unknown"


def read_proxies(text: str) -> tuple[Network, ...]:
    """`10.0.0.1, 192.0.2.0/24` as networks. Raises ValueError with a sentence that names the entry."""
    return tuple(_network(entry.strip()) for entry in text.split(",") if entry.strip())


def _network(entry: str) -> Network:
    try:
        return ipaddress.ip_network(entry)
    except ValueError:
        raise ValueError(f"{entry!r} is neither an address nor a network like 10.0.0.0/8") from None


def visitor(peer: str | None, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """Who asks, as a key to count by: `peer`, or the nearest address in `X-Forwarded-For` that is no proxy of ours.

    `forwarded`: the values of all such headers. Each proxy appends whom it heard, so the list is read from its end:
    what stands before the first stranger is the stranger's own word.
    """
    here = _address(peer or "")
    if here is None:
        return _NOBODY
    for entry in reversed(",".join(forwarded).split(",")):
        if not any(here in network for network in proxies):
            break
        before = _address(entry.strip())
        if before is None:
            break
        here = before
    return _key(here)


def _address(text: str) -> _Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found


def _key(address: _Address) -> str:
    """One household has a whole /64 of IPv6: counted one by one, its addresses never run out."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
