"""Staff accounts: passwords, sites, doubles, and what closing one does to its alerts."""

from typing import Any

import pytest

from cases import alerts, staff
from cases.staff import StaffError
from store import tables
from store.database import Database
from tests.builders import a_site, rows
from tests.cases.world import World
from tests.conftest import NOW, HandClock

PASSWORD = "a long enough one"


async def add(database: Database, login: str = "amina", **values: Any) -> int:
    return await staff.add_staff(
        database, login, values.pop("name", "Amina"), values.pop("role", "psychosocial"), NOW,
        **({"password": PASSWORD} | values),
    )  # fmt: skip


async def test_an_account_is_added_with_its_sites_and_a_password_that_verifies(database: Database) -> None:
    site_id = await a_site(database, code="KISIMA")
    await add(database, "Amina", sites=["KISIMA"], phone="+254 712 123456", email="a@example.org")
    (row,) = await rows(database, tables.staff)
    assert (row.login, row.site_ids, row.phone) == ("amina", [site_id], "+254712123456")
    assert staff.verify_password(row.password, PASSWORD)
    assert not staff.verify_password(row.password, PASSWORD + "!")
    (listed,) = await staff.list_staff(database)
    assert (listed["login"], listed["sites"], listed["has_phone"]) == ("amina", ["KISIMA"], True)
    assert "phone" not in listed


def test_nobody_and_a_broken_hash_verify_nothing() -> None:
    assert not staff.verify_password(None, "nobody has this password")
    assert not staff.verify_password("!", "")
    assert not staff.verify_password("!", "x" * 1_000_000)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"password": "short"}, "A password has at least 12 characters."),
        ({"role": "spy"}, "There is no role 'spy'"),
        ({"login": "no spaces"}, "A login has"),
        ({"name": " "}, "An account needs the name"),
        ({"phone": "+254 71"}, "This telephone number has too few"),
        ({"phone": "later"}, "This is not a telephone number"),
        ({"email": "nowhere"}, "This is not an e-mail address."),
        ({"sites": ["ATLANTIS"]}, "There is no site ATLANTIS."),
        ({"login": "taken"}, "Another account has this login."),
        ({"phone": "+254712123456"}, "Another account has this telephone number."),
    ],
)
async def test_what_no_account_may_be(sqlite_database: Database, values: dict[str, Any], sentence: str) -> None:
    await add(sqlite_database, "taken", phone="+254712123456")
    with pytest.raises(StaffError) as error:
        await add(sqlite_database, **values)
    assert str(error.value).startswith(sentence)
    assert len(await rows(sqlite_database, tables.staff)) == 1


async def test_closing_an_account_sends_its_alerts_back_to_the_ladder(world: World, clock: HandClock) -> None:
    login = (await rows(world.database, tables.staff, tables.staff.c.id == world.first))[0].login
    alert_id = (await world.raise_(world.danger()))[world.contact]
    await alerts.take(world.database, alert_id, world.first, NOW)
    await staff.disable_staff(world.database, login, NOW)
    assert await alerts.climb_due(world.database, clock) == 1
    alert = await world.alert()
    assert (alert.state, alert.owner_id, alert.rung) == ("open", None, 2)
    with pytest.raises(StaffError, match="disabled already"):
        await staff.disable_staff(world.database, login, NOW)
