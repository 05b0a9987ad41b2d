"""A service whose classifier is a Rasa: it is asked, and its outage is seen wherever somebody looks."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.effects import Opinion
from channels.base import IncomingMessage
from content.schema import Level
from hujambo import service as composition
from hujambo.service import Service, build_service
from hujambo.settings import Settings
from store import tables as t
from tests.builders import a_beneficiary, a_channel, a_contact, a_number, a_site, rows
from tests.conftest import HandClock
from tests.hujambo.conftest import Visit
from tests.hujambo.rasas import PretendRasa, pretend_rasa


class Local:
    """In place of the local classifier, which takes a second to load."""

    def classify(self, _text: str, _language: str) -> Opinion:
        return Opinion(Level.ELEVATED, "distress", 0.7)


@pytest.fixture
async def server() -> AsyncIterator[PretendRasa]:
    async with pretend_rasa() as running:
        yield running


@pytest.fixture
async def service(
    settings: Settings, server: PretendRasa, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Service]:
    monkeypatch.setattr(composition, "local_classifier", lambda _content: Local())
    built = await build_service(settings.model_copy(update={"nlu": "rasa", "rasa_url": server.url}), clock=clock)
    yield built
    await built.stop()


async def _write(service: Service, text: str) -> None:
    channel = await a_channel(service.database, site_id=await a_site(service.database))
    number = a_number()
    await a_beneficiary(
        service.database, await a_site(service.database), await a_contact(service.database, channel, number)
    )
    await service.inbox.accept(channel, IncomingMessage(f"SM{number}", number, "+19995550100", text, 0))


async def _reasons(service: Service) -> list[tuple[str, str]]:
    (row,) = await rows(service.database, t.assessment)
    return [(reason["code"], reason["detail"]) for reason in row.reasons]


async def _page(visit: Visit, service: Service, path: str) -> Any:
    async with (await visit(service)).get(path) as answer:
        assert answer.status == 200
        return await (answer.json() if answer.content_type == "application/json" else answer.text())


async def test_what_rasa_hears_becomes_an_alert(service: Service, visit: Visit) -> None:
    await _write(service, "blue stones die")
    assert await _reasons(service) == [("classifier", "rasa: self_harm 90%")]
    assert (await _page(visit, service, "/readyz"))["degraded"] == []


async def test_an_outage_is_seen_on_the_message_by_monitoring_and_in_the_figures_and_the_service_stays_ready(
    service: Service, server: PretendRasa, visit: Visit
) -> None:
    server.mood = "error"
    await _write(service, "blue stones die")
    assert await _reasons(service) == [
        ("classifier", "local: distress 70%"),
        ("fallback", "rasa: no answer; read by: local"),
    ]
    found = await _page(visit, service, "/readyz")
    assert (found["ready"], found["degraded"]) == (
        True,
        ["Rasa refuses to answer: the local classifier reads instead"],
    )
    page = await _page(visit, service, "/metrics")
    figures = {
        sample.labels["what"]: sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "hujambo_rasa_total" and sample.value
    }
    assert figures == {"status": 1.0}


async def test_the_services_clock_finds_an_outage_before_anybody_writes_and_its_end(
    service: Service, server: PretendRasa, visit: Visit
) -> None:
    (step,) = [step for step in service.ticks._steps if step.name == "rasa"]
    server.mood = "nonsense"
    await step.run()
    assert (await _page(visit, service, "/readyz"))["degraded"] != []
    server.mood = "well"
    await step.run()
    assert (await _page(visit, service, "/readyz"))["degraded"] == []
