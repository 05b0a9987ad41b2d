"""Importing people: every bad row named, all or nothing, the same file twice changes nothing."""

import csv
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

from cases import people
from cases.enrol import Fault
from cases.people import ImportReport, import_people
from cases.sheets import SheetError
from store import tables
from store.database import Database
from tests.builders import a_beneficiary, a_channel, a_contact, a_site, a_staff_member, rows
from tests.conftest import NOW

HEADER = "code,name,phone,language,site,role,age_band,weekday,time,consent_checkins"
GOOD = "B1,Amina Test,+1 999 123 0001,sw,KISIMA,participant,adult,tuesday,09:30,v1"


@pytest.fixture
async def place(database: Database) -> int:
    await a_channel(database, name="sms")
    return await a_site(database, code="KISIMA")


def sheet(tmp_path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "people.csv"
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


async def test_a_row_becomes_a_person_with_a_contact_and_a_consent(
    database: Database, place: int, tmp_path: Path
) -> None:
    report = await import_people(database, sheet(tmp_path, HEADER, GOOD), NOW)
    assert report == ImportReport(rows_ok=1, created=1)
    (person,) = await rows(database, tables.beneficiary)
    (contact,) = await rows(database, tables.contact)
    (consent,) = await rows(database, tables.consent)
    assert (person.code, person.name, person.site_id, person.language) == ("B1", "Amina Test", place, "sw")
    assert (person.weekday, person.minute, person.age_band, person.state) == (1, 570, "adult", "active")
    assert (person.phone_kind, person.contact_id) == ("shared", contact.id)
    assert 0 <= person.spread < 900
    assert (contact.address, contact.address_index) == ("+19991230001", database.keys.index("+19991230001"))
    assert (consent.purpose, consent.version, consent.source) == ("checkins", "v1", "import")


async def test_the_same_file_twice_changes_nothing_and_a_changed_cell_only_itself(
    database: Database, place: int, tmp_path: Path
) -> None:
    await import_people(database, sheet(tmp_path, HEADER, GOOD), NOW)
    before = await rows(database, tables.beneficiary)
    assert await import_people(database, sheet(tmp_path, HEADER, GOOD), NOW) == ImportReport(rows_ok=1, unchanged=1)
    assert await rows(database, tables.beneficiary) == before
    changed = sheet(tmp_path, "Code;Langue;Site", "b1;français;kisima")
    assert await import_people(database, changed, NOW) == ImportReport(rows_ok=1, updated=1)
    (after,) = await rows(database, tables.beneficiary)
    assert after._asdict() == before[0]._asdict() | {"language": "fr"}
    assert len(await rows(database, tables.consent)) == 1


async def test_an_import_puts_back_nothing_that_the_persons_own_messages_wrote(
    database: Database, place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the import's look and its writing the person may be heard, or be silent."""
    b = tables.beneficiary
    await import_people(database, sheet(tmp_path, HEADER, GOOD), NOW)
    look = people._load_known

    async def heard_meanwhile(*given: Any) -> Any:
        known = await look(*given)
        async with database.write() as connection:
            await connection.execute(sa.update(b).values(missed=3, history={"signals": []}))
        return known

    monkeypatch.setattr(people, "_load_known", heard_meanwhile)
    await import_people(database, sheet(tmp_path, "Code;Langue;Site", "b1;français;kisima"), NOW)
    (row,) = await rows(database, b)
    assert (row.language, row.missed, row.history) == ("fr", 3, {"signals": []})


async def test_every_bad_cell_is_named_and_nothing_is_imported(database: Database, place: int, tmp_path: Path) -> None:
    owner = await a_contact(database, (await rows(database, tables.channel))[0].id, "+19991230009")
    await a_beneficiary(database, place, owner, code="OLD")
    path = sheet(
        tmp_path,
        HEADER + ",safe_from,safe_until",
        GOOD + ",,",
        "B2,Secret Name,12,xx,NOWHERE,soldier,old,someday,25:00,yes,,",
        "",
        "B1,,+1 999 123 0001,,KISIMA,,,,,,,",
        ",=1+1,,,,,,,,,08:00,",
        "B5,,+19991230009,,KISIMA,,,,12:00,,13:00,14:00",
        "B6,,+19991230009,,KISIMA,,,,,,,",
    )
    report = await import_people(database, path, NOW)
    assert report.faults == [
        Fault(3, "age_band", "Write adult, child or unknown."),
        Fault(3, "consent_checkins", "Write the version of the consent text that was read out, not just yes."),
        Fault(3, "language", "Write one of en, fr, es, pt, sw, ha, ar, so."),
        Fault(3, "phone", "This is not a telephone number."),
        Fault(3, "role", "Write participant, associate, dependant or community."),
        Fault(3, "site", "There is no site with this code."),
        Fault(3, "time", "Write a time of day like 09:30."),
        Fault(3, "weekday", "Write the name of a day, or 1 for Monday to 7 for Sunday."),
        Fault(5, "code", "Row 2 has the same code."),
        Fault(5, "phone", "Row 2 has the same number."),
        Fault(6, "code", "This cell is empty."),
        Fault(6, "name", "This cell holds a formula; paste its value instead."),
        Fault(6, "site", "This cell is empty."),
        Fault(7, "time", "The check-in would come outside the safe hours."),
        Fault(8, "phone", "OLD is enrolled with this number."),
    ]
    assert report.rows_ok == 1
    assert [p.code for p in await rows(database, tables.beneficiary)] == ["OLD"]
    assert not any(secret in repr(report) for secret in ("1230001", "1230009", "Secret"))


async def test_a_dry_run_says_what_would_happen_and_writes_nothing(
    database: Database, place: int, tmp_path: Path
) -> None:
    report = await import_people(database, sheet(tmp_path, HEADER, GOOD), NOW, dry_run=True)
    assert report == ImportReport(rows_ok=1, created=1, dry_run=True)
    assert await rows(database, tables.beneficiary) == []
    assert await rows(database, tables.audit) == []


async def test_a_file_without_a_header_names_columns_by_letter_and_repeats_nobody(
    database: Database, place: int, tmp_path: Path
) -> None:
    report = await import_people(database, sheet(tmp_path, "B1,Amina Test,+19991230001"), NOW)
    unknown = "This column has a heading that is not known."
    assert report.faults == [
        *(Fault(1, letter, unknown) for letter in "ABC"),
        Fault(1, "code", "This column is missing."),
        Fault(1, "site", "This column is missing."),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
async def test_files_as_spreadsheet_programs_save_them(
    sqlite_database: Database, tmp_path: Path, encoding: str
) -> None:
    await a_channel(sqlite_database)
    await a_site(sqlite_database, code="KISIMA")
    lines = ("Identifiant;Nom;Téléphone;Site", "B1;Zoé;0712 123 456;Kisima")
    report = await import_people(sqlite_database, sheet(tmp_path, *lines, encoding=encoding), NOW)
    assert report == ImportReport(rows_ok=1, created=1, never_screened=1, without_consent=1)
    (person,) = await rows(sqlite_database, tables.beneficiary)
    (contact,) = await rows(sqlite_database, tables.contact)
    # The site is in Kenya, so a national number is a Kenyan one; without consent nobody gets check-ins.
    assert (person.name, person.age_band, person.state, contact.address) == (
        "Zoé", "unknown", "no_consent", "+254712123456",
    )  # fmt: skip


async def test_an_xlsx_is_read_with_its_dates_and_its_formulas_are_refused(
    sqlite_database: Database, tmp_path: Path
) -> None:
    from datetime import date
    from datetime import time as clock_time

    await a_site(sqlite_database, code="KISIMA")
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.append(["code", "site", "anchor date", "time", "birth year", "caseworker"])
    page.append(["B1", "KISIMA", date(2026, 1, 5), clock_time(8, 15), 2010, None])
    page.append(["B2", "KISIMA", "=TODAY()", None, None, None])
    book.save(tmp_path / "p.xlsx")
    report = await import_people(sqlite_database, tmp_path / "p.xlsx", NOW)
    assert report.faults == [Fault(3, "anchor_date", "This cell holds a formula; paste its value instead.")]
    page.delete_rows(3)
    book.save(tmp_path / "p.xlsx")
    assert (await import_people(sqlite_database, tmp_path / "p.xlsx", NOW)).created == 1
    (person,) = await rows(sqlite_database, tables.beneficiary)
    assert (person.anchor_date, person.minute, person.age_band) == (date(2026, 1, 5), 495, "child")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "people.csv is empty."),
        (b"PK\x03\x04 but not really", "people.csv is not a readable XLSX file; save it again."),
        (b"code\x00\x01\x81", "This is neither a CSV nor an XLSX file; save it again from the spreadsheet program."),
    ],
)
async def test_what_is_no_sheet_is_refused_with_a_sentence(
    sqlite_database: Database, tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    with pytest.raises(SheetError) as error:
        await import_people(sqlite_database, path, NOW)
    assert str(error.value) == sentence


async def test_a_stranger_who_wrote_before_keeps_their_contact_and_numbers_may_change_hands(
    database: Database, place: int, tmp_path: Path
) -> None:
    stranger = await a_contact(database, (await rows(database, tables.channel))[0].id, "+19991230001")
    await import_people(database, sheet(tmp_path, HEADER, GOOD, "B2,,+19991230002,,KISIMA,,,,,"), NOW)
    held = {p.code: p.contact_id for p in await rows(database, tables.beneficiary)}
    assert held["B1"] == stranger
    swap = sheet(tmp_path, "code,phone,site", "B1,+19991230003,KISIMA")
    await import_people(database, swap, NOW)
    back = sheet(tmp_path, "code,phone,site", "B2,+19991230001,KISIMA")
    assert (await import_people(database, back, NOW)).updated == 1
    assert {p.code: p.contact_id for p in await rows(database, tables.beneficiary)}["B2"] == stranger


async def test_ten_thousand_people_are_enrolled_at_once(sqlite_database: Database, tmp_path: Path) -> None:
    await a_channel(sqlite_database)
    await a_site(sqlite_database, code="KISIMA")
    path = tmp_path / "many.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER.split(","))
        for i in range(10_000):
            writer.writerow(
                [f"B{i}", "Name", f"+1999{i:07d}", "en", "KISIMA", "participant", "adult", 2, "10:00", "v1"]
            )
    report = await import_people(sqlite_database, path, NOW)
    assert report == ImportReport(rows_ok=10_000, created=10_000)


async def test_people_are_listed_by_code_without_names_or_numbers(database: Database, place: int) -> None:
    other = await a_site(database)
    for code, site in (("C", place), ("A", place), ("B", other)):
        await a_beneficiary(database, site, None, code=code)
    assert [p["code"] for p in await people.list_people(database)] == ["A", "B", "C"]
    (second,) = await people.list_people(database, site_ids=[place], after_code="A")
    assert (second["code"], second["site"]) == ("C", "KISIMA")
    assert not {"name", "address", "safe_word"} & set(second)


async def test_a_person_is_found_by_code_or_number(database: Database, place: int) -> None:
    contact = await a_contact(database, (await rows(database, tables.channel))[0].id, "+19991230001")
    person = await a_beneficiary(database, place, contact, code="K-7")
    for text in ("K-7", " k-7", "+1 999 123 0001"):
        found = await people.find(database, text)
        assert found is not None
        assert found["id"] == person
    assert await people.find(database, "K-8") is None
    assert await people.find(database, "K-7", site_ids=[place + 1]) is None


async def test_nobody_becomes_active_without_consent(database: Database, place: int) -> None:
    from cases import consent

    staff_id = await a_staff_member(database)
    person = await a_beneficiary(database, place, None, state="paused")
    with pytest.raises(people.PeopleError, match="has not consented"):
        await people.set_state(database, person, "active", staff_id, NOW)
    await consent.give(database, person, "checkins", "v2", "sw", "in person", staff_id, NOW)
    await people.set_state(database, person, "active", staff_id, NOW)
    assert (await rows(database, tables.beneficiary))[0].state == "active"
    assert [r.action for r in await rows(database, tables.audit)] == ["consent.given", "person.state"]
