"""Campaigns: who is planned for when, what pausing holds back, and that nobody is asked twice."""

import itertools
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from scheduler import campaigns as c
from scheduler.due import AllowedHours, Plan
from store import tables as t
from store.database import Database
from store.queue import PURPOSES
from tests.builders import a_beneficiary, a_channel, a_contact, a_site, rows
from tests.conftest import NOW, HandClock
from tests.scheduler.programme import PACK, TEXTS

TODAY_AT_TEN = datetime(2026, 3, 3, 7, 0, tzinfo=UTC)  # in Nairobi, a Tuesday
BEFORE = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(BEFORE)


async def a_person(database: Database, site_id: int, channel_id: int, **values: Any) -> int:
    contact_id = await a_contact(database, channel_id, **values.pop("contact", {}))
    return await a_beneficiary(database, site_id, contact_id, **values)


async def a_campaign(database: Database, now: datetime = BEFORE, **values: Any) -> int:
    wanted: dict[str, Any] = {
        "code": "weekly", "name": "Weekly", "checkin": "weekly", "plan": Plan("weekly"), "audience": {}, "now": now,
    }  # fmt: skip
    campaign_id = await c.create(database, PACK, **wanted | values)
    await c.start(database, values.get("code", "weekly"), now)
    return campaign_id


async def planned(database: Database) -> list[tuple[int | None, datetime, str, str | None]]:
    return [(r.contact_id, r.due_at, r.state, r.outcome) for r in await rows(database, t.outbox)]


async def test_a_due_person_becomes_one_row_without_its_text(database: Database, clock: HandClock) -> None:
    channel_id = await a_channel(database)
    person = await a_person(database, await a_site(database), channel_id, spread=100)
    campaign_id = await a_campaign(database)
    assert await c.plan_due(database, clock) == 1
    (row,) = await rows(database, t.outbox)
    (beneficiary,) = await rows(database, t.beneficiary)
    values = row._asdict()
    assert values.pop("id") > person
    assert values == {
        "key": f"c/{campaign_id}/{person}/2026-03-03",
        "channel_id": channel_id, "contact_id": beneficiary.contact_id, "staff_id": None, "campaign_id": campaign_id,
        "session_id": None, "alert_id": None, "purpose": "checkin", "priority": PURPOSES["checkin"].priority,
        "text": None, "segments": None, "created_at": BEFORE, "due_at": TODAY_AT_TEN + timedelta(minutes=1),
        "not_after": TODAY_AT_TEN + timedelta(hours=6), "state": "queued", "lease_until": None, "owner": None,
        "tries": 0, "provider_id": None, "outcome": None, "detail": None, "sent_at": None, "settled_at": None,
    }  # fmt: skip


async def test_only_adults_who_are_here_reachable_and_willing_are_planned(database: Database, clock: HandClock) -> None:
    site, channel = await a_site(database), await a_channel(database)
    wanted = [await a_person(database, site, channel), await a_person(database, site, channel)]
    unwilling = await a_person(database, site, channel)
    for values in (
        {"age_band": "minor"}, {"age_band": "unknown"}, {"state": "exited"}, {"contact": {"opted_out_at": BEFORE}},
        {"language": "ar"}, {"enrolled_at": TODAY_AT_TEN + timedelta(seconds=1)},
    ):  # fmt: skip
        await a_person(database, site, channel, **values)
    await a_beneficiary(database, site, None)
    consent = {"purpose": "checkins", "version": "1", "language": "en", "source": "paper", "given_at": BEFORE}
    async with database.write() as connection:
        await database.insert_rows(
            connection,
            t.consent,
            [
                consent | {"id": database.new_id(), "beneficiary_id": unwilling, "withdrawn_at": BEFORE},
                consent | {"id": database.new_id(), "beneficiary_id": wanted[1], "withdrawn_at": BEFORE},
                consent | {"id": database.new_id(), "beneficiary_id": wanted[1], "withdrawn_at": None},
            ],
        )
    campaign_id = await a_campaign(database)
    assert await c.plan_due(database, clock) == 2
    assert sorted(row.key for row in await rows(database, t.outbox)) == sorted(
        f"c/{campaign_id}/{person}/2026-03-03" for person in wanted
    )


