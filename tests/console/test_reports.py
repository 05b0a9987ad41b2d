"""Reports about staff and alerts under duress, from every side of the console, the exports and the counts.

The reported account, its colleagues, the administrators: none of them finds a word, a code or a number of it.
"""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cases import alerts, exports
from cases.alerts import AlertRuleError, Danger, open_or_join
from cases.replying import Assent
from console.permissions import ROLES
from content.schema import Level, Pack
from hujambo.health import measure
from store import tables
from store.database import Database
from tests.builders import a_beneficiary, a_channel, a_contact, a_site, a_staff_member, rows
from tests.conftest import NOW, HandClock
from tests.console.test_permissions import EXPECTED

PACK = Pack("t", "1", ("en",), {}, {}, {}, {}, {"*": ()})
CANARY = "canary-words-of-the-report"


class Report:
    """A person of a site reported somebody; two focal points were told, one of whom it turns out to be about."""

    async def build(self, database: Database) -> "Report":
        self.database = database
        self.site = await a_site(database, name="Kisima")
        channel = await a_channel(database, site_id=self.site)
        self.contact = await a_contact(database, channel)
        self.person = await a_beneficiary(database, self.site, self.contact, code="B-1")
        self.focal = await a_staff_member(database, role="focal_point", login="fofo")
        self.other = await a_staff_member(database, role="focal_point", login="gigi")
        inbox_id = database.new_id()
        async with database.write() as connection:
            row = {
                "id": inbox_id, "channel_id": channel, "provider_id": "p1", "contact_id": self.contact, "text": CANARY,
                "media": 0, "received_at": NOW, "state": "handled", "reason": None, "level": 3,
            }  # fmt: skip
            await connection.execute(sa.insert(tables.inbox), [row])
            reasons = [{"code": "list", "detail": "x"}]
            danger = Danger(
                self.contact, self.person, self.site, channel, Level.HIGH, "misconduct", reasons, inbox_id, NOW
            )
            opened = await open_or_join(database, connection, [danger], NOW)
            self.alert = opened[self.contact, True]
            read = {
                "id": database.new_id(), "inbox_id": inbox_id, "contact_id": self.contact, "level": 3,
                "route": "misconduct", "reasons": reasons, "pack": "t", "assessed_at": NOW, "alert_id": self.alert,
            }  # fmt: skip
            await connection.execute(sa.insert(tables.assessment), [read])
        (row,) = await rows(database, tables.alert)
        self.code = row.code
        return self

    def addresses(self) -> list[str]:
        """Every page that can be read, with the person's and the alert's own address filled in."""
        values = {"{code}": self.code, "{person}": str(self.person), "{campaign}": "none", "{task}": "1"}
        found = []
        for method, pattern in EXPECTED:
            path = pattern
            for name, value in values.items():
                path = path.replace(name, value)
            if method == "GET" and "{" not in path and not path.endswith("/live"):
                found.append(path)
        return found


@pytest.mark.parametrize("role", sorted(ROLES))
async def test_a_report_leaves_no_trace_on_any_page_of_whoever_it_is_about(
    sqlite_database: Database, log_in: Any, role: str, clock: HandClock
) -> None:
    report = await Report().build(sqlite_database)
    browser = await log_in(sqlite_database, role=role)
    (me,) = [row.id for row in await rows(sqlite_database, tables.staff) if row.login not in {"fofo", "gigi"}]
    await alerts.say_whom_about(sqlite_database, report.alert, report.focal, me, clock())
    for path in report.addresses():
        answer = await browser.get(path)
        text = await answer.text()
        assert (path, report.code in text and path != f"/alerts/{report.code}", CANARY in text) == (path, False, False)
    assert (await browser.get(f"/alerts/{report.code}")).status == 404
    assert (await browser.post(f"/alerts/{report.code}/take")).status == 404
    with pytest.raises(AlertRuleError, match="no such alert"):
        await alerts.take(sqlite_database, report.alert, me, clock())


