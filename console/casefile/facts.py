"""The safe-contact page: the facts that keep a person safe, and what they have consented to."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from cases import casework, consent
from cases.casework import facts as known
from cases.casework.frame import working_on
from cases.numbers import verified_by_voice
from cases.rules import AlertRuleError
from console.casefile.frame import act, file_page, minute_of, person_or_404
from console.context import console_of, viewer_of
from console.forms import whole
from console.permissions import CARERS, allow
from console.safety import clock_of
from content.schema import LANGUAGES


@allow(CARERS)
async def facts_page(request: web.Request) -> web.StreamResponse:
    return await _show(request, await person_or_404(request))


async def _show(
    request: web.Request,
    person: Any,
    *,
    status: int = 200,
    faults: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
) -> web.Response:
    given = await consent.list_consents(console_of(request).database, person.id)
    standing = {one["purpose"]: one for one in given if one["withdrawn_at"] is None}
    return await file_page(
        request,
        person,
        "facts",
        "file_facts.html",
        status=status,
        values=(typed if typed and "phone_kind" in typed else None) or _values(person),
        phone_kinds=known.PHONE_KINDS,
        genders=known.GENDERS,
        languages_known=LANGUAGES,
        consents=list(reversed(given)),
        standing=standing,
        purposes=consent.PURPOSES,
        consent_sources=consent.SOURCES,
        faults=faults or {},
        typed=typed or {},
    )


def _values(person: Any) -> dict[str, str]:
    """The form as it stands. The words themselves are never shown in it."""
    return {
        "phone_kind": person.phone_kind,
        "language": person.language,
        "staff_gender": person.staff_gender or "",
        "weekday": str(person.weekday),
        "minute": clock_of(person.minute),
        "safe_from": "" if person.safe_from is None else clock_of(person.safe_from),
        "safe_until": "" if person.safe_until is None else clock_of(person.safe_until),
    }


def read_facts(form: Mapping[str, str]) -> dict[str, Any]:
    """The facts as the form gives them. A word that was left empty stays as it is, unless it is to be forgotten."""
    values: dict[str, Any] = {
        "phone_kind": form.get("phone_kind", ""),
        "language": form.get("language", ""),
        "staff_gender": form.get("staff_gender") or None,
        "weekday": whole(form.get("weekday", "")),
        "minute": minute_of(form.get("minute", "")),
        "safe_from": minute_of(form.get("safe_from", "")),
        "safe_until": minute_of(form.get("safe_until", "")),
    }
    for word in known.SECRET:
        if form.get(f"forget_{word}") == "yes":
            values[word] = None
        elif form.get(word, "").strip():
            values[word] = form[word].strip()
    return values


@allow(CARERS)
async def change_facts(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)

    async def do(person: Any, form: Mapping[str, str], now: datetime) -> None:
        await casework.change_facts(console.database, person.id, viewer.id, read_facts(form), now)

    return await act(request, "facts", "saved", "/facts", _show, do)


@allow(CARERS)
async def verify(request: web.Request) -> web.StreamResponse:
    """Somebody has spoken with the person on this number."""
    console, viewer = console_of(request), viewer_of(request)

    async def do(person: Any, _: Mapping[str, str], now: datetime) -> None:
        try:
            await verified_by_voice(console.database, person.id, viewer.id, now)
        except AlertRuleError as refused:
            raise casework.CaseError(*refused.args) from None

    return await act(request, "facts", "saved", "/facts", _show, do)


@allow(CARERS)
async def change_consent(request: web.Request) -> web.StreamResponse:
    console, viewer = console_of(request), viewer_of(request)

    async def do(person: Any, form: Mapping[str, str], now: datetime) -> None:
        purpose = form.get("purpose", "")
        async with working_on(console.database, person.id, viewer.id, now) as case:
            if form.get("step") == "withdraw":
                await consent.withdraw(console.database, person.id, purpose, viewer.id, now, within=case.connection)
                return
            case.must_be_alive()
            language, source = form.get("language", ""), form.get("source", "")
            if language not in LANGUAGES or source not in consent.SOURCES:
                raise casework.CaseError("Say in which language it was read out, and how they agreed.")
            await consent.give(
                console.database,
                person.id,
                purpose,
                form.get("version", "").strip(),
                language,
                source,
                viewer.id,
                now,
                within=case.connection,
            )

    return await act(request, "consent", "saved", "/facts", _show, do)