async def test_the_audience_is_sites_languages_and_roles(database: Database, clock: HandClock) -> None:
    channel = await a_channel(database)
    north, south = await a_site(database, code="N"), await a_site(database, code="S")
    wanted = await a_person(database, north, channel, language="fr", role="dependant")
    await a_person(database, south, channel, language="fr", role="dependant")
    await a_person(database, north, channel, language="en", role="dependant")
    await a_person(database, north, channel, language="fr", role="participant")
    campaign_id = await a_campaign(
        database, audience={"sites": ["N"], "languages": ["fr"], "roles": ["dependant", "associate"]}
    )
    await c.plan_due(database, clock)
    assert [row.key for row in await rows(database, t.outbox)] == [f"c/{campaign_id}/{wanted}/2026-03-03"]


async def consents(database: Database, purpose: str, *given: tuple[int, datetime | None]) -> None:
    row = {"purpose": purpose, "version": "1", "language": "en", "source": "paper", "given_at": BEFORE}
    async with database.write() as connection:
        for person, withdrawn_at in given:
            added = row | {"id": database.new_id(), "beneficiary_id": person, "withdrawn_at": withdrawn_at}
            await connection.execute(sa.insert(t.consent), [added])


async def test_days_after_exit_reach_those_who_left_and_still_agree_to_it(database: Database, clock: HandClock) -> None:
    site, channel = await a_site(database), await a_channel(database)
    left = {"state": "exited", "exited_on": date(2025, 9, 2), "anchor_date": date(2026, 2, 1)}  # 182 days ago
    wanted = [await a_person(database, site, channel, **left) for _ in range(2)]
    took_back, never_asked = [await a_person(database, site, channel, **left) for _ in range(2)]
    stopped = await a_person(database, site, channel, **left, contact={"opted_out_at": BEFORE})
    later = await a_person(database, site, channel, **left | {"exited_on": date(2025, 9, 9)})
    undated = await a_person(database, site, channel, **left | {"exited_on": None})
    came_back = await a_person(database, site, channel, **left | {"state": "active"})
    for person in (*wanted, stopped, later, undated, came_back):
        await consents(database, "after_exit", (person, None))
    await consents(database, "after_exit", (took_back, BEFORE), (wanted[1], BEFORE))
    # What was asked of them in the programme is over: it says nothing of the time after.
    await consents(database, "checkins", (wanted[0], BEFORE), (never_asked, None))
    campaign_id = await a_campaign(database, plan=Plan("after_exit", days=(182, 365)))
    assert (await c.list_campaigns(database))[0].audience.states == ("exited",)
    assert await c.plan_due(database, clock) == 2
    assert sorted(row.key for row in await rows(database, t.outbox)) == sorted(
        f"c/{campaign_id}/{person}/2026-03-03" for person in wanted
    )
    found = await c.preview(database, PACK, "weekly", BEFORE, days=2)
    assert (found.people, found.left_out) == (2, {"opted_out": 1, "no_consent_after_exit": 2})


