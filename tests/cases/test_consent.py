"""Consent: given by version, withdrawn without a reason, never overwritten."""

import pytest

from cases import consent
from store.database import Database
from tests.builders import a_beneficiary, a_site
from tests.conftest import NOW


async def test_a_new_version_ends_the_old_one_and_withdrawing_ends_both(database: Database) -> None:
    person = await a_beneficiary(database, await a_site(database), None)

    async def give(version: str) -> None:
        await consent.give(database, person, "checkins", version, "en", "in person", None, NOW)

    await give("v1")
    await give("v1")
    await give("v2")
    assert await consent.withdraw(database, person, "checkins", None, NOW)
    assert not await consent.withdraw(database, person, "checkins", None, NOW)
    found = await consent.list_consents(database, person)
    assert [(c["version"], c["withdrawn_at"]) for c in found] == [("v1", NOW), ("v2", NOW)]


async def test_purposes_are_named(database: Database) -> None:
    person = await a_beneficiary(database, await a_site(database), None)
    with pytest.raises(consent.ConsentError, match="no purpose 'intelligence'"):
        await consent.give(database, person, "intelligence", "v1", "en", "in person", None, NOW)
