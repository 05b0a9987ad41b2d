"""Exports: codes only, no text, nothing that runs in a spreadsheet, no reports about staff."""

import asyncio
import csv
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest

from cases import alerts, exports
from cases.exports import ExportError, coded, defused
from content.schema import Level
from tests.builders import a_contact
from tests.cases.world import World
from tests.conftest import NOW


async def test_alerts_and_outcomes_as_csv(world: World, tmp_path: Path) -> None:
    alert_id = (await world.raise_(world.danger()))[world.contact]
    await alerts.take(world.database, alert_id, world.first, NOW)
    args = (alert_id, world.first, "FALSE_ALARM_MISREAD", "she meant her phone", "psychosocial", NOW)
    await alerts.close(world.database, *args)
    await world.raise_(world.danger(Level.ELEVATED, route="distress"), now=NOW + timedelta(hours=1))
    secret = await a_contact(world.database, world.channel)
    await world.raise_(world.danger(contact_id=secret, route="misconduct"))
    assert await exports.export(world.database, "alerts", "csv", tmp_path / "a.csv") == 2
    assert await exports.export(world.database, "outcomes", "csv", tmp_path / "o.csv") == 1
    with (tmp_path / "o.csv").open(encoding="utf-8-sig") as file:
        (row,) = csv.DictReader(file)
    assert (row["level"], row["site"], row["outcome"], row["closed_at"]) == (
        "high", "KISIMA", "FALSE_ALARM_MISREAD", "2026-03-03T09:00:00Z",
    )  # fmt: skip
    written = (tmp_path / "a.csv").read_text()
    assert not any(word in written for word in ("phone", "misconduct", "+1999", "Test Person"))
    left = await asyncio.to_thread(lambda: sorted(p.name for p in tmp_path.glob("*.part")))
    assert left == []


async def test_people_as_xlsx(world: World, tmp_path: Path) -> None:
    assert await exports.export(world.database, "people", "xlsx", tmp_path / "p.xlsx") == 1
    header, row = openpyxl.load_workbook(tmp_path / "p.xlsx").worksheets[0].iter_rows(values_only=True)
    found = dict(zip(header, row, strict=True))
    assert (found["site"], found["age_band"], found["anchor_date"]) == ("KISIMA", "adult", "2026-01-05")
    assert "name" not in found


@pytest.mark.parametrize(
    ("what", "form", "sentence"),
    [
        ("alerts", "fhir", "The FHIR export is not available yet; use csv or xlsx."),
        ("alerts", "hxl", "The HXL export is not available yet; use csv or xlsx."),
        ("alerts", "pdf", "There is no format 'pdf'; there are csv, xlsx, fhir, hxl."),
        ("numbers", "csv", "There is no export of 'numbers'; there are people, alerts, outcomes and answers."),
    ],
)
async def test_what_cannot_be_exported_says_so(
    world: World, tmp_path: Path, what: str, form: str, sentence: str
) -> None:
    with pytest.raises(ExportError) as error:
        await exports.export(world.database, what, form, tmp_path / "x")
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-x", "'-x"),
        ("@a", "'@a"),
        ("\t=1", "'\t=1"),
        ("a=1", "a=1"),
        (-3, -3),
        ("", ""),
    ],
)
def test_no_cell_runs(cell: exports.Cell, safe: exports.Cell) -> None:
    assert defused(cell) == safe


@pytest.mark.parametrize(
    ("value", "out"),
    [
        ("so_so", "so_so"), ("2026-03-01", "2026-03-01"), (7, 7), (2.5, 2.5), (True, True), ("7", "7"), (None, None),
        ("my brother said", "(text)"), ("+254712123456", "(text)"), ("0712123456", "(text)"), (["a"], "(text)"),
    ],
)  # fmt: skip
def test_an_answer_in_ones_own_words_stays_inside(value: object, out: exports.Cell) -> None:
    assert coded(value) == out
