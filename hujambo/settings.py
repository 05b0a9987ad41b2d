"""The one typed object that says how this installation runs, read from `HUJAMBO_…` variables and checked at start."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from console.proxies import Network, read_proxies
from hujambo.rasa.client import DEFAULT_URL, PATIENCE, checked_url
from store.database import DatabaseSettingError, async_url
from store.secrets import KeyRing, KeyRingError

PREFIX = "HUJAMBO_"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class SettingError(ValueError):
    """A variable is missing, unknown or cannot be used. The text names it and never quotes a secret."""


class Settings(BaseSettings):
    """Every setting. Each may also be given as `HUJAMBO_NAME_FILE`, the path of a file that holds it."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    database_url: SecretStr = Field(
        description="Where everything is kept: sqlite:///file or postgresql://user@host/name"
    )
    keys: SecretStr = Field(description="The key ring, as `hujambo keys new` prints it")
    public_url: str = Field(
        description="The address at which gateways and staff reach this service, https outside a test"
    )
    content: Path | None = Field(
        default=None, description="The programme's own content pack, laid over the built-in one"
    )
    nlu: Literal["local", "rasa", "none"] = Field(
        default="local", description="Classifier beside the word lists: local, trained at first start, rasa, or none"
    )
    rasa_url: str = Field(default=DEFAULT_URL, description="With HUJAMBO_NLU=rasa: where Rasa is asked")
    rasa_timeout: float = Field(
        default=PATIENCE, gt=0, le=10, description="Seconds within which Rasa must answer, else the local one reads"
    )
    host: str = Field(default="127.0.0.1", description="The address to listen on; a proxy stands before it")
    port: int = Field(default=8080, ge=0, le=65535, description="The port to listen on")
    proxies: str = Field(
        default="", description="Proxies whose X-Forwarded-For is believed, when log-ins are counted by address"
    )
    log: Literal["debug", "info", "warning", "error"] = Field(default="info", description="How much is logged")

    @classmethod
    def settings_customise_sources(cls, settings_cls: Any, init_settings: Any, **others: Any) -> tuple[Any, ...]:  # type: ignore[override]  # noqa: ARG003  pydantic's signature, shortened
        return (init_settings,)  # `read_settings` gives all values: an ambient variable must not fill a hole

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, value: SecretStr) -> SecretStr:
        try:
            async_url(value.get_secret_value())
        except DatabaseSettingError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("keys")
    @classmethod
    def _is_a_key_ring(cls, value: SecretStr) -> SecretStr:
        try:
            KeyRing.parse(value.get_secret_value())
        except KeyRingError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("expected an address like https://checkins.example.org")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError("must begin with https: messages and log-ins pass over it")
        return value.rstrip("/")

    @field_validator("rasa_url")
    @classmethod
    def _is_near_or_sealed(cls, value: str) -> str:
        return checked_url(value)

    @field_validator("content")
    @classmethod
    def _is_a_folder(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError("no such folder")
        return value

    @field_validator("proxies")
    @classmethod
    def _are_addresses(cls, value: str) -> str:
        read_proxies(value)
        return value

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        return read_proxies(self.proxies)

    @property
    def key_ring(self) -> KeyRing:
        return KeyRing.parse(self.keys.get_secret_value())

    @property
    def url(self) -> str:
        return self.database_url.get_secret_value()

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https:")


def variable(name: str) -> str:
    return PREFIX + name.upper()


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment. Raises SettingError with one line for all that is wrong."""
    environment = os.environ if environment is None else environment
    faults: list[str] = []
    values: dict[str, str] = {}
    for name in Settings.model_fields:
        given = _value(name, environment, faults)
        if given is not None:
            values[name] = given
    known = {variable(name) + suffix for name in Settings.model_fields for suffix in ("", "_FILE")}
    faults += [f"{name}: there is no such setting" for name in sorted(environment) if _is_stray(name, known)]
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        faults += [_sentence(fault["loc"], fault["type"], fault["msg"]) for fault in error.errors()]
    if faults:
        raise SettingError("; ".join(faults))
    return settings


def _is_stray(name: str, known: set[str]) -> bool:
    return name.startswith(PREFIX) and name not in known


def _value(name: str, environment: Mapping[str, str], faults: list[str]) -> str | None:
    direct, from_file = environment.get(variable(name)), environment.get(variable(name) + "_FILE")
    if direct is not None and from_file is not None:
        faults.append(f"{variable(name)}: given twice, also as {variable(name)}_FILE")
    if from_file is None:
        return direct
    try:
        return Path(from_file).read_text(encoding="utf-8").strip()
    except OSError as error:
        faults.append(f"{variable(name)}_FILE: cannot be read ({error.strerror})")
        return None


def _sentence(place: tuple[int | str, ...], kind: str, message: str) -> str:
    name = variable(str(place[0])) if place else "settings"
    if kind == "missing":
        return f"{name}: is missing"
    if name == variable("nlu"):
        return f"{name}: it is 'local' (in this process), 'rasa' (a server of its own) or 'none' (word lists alone)"
    return f"{name}: {message.removeprefix('Value error, ')}"