async def test_a_campaign_may_be_for_both_and_is_for_those_in_the_programme_unless_it_says_so(
    database: Database, clock: HandClock
) -> None:
    site, channel = await a_site(database), await a_channel(database)
    inside, outside = await a_person(database, site, channel), await a_person(database, site, channel, state="exited")
    await consents(database, "after_exit", (outside, None))
    usual = await a_campaign(database, code="usual")
    both = await a_campaign(database, code="both", audience={"states": ["active", "exited"]})
    await c.plan_due(database, clock)
    assert sorted(row.key for row in await rows(database, t.outbox)) == sorted(
        f"c/{campaign}/{person}/2026-03-03" for campaign, person in ((usual, inside), (both, inside), (both, outside))
    )


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"audience": {"states": ["paused"]}}, "nobody who is 'paused' is written to"),
        ({"audience": {"states": ["died"]}}, "nobody who is 'died' is written to"),
        (
            {"plan": Plan("after_exit", days=(182,)), "audience": {"states": ["active"]}},
            "days after exit reach only people who have left",
        ),
    ],
)
async def test_an_audience_that_cannot_be_is_refused(database: Database, values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(c.CampaignError, match=sentence):
        await a_campaign(database, **values)


async def test_planning_in_small_chunks_and_again_plans_everybody_once(database: Database, clock: HandClock) -> None:
    site, channel = await a_site(database), await a_channel(database)
    for k in range(7):
        await a_person(database, site, channel, minute=600 + k)
    await a_campaign(database)
    assert await c.plan_due(database, clock, chunk=3) == 7
    assert await c.plan_due(database, clock, chunk=3) == 0
    clock.forward(hours=1)
    assert await c.plan_due(database, clock, chunk=2) == 0
    found = await rows(database, t.outbox)
    assert [row.due_at for row in found] == [TODAY_AT_TEN + timedelta(minutes=k) for k in range(7)]
    assert len({row.id for row in found}) == 7


async def test_days_after_the_anchor_are_planned_for_each_person(database: Database, clock: HandClock) -> None:
    site, channel = await a_site(database), await a_channel(database)
    due = await a_person(database, site, channel, anchor_date=date(2026, 2, 1))
    await a_person(database, site, channel, anchor_date=date(2026, 2, 3))
    await a_person(database, site, channel, anchor_date=None)
    campaign_id = await a_campaign(database, plan=Plan("after_anchor", days=(30, 90)))
    assert await c.plan_due(database, clock) == 1
    assert [row.key for row in await rows(database, t.outbox)] == [f"c/{campaign_id}/{due}/2026-03-03"]


async def test_after_an_outage_only_what_is_still_in_time_is_planned(database: Database, clock: HandClock) -> None:
    site, channel = await a_site(database), await a_channel(database)
    await a_person(database, site, channel, minute=8 * 60)
    in_time = await a_person(database, site, channel, minute=10 * 60)
    await a_campaign(database)
    clock.now = TODAY_AT_TEN + timedelta(hours=5)  # eight o'clock's message may be six hours late, not seven
    assert await c.plan_due(database, clock) == 1
    assert [row.key.split("/")[2] for row in await rows(database, t.outbox)] == [str(in_time)]


async def test_hours_that_passed_before_the_start_are_not_made_up_for(database: Database, clock: HandClock) -> None:
    await a_person(database, await a_site(database), await a_channel(database))
    clock.now = TODAY_AT_TEN + timedelta(minutes=1)
    await a_campaign(database, clock.now)
    assert await c.plan_due(database, clock) == 0


async def test_somebody_without_a_safe_minute_is_reported_and_never_written_to(
    database: Database, clock: HandClock
) -> None:
    site, channel = await a_site(database), await a_channel(database)
    person = await a_person(database, site, channel, safe_from=22 * 60, safe_until=6 * 60)
    campaign_id = await a_campaign(database)
    assert await c.plan_due(database, clock) == 0
    assert await planned(database) == []
    tasks = await rows(database, t.follow_up)
    assert [(x.key, x.kind, x.beneficiary_id, x.site_id) for x in tasks] == [
        (f"no_safe_hours/{campaign_id}/{person}", "no_safe_hours", person, site)
    ]


async def test_a_pause_holds_back_and_a_resume_sends_what_is_in_time(database: Database, clock: HandClock) -> None:
    site, channel = await a_site(database), await a_channel(database)
    early = await a_person(database, site, channel, minute=7 * 60)
    await a_person(database, site, channel, minute=15 * 60)
    await a_campaign(database)
    await c.plan_due(database, clock)
    assert await c.pause(database, "weekly", clock()) == 2
    assert [x[2:] for x in await planned(database)] == [("withheld", "paused")] * 2
    clock.now = TODAY_AT_TEN + timedelta(hours=4)  # seven o'clock's message is too late now
    assert await c.plan_due(database, clock) == 0
    assert await c.resume(database, "weekly", clock()) == 1
    assert await c.plan_due(database, clock) == 0
    assert [(row.key.split("/")[2] == str(early), row.state) for row in await rows(database, t.outbox)] == [
        (True, "withheld"), (False, "queued"),
    ]  # fmt: skip


async def test_a_district_can_be_paused_alone(database: Database, clock: HandClock) -> None:
    channel = await a_channel(database)
    north, south = await a_site(database, code="N"), await a_site(database, code="S")
    for site in (north, south):
        await a_person(database, site, channel)
    await a_campaign(database)
    await c.plan_due(database, clock)
    assert await c.pause(database, "weekly", clock(), site="N") == 1
    assert [x[2:] for x in await planned(database)] == [("withheld", "paused"), ("queued", None)]
    await a_person(database, north, channel)
    clock.forward(hours=2)
    assert await c.plan_due(database, clock) == 0
    # The whole campaign's pause and resume leave the district's pause as it is.
    assert await c.pause(database, "weekly", clock()) == 1
    assert await c.resume(database, "weekly", clock()) == 1
    assert [x[2:] for x in await planned(database)] == [("withheld", "paused"), ("queued", None)]
    assert await c.resume(database, "weekly", clock(), site="N") == 1
    assert await c.plan_due(database, clock) == 1
    assert [x[2:] for x in await planned(database)] == [("queued", None)] * 3


async def test_changed_safe_hours_undo_what_was_planned_for_the_old_ones(database: Database, clock: HandClock) -> None:
    site, channel = await a_site(database), await a_channel(database)
    person = await a_person(database, site, channel)
    await a_person(database, site, channel)
    await a_campaign(database)
    await c.plan_due(database, clock)
    async with database.write() as connection:
        change = {"safe_from": 14 * 60, "safe_until": 15 * 60}
        await connection.execute(sa.update(t.beneficiary).where(t.beneficiary.c.id == person).values(**change))
        await c.replan_people(database, connection, [person], clock())
    found = sorted(await rows(database, t.outbox), key=lambda row: row.due_at)
    assert [(row.due_at, row.not_after) for row in found] == [
        (TODAY_AT_TEN, TODAY_AT_TEN + timedelta(hours=6)),
        (TODAY_AT_TEN + timedelta(hours=4), TODAY_AT_TEN + timedelta(hours=5)),
    ]


async def test_a_preview_counts_exactly_what_planning_then_does(database: Database, clock: HandClock) -> None:
    channel = await a_channel(database)
    north, south = await a_site(database, code="N"), await a_site(database, code="S")
    for site, language in ((north, "en"), (north, "en"), (north, "fr"), (south, "sw")):
        await a_person(database, site, channel, language=language)
    await a_person(database, south, channel, weekday=3)
    await a_person(database, south, channel, language="ar")
    await a_person(database, south, channel, age_band="minor")
    await a_person(database, south, channel, safe_from=60, safe_until=60)
    draft = c.Draft("weekly", "Weekly", "weekly", Plan("weekly"), c.Audience(), BEFORE)
    found = await c.preview(database, PACK, draft, BEFORE)
    tuesday, thursday = date(2026, 3, 3), date(2026, 3, 5)
    assert found.lines == (
        c.PreviewLine(tuesday, "N", "en", 2, 2),
        c.PreviewLine(tuesday, "N", "fr", 1, 1),
        c.PreviewLine(tuesday, "S", "sw", 1, 1),
        c.PreviewLine(thursday, "S", "en", 1, 1),
    )
    assert found.left_out == {"language": 1, "not_adult": 1, "no_safe_hours": 1}
    assert {language: text.endswith(TEXTS[language]) for language, text in found.texts.items()} == dict.fromkeys(
        TEXTS, True
    )
    assert (await rows(database, t.campaign), await planned(database)) == ([], [])
    await a_campaign(database)
    assert await c.preview(database, PACK, "weekly", BEFORE) == found
    assert await c.plan_due(database, clock, horizon=timedelta(days=7)) == found.people == found.segments == 5


async def test_the_status_counts_messages_and_answers(database: Database, clock: HandClock) -> None:
    site, channel = await a_site(database), await a_channel(database)
    people = [await a_person(database, site, channel) for _ in range(5)]
    campaign_id = await a_campaign(database)
    await c.plan_due(database, clock)
    contacts = [row.contact_id for row in await rows(database, t.beneficiary)]
    states = ["queued", "sent", "delivered", "failed", "withheld"]
    session = {"campaign_id": campaign_id, "checkin": "weekly", "version": "1", "progress": {}, "opened_at": NOW}
    async with database.write() as connection:
        for contact_id, state in zip(contacts, states, strict=True):
            await connection.execute(sa.update(t.outbox).where(t.outbox.c.contact_id == contact_id).values(state=state))
        await database.insert_rows(
            connection,
            t.session,
            [
                session | {"id": database.new_id(), "beneficiary_id": people[k], "contact_id": contacts[k],
                           "state": state, "answered_at": answered}
                for k, state, answered in ((1, "done", NOW), (2, "open", NOW), (3, "expired", None))
            ],
        )  # fmt: skip
    found = await c.status(database, "weekly")
    assert (found.planned, found.waiting, found.sent, found.delivered) == (5, 1, 2, 1)
    assert (found.failed, found.withheld, found.answered, found.done) == (1, 1, 2, 1)
    assert [x.code for x in await c.list_campaigns(database)] == ["weekly"]


async def test_a_plan_for_once_is_done_when_its_day_is_over(database: Database, clock: HandClock) -> None:
    await a_person(database, await a_site(database), await a_channel(database))
    await a_campaign(database, plan=Plan("once", date=date(2026, 3, 3)))
    assert await c.plan_due(database, clock) == 1
    clock.forward(days=7)
    assert await c.plan_due(database, clock) == 0
    assert [row.state for row in await rows(database, t.campaign)] == ["done"]
    with pytest.raises(c.CampaignError, match="'weekly' is done: only a running one can be paused"):
        await c.pause(database, "weekly", clock())


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"code": "two words"}, "a campaign's code is up to 48"),
        ({"code": "taken"}, "there is a campaign 'taken' already"),
        ({"name": " "}, "a campaign has a name"),
        ({"checkin": "monthly"}, "there is no check-in 'monthly'; there are private, weekly"),
        ({"checkin": "private", "audience": {"languages": ["en", "sw"]}}, "'private' is not written in sw"),
        ({"audience": {"sites": ["X"]}}, "there is no site 'X'"),
        ({"audience": {"village": ["X"]}}, "an audience has no 'village'"),
        ({"late_minutes": 0}, "a message may be late by"),
        ({"ends_at": BEFORE}, "a campaign ends after it starts"),
    ],
)
async def test_a_wrong_campaign_is_refused_in_one_sentence(
    sqlite_database: Database, wrong: dict[str, Any], sentence: str
) -> None:
    await a_campaign(sqlite_database, code="taken")
    with pytest.raises(c.CampaignError, match=sentence):
        await a_campaign(sqlite_database, **wrong)
    assert len(await rows(sqlite_database, t.campaign)) == 1