async def test_a_focal_point_sees_it_until_it_turns_out_to_be_about_them(database: Database, clock: HandClock) -> None:
    report = await Report().build(database)
    say = alerts.say_whom_about
    await alerts.take(database, report.alert, report.other, clock())
    with pytest.raises(AlertRuleError, match="about yourself"):
        await say(database, report.alert, report.other, report.other, clock())
    with pytest.raises(AlertRuleError, match="no such account"):
        await say(database, report.alert, report.focal, 1, clock())
    site_staff = await a_staff_member(database, role="psychosocial")
    with pytest.raises(AlertRuleError, match="no such alert"):
        await say(database, report.alert, site_staff, report.other, clock())
    await say(database, report.alert, report.focal, report.other, clock())
    (alert,) = await rows(database, tables.alert)
    assert (alert.about_id, alert.owner_id, alert.state, alert.due_at) == (report.other, None, "open", clock())
    before = len(await rows(database, tables.outbox))
    await alerts.climb_due(database, clock)
    told = {row.staff_id for row in (await rows(database, tables.outbox))[before:]}
    assert told == {report.focal}
    await alerts.take(database, report.alert, report.focal, clock())
    with pytest.raises(AlertRuleError, match="may not work"):
        await alerts.pass_on(database, report.alert, report.focal, report.other, clock())
    # The trail names nobody: more people read it than the report.
    trail = [row for row in await rows(database, tables.audit) if row.action == "alert.about_said"]
    assert [row.data for row in trail] == [{}]


async def test_a_report_is_in_no_export_and_no_count(database: Database, tmp_path: Path, clock: HandClock) -> None:
    report = await Report().build(database)
    for what in ("people", "alerts", "outcomes", "answers"):
        path = tmp_path / f"{what}.csv"
        await exports.export(database, what, "csv", path)
        text = path.read_text(encoding="utf-8-sig")
        assert (report.code in text, "misconduct" in text, CANARY in text) == (False, False, False)
    assert (await measure(database, clock())).open_alerts == {}


async def test_under_duress_nobody_writes_unless_it_was_agreed(database: Database, clock: HandClock) -> None:
    site, channel = await a_site(database), await a_channel(database)
    contact = await a_contact(database, channel)
    person = await a_beneficiary(database, site, contact)
    staff = await a_staff_member(database)
    reasons = [{"code": "duress", "detail": ""}]
    danger = Danger(contact, person, site, channel, Level.IMMINENT, "threat", reasons, None, NOW)
    async with database.write() as connection:
        alert_id = (await open_or_join(database, connection, [danger], NOW))[contact, False]
    (alert,) = await rows(database, tables.alert)
    assert alert.is_silent
    await alerts.take(database, alert_id, staff, clock())
    with pytest.raises(AlertRuleError, match="under duress"):
        await alerts.reply(database, PACK, alert_id, staff, "Hello", clock(), assent=Assent(confirmed=True))
    await alerts.reply(database, PACK, alert_id, staff, "Hello", clock(), assent=Assent(agreed=True))
    (event,) = [e for e in await rows(database, tables.alert_event) if e.kind == "replied"]
    assert event.data["agreed"] is True


async def test_a_word_of_duress_makes_an_open_alert_silent(database: Database) -> None:
    site, channel = await a_site(database), await a_channel(database)
    contact = await a_contact(database, channel)
    person = await a_beneficiary(database, site, contact)
    for code in ("list", "duress", "list"):
        danger = Danger(contact, person, site, channel, Level.HIGH, "threat", [{"code": code}], None, NOW)
        async with database.write() as connection:
            await open_or_join(database, connection, [danger], NOW)
    (alert,) = await rows(database, tables.alert)
    assert (alert.is_silent, alert.messages) == (True, 3)


async def test_under_duress_the_number_is_shown_on_no_page_unless_it_was_agreed(
    database: Database, log_in: Any, clock: HandClock
) -> None:
    site, channel = await a_site(database), await a_channel(database)
    contact = await a_contact(database, channel)
    person = await a_beneficiary(database, site, contact)
    (number,) = [row.address for row in await rows(database, tables.contact)]
    danger = Danger(contact, person, site, channel, Level.IMMINENT, "threat", [{"code": "duress"}], None, NOW)
    async with database.write() as connection:
        await open_or_join(database, connection, [danger], NOW)
        task = {
            "id": database.new_id(), "key": "silence/1", "contact_id": contact, "beneficiary_id": person,
            "site_id": site, "kind": "silence", "state": "open", "created_at": NOW, "due_at": NOW,
        }  # fmt: skip
        await connection.execute(sa.insert(tables.follow_up), [task])
    (alert,) = await rows(database, tables.alert)
    browser = await log_in(database, role="psychosocial", site_ids=[site])
    pages = {
        f"/alerts/{alert.code}/reveal": {"reason": "visit"},
        f"/people/{person}/reveal": {"reason": "visit"},
        f"/silence/{task['id']}/reveal": {},
    }
    for path, form in pages.items():
        assert (path, number in await (await browser.post(path, **form)).text()) == (path, False)
    agreed = await browser.post(f"/alerts/{alert.code}/reveal", reason="call", agreed="yes")
    assert number in await agreed.text()
