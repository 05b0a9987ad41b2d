"""The rota in the browser: who is on call, what may be changed, and what is refused in words."""

from datetime import timedelta
from typing import Any

from cases.rota import Entry
from cases.shifts import save_rota
from store import tables
from store.database import Database
from tests.builders import a_site, a_staff_member, rows
from tests.conftest import NOW, HandClock


async def a_place(database: Database) -> tuple[int, int, int]:
    site = await a_site(database, code="KIS", name="Kisima")
    amina = await a_staff_member(database, name="Amina", site_ids=[site])
    boto = await a_staff_member(database, name="Boto", site_ids=[site])
    await save_rota(database, site, [Entry(site, 1, amina), Entry(site, 2, boto)], boto, NOW, by=None)
    return site, amina, boto


async def test_everybody_of_the_site_sees_who_is_on_call_and_supervisors_change_it(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    site, amina, _ = await a_place(database)
    browser = await log_in(database, role="supervisor", site_ids=[site])
    assert (await browser.get("/rota")).headers["Location"] == "/console/rota/KIS"
    text = await browser.text("/rota/KIS")
    assert "Amina" in text
    assert "the whole time" in text
    shift = {"staff": str(amina), "rung": "3", "from": "20:00", "until": "06:00"}
    refused = await browser.post("/rota/KIS/add", **shift)
    assert refused.status == 422
    assert "Choose the days of the shift" in await refused.text()
    assert (await browser.post("/rota/KIS/add", **shift, days="5")).status in {200, 303}
    found = {
        (r.rung, r.staff_id): (r.weekdays, r.from_minute, r.until_minute) for r in await rows(database, tables.rota)
    }
    assert found[3, amina] == ([5], 1200, 360)
    day = (NOW + timedelta(days=2)).date().isoformat()
    assert (await browser.post("/rota/KIS/leave", staff=str(amina), first=day, last=day)).status in {200, 303}
    assert len(await rows(database, tables.leave)) == 1
    assert (await browser.post("/rota/KIS/holidays", day=day, name="Feast <b>")).status in {200, 303}
    assert "Feast &lt;b&gt;" in await browser.text("/rota/KIS")
    faults = {
        "/rota/KIS/leave": ({"staff": "1", "first": day, "last": day}, "no such account"),
        "/rota/KIS/holidays": ({"day": "May"}, "year-month-day"),
        "/rota/KIS/paces": ({"high.rung_minutes": "900"}, "a whole number from 5 to 60"),
        "/rota/KIS/fallback": ({"staff": "1"}, "can never be nobody"),
    }
    for path, (form, words) in faults.items():
        answer = await browser.post(path, **form)
        assert (answer.status, words in await answer.text()) == (422, True), path
    assert (await browser.post("/rota/KIS/paces", **{"high.rung_minutes": "10"})).status in {200, 303}
    (kept,) = await rows(database, tables.site)
    assert (kept.paces, kept.holidays) == ({"high": {"rung_minutes": 10}}, {day: "Feast <b>"})


async def test_the_last_shift_is_not_removed(database: Database, log_in: Any) -> None:
    site, _, _ = await a_place(database)
    browser = await log_in(database, role="coordinator", site_ids=[site])
    first, second = await rows(database, tables.rota)
    assert (await browser.post("/rota/KIS/remove", shift=str(first.id))).status in {200, 303}
    (kept,) = await rows(database, tables.rota)
    answer = await browser.post("/rota/KIS/remove", shift=str(kept.id))
    assert (answer.status, "never left without anybody" in await answer.text()) == (422, True)
    assert len(await rows(database, tables.rota)) == 1
    assert second is not None


async def test_another_sites_rota_is_not_found(database: Database, log_in: Any) -> None:
    await a_place(database)
    browser = await log_in(database, role="supervisor", site_ids=[await a_site(database, code="OTHER")])
    assert (await browser.get("/rota/KIS")).status == 404
    assert (await browser.post("/rota/KIS/add", staff="1", rung="1")).status == 404
