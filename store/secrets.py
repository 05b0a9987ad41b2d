"""Field encryption and the blind index: what personal data looks like on disk.

A sealed field is AES-256-GCM under a named key, bound to the place it belongs to (`"table.column"`), so a value
copied into another column does not open. Numbers are found again through a keyed HMAC (the *blind index*): telephone
numbers can be guessed, so it is the key, not the hash, that protects them.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets as _secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Dialect, LargeBinary
from sqlalchemy.types import TypeDecorator

INDEX_KEY = "index"
KEYS_ATTRIBUTE = "hujambo_keys"  # where an engine's dialect carries its ring
_FORMAT = 1
_NONCE = 12


class KeyRingError(ValueError):
    """The keys given cannot be used, or a sealed value does not open with them."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The programme's keys. `primary` seals; every key in `keys` still opens; `index_key` finds numbers."""

    primary: str
    keys: Mapping[str, bytes]
    index_key: bytes
    _ciphers: dict[str, AESGCM] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read `name:base64,…,index:base64`; the first entry that is not `index` is the primary key."""
        entries: dict[str, bytes] = {}
        for number, part in enumerate((p.strip() for p in text.replace("\n", ",").split(",")), start=1):
            if not part:
                continue
            name, sep, value = part.partition(":")
            try:
                key = base64.b64decode(value, validate=True)
            except ValueError:
                key = b""
            if not sep or not name.isalnum() or len(name) > 32 or len(key) != 32:
                # Not quoted: what stands where the name should be may be the key itself.
                msg = f"entry {number}: expected name:base64 of 32 random bytes"
                raise KeyRingError(msg)
            if name in entries:
                msg = f"key {name!r} is given twice"
                raise KeyRingError(msg)
            entries[name] = key
        if INDEX_KEY not in entries:
            msg = "no key named 'index' (it finds telephone numbers)"
            raise KeyRingError(msg)
        index_key = entries.pop(INDEX_KEY)
        if not entries:
            msg = "no data key beside 'index'"
            raise KeyRingError(msg)
        return cls(primary=next(iter(entries)), keys=entries, index_key=index_key)

    @staticmethod
    def generate(name: str = "k1") -> str:
        """A new key ring's text, for the operator to keep outside the database and its backups."""

        def key() -> str:
            return base64.b64encode(_secrets.token_bytes(32)).decode()

        return f"{name}:{key()},{INDEX_KEY}:{key()}"

    def _cipher(self, name: str) -> AESGCM:
        cipher = self._ciphers.get(name)
        if cipher is None:
            if name not in self.keys:
                msg = f"a value was sealed with key {name!r}, which is not among the keys given"
                raise KeyRingError(msg)
            cipher = self._ciphers[name] = AESGCM(self.keys[name])
        return cipher

    def seal(self, place: str, text: str) -> bytes:
        nonce = os.urandom(_NONCE)
        head = bytes((_FORMAT, len(self.primary))) + self.primary.encode()
        return head + nonce + self._cipher(self.primary).encrypt(nonce, text.encode(), place.encode())

    def open(self, place: str, sealed: bytes) -> str:
        if len(sealed) < 2 + _NONCE or sealed[0] != _FORMAT:
            msg = f"{place}: not a sealed value"
            raise KeyRingError(msg)
        end = 2 + sealed[1]
        name = sealed[2:end].decode()
        try:
            plain = self._cipher(name).decrypt(sealed[end : end + _NONCE], sealed[end + _NONCE :], place.encode())
        except InvalidTag:
            msg = f"{place}: the value was altered, moved from another column, or sealed with another key"
            raise KeyRingError(msg) from None
        return plain.decode()

    @staticmethod
    def key_of(sealed: bytes) -> str:
        """The name of the key that sealed this value."""
        return sealed[2 : 2 + sealed[1]].decode()

    def index(self, value: str) -> bytes:
        """16 bytes that find `value` (an address in canonical form, e.g. E.164) without revealing it."""
        return hmac.digest(self.index_key, value.encode(), hashlib.sha256)[:16]


class Sealed(TypeDecorator[str]):
    """A text column that is encrypted on disk. `place` is "table.column" and is part of the seal.

    The key ring comes from the engine's dialect (`store.database.open_database` puts it there), so that there is no
    global key and two databases in one process can use two rings.
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else ring_of(dialect).seal(self.place, value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else ring_of(dialect).open(self.place, bytes(value))


class SealedJson(TypeDecorator[Any]):
    """A JSON value that is encrypted on disk: what a person answered is as much theirs as what they wrote."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        return None if value is None else ring_of(dialect).seal(self.place, json.dumps(value, ensure_ascii=False))

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else json.loads(ring_of(dialect).open(self.place, bytes(value)))


def ring_of(dialect: Dialect) -> KeyRing:
    ring: KeyRing | None = getattr(dialect, KEYS_ATTRIBUTE, None)
    if ring is None:
        msg = "this database was opened without keys"
        raise KeyRingError(msg)
    return ring