async def test_a_check_in_for_private_phones_goes_to_no_other(database: Database, clock: HandClock) -> None:
    site, channel = await a_site(database), await a_channel(database)
    await a_person(database, site, channel, phone_kind="shared")
    await a_person(database, site, channel)
    await a_campaign(database, checkin="private")
    assert await c.plan_due(database, clock) == 1


class PowerCutError(Exception):
    """The process ends here."""


async def plan_until_cut(database: Database, clock: HandClock, chunks: int, chunk: int) -> int:
    """Planning in a process that ends after some chunks, like one that is killed between two transactions."""
    left = iter(range(chunks))

    def until_cut() -> datetime:
        return clock()

    original = database.write

    def write() -> Any:
        if next(left, None) is None:
            raise PowerCutError
        return original()

    database.write = write  # type: ignore[method-assign]
    try:
        return await c.plan_due(database, until_cut, chunk=chunk)
    except PowerCutError:
        return -1
    finally:
        database.write = original  # type: ignore[method-assign]


@pytest.mark.parametrize("seed", [1, 2])
async def test_over_a_quarter_everybody_is_asked_once_a_week_in_allowed_hours(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    channel = await a_channel(database)
    zones = ("Africa/Casablanca", "Africa/Cairo", "America/Bogota", "Europe/Paris", "Africa/Nairobi", "Asia/Kathmandu")
    sites = {await a_site(database, time_zone=zone): zone for zone in zones}
    hours: dict[int, AllowedHours] = {}
    clock = HandClock(datetime(2026, 2, 1, tzinfo=UTC))
    for _ in range(25):
        site = chance.choice(list(sites))
        safe = chance.choice([(None, None), (540, 1020), (1080, 420), (chance.randrange(1440), chance.randrange(1440))])
        asked = AllowedHours(sites[site], 1260, 420, *safe)
        values: dict[str, Any] = {
            "weekday": chance.randrange(7), "minute": chance.randrange(1440), "spread": chance.randrange(900),
            "enrolled_at": clock() - timedelta(days=30), "safe_from": safe[0], "safe_until": safe[1],
        }  # fmt: skip
        person = await a_person(database, site, channel, **values)
        if not asked.is_never():
            hours[person] = asked
    await a_campaign(database, clock())
    weeks, cuts = 13, 0
    end = clock() + timedelta(weeks=weeks)
    while clock() < end:
        planned_now = await plan_until_cut(
            database, clock, chance.choice([0, 1, 2, 100, 100]), chance.choice([4, 9, 5000])
        )
        cuts += planned_now < 0
        # A process that ended is started again soon; otherwise hours go by until the next look.
        clock.forward(minutes=1 if planned_now < 0 else chance.choice([60, 300, 660, 1200]))
    found = [row for row in await rows(database, t.outbox) if row.due_at < end]
    by_person: dict[int, list[Any]] = {}
    for row in found:
        by_person.setdefault(int(row.key.split("/")[2]), []).append(row)
    assert cuts > 10
    assert set(by_person) == set(hours)
    for person, theirs in by_person.items():
        allowed = hours[person]
        for row in theirs:
            assert row.due_at < row.not_after
            assert allowed.first_allowed(row.due_at) == row.due_at
            assert allowed.allowed_until(row.due_at, row.not_after) == row.not_after
        days = sorted(date.fromisoformat(row.key.split("/")[3]) for row in theirs)
        assert [later - day for day, later in itertools.pairwise(days)] == [timedelta(weeks=1)] * (len(days) - 1)
        assert weeks - 1 <= len(days) <= weeks + 1
