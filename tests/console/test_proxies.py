"""Who asks, when proxies stand between: nobody chooses by themselves for whom their wrong passwords count."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from console.app import make_console
from console.context import CONSOLE
from console.proxies import read_proxies, visitor
from console.throttle import Throttle
from content.schema import Pack
from store.database import Database
from tests.conftest import NOW, HandClock
from tests.console.conftest import OURS

OUR_PROXIES = read_proxies("127.0.0.1, 10.0.0.0/8, 2001:db8::/32")


@pytest.mark.parametrize(
    ("peer", "forwarded", "who"),
    [
        ("198.51.100.7", [], "198.51.100.7"),
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),  # not our proxy: its word counts for nothing
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9", "10.1.2.3"], "203.0.113.9"),
        ("127.0.0.1", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),  # the first is what the stranger sent
        ("127.0.0.1", ["1.1.1.1, 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        ("127.0.0.1", ["10.9.9.9"], "10.9.9.9"),
        ("127.0.0.1", ["nonsense"], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9, nonsense, 10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("::ffff:127.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("2001:db8::5", ["2606:4700:1:2:aaaa::1"], "2606:4700:1:2::/64"),
        ("2606:4700:1:2:bbbb::9", [], "2606:4700:1:2::/64"),
        (None, ["203.0.113.9"], "unknown"),
        ("/run/hujambo.sock", [], "unknown"),
    ],
)
def test_the_nearest_stranger_is_the_one_who_asks(peer: str | None, forwarded: list[str], who: str) -> None:
    assert visitor(peer, forwarded, OUR_PROXIES) == who


def test_without_proxies_of_ours_no_header_is_believed() -> None:
    assert visitor("127.0.0.1", ["203.0.113.9"], read_proxies("")) == "127.0.0.1"


def test_an_office_full_of_people_who_log_in_rightly_never_locks_itself_out() -> None:
    throttle = Throttle()
    throttle.failed(["address/office"], NOW)
    for number in range(100):
        keys = (f"account/{number}", "address/office")
        throttle.failed(keys, NOW)
        throttle.succeeded(*keys)
    blocked = [throttle.is_blocked([("address/office", limit)], NOW) for limit in (1, 2)]
    assert blocked == [True, False]  # the one wrong password is still counted, and nothing else


async def test_behind_our_proxy_one_guesser_does_not_lock_everybody_else_out(
    sqlite_database: Database, pack: Pack, clock: HandClock
) -> None:
    app = web.Application()
    console = make_console(sqlite_database, pack, clock, secure_cookies=False, proxies=read_proxies("127.0.0.1"))
    app.add_subapp("/console", console)
    async with TestClient[Any, Any](TestServer(app)) as client:

        async def guess(address: str, name: str) -> int:
            form = {"login": name, "password": "wrong password"}
            headers = OURS | {"X-Forwarded-For": address}
            async with client.post("/console/login", data=form, headers=headers) as answer:
                return answer.status

        console[CONSOLE].throttle.failed(["address/203.0.113.9"] * 39, clock())
        addresses = ("203.0.113.9", "203.0.113.9", "203.0.113.10")
        assert [await guess(address, "amina") for address in addresses] == [403, 429, 403]
