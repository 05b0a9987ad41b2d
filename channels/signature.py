"""Twilio's webhook signature: HMAC-SHA1 over the address and the sorted form fields, as twilio's RequestValidator does.

Written out because it is the hot path of every webhook: RequestValidator parses the address several times per check and
takes no repeated fields from a plain list. `tests/channels/test_signature.py` proves that both agree.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import parse_qs

Fields = Iterable[tuple[str, str]]


def sign(token: str, url: str, fields: Fields = ()) -> str:
    """The signature Twilio sends for this address and these form fields (repeated fields: each value once)."""
    return _digest(token.encode(), url, _join(fields))


def is_signed(tokens: Sequence[str], url: str, fields: Fields, signature: str) -> bool:
    """Whether one of the tokens (two while they are rotated) signed this form; Twilio signs with or without a port."""
    joined = _join(fields)
    given = signature.encode("utf-8", "replace")
    is_equal = False
    for token in tokens:
        secret = token.encode()
        for address in _addresses(url):
            is_equal |= hmac.compare_digest(_digest(secret, address, joined).encode(), given)
            if is_equal:
                return True
    return is_equal


def is_signed_body(tokens: Sequence[str], url: str, body: bytes, signature: str) -> bool:
    """The same for a body that is not a form: only its hash, in the query, is signed. No hash, no proof."""
    hashes = parse_qs(url.partition("?")[2]).get("bodySHA256", [""])
    is_same = hmac.compare_digest(
        hashlib.sha256(body).hexdigest(), hashes[0].lower().encode("ascii", "replace").decode()
    )
    return is_same and is_signed(tokens, url, (), signature)


def _join(fields: Fields) -> str:
    pairs = sorted(set(fields))
    return "".join([name + value for name, value in pairs])


def _digest(secret: bytes, url: str, joined: str) -> str:
    return base64.b64encode(hmac.digest(secret, (url + joined).encode("utf-8", "replace"), "sha1")).decode()


def _addresses(url: str) -> tuple[str, ...]:
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return tuple(origin + slash + path for origin in _origins(scheme, host))


@lru_cache(maxsize=256)
def _origins(scheme: str, host: str) -> tuple[str, ...]:
    """The origin as given first, then with or without its port. `[::1]:80` has one, `[::1]` has none."""
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit():
        return (f"{scheme}://{host}", f"{scheme}://{name}")
    return (f"{scheme}://{host}", f"{scheme}://{host}:{443 if scheme == 'https' else 80}")
