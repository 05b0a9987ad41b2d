"""The console as one aiohttp application, to be mounted at /console by hujambo.service."""

from collections.abc import Sequence

from aiohttp import web

from console import (
    accuracy,
    alerts,
    answering,
    auth,
    campaigns,
    judging,
    language,
    live,
    people,
    phones,
    rota,
    sample,
    security,
    silence,
    supervising,
    supervision,
    tasks,
)
from console.assets import Assets
from console.casefile import facts, moving, plan, referrals, timeline
from console.context import CONSOLE, Console, PhoneWall
from console.pages import set_up
from console.permissions import public
from console.proxies import Network
from content.schema import Pack
from store.database import Clock, Database

_LARGEST_FORM = 64 * 1024


def make_console(
    database: Database,
    pack: Pack,
    clock: Clock,
    *,
    base_url: str = "",
    secure_cookies: bool = True,
    demo: PhoneWall | None = None,
    proxies: Sequence[Network] = (),
) -> web.Application:
    """All pages. `secure_cookies` is False on plain http only; `demo` is the wall of pretend phones; `proxies` are
    those whose X-Forwarded-For is believed."""
    app = web.Application(middlewares=[language.listen, security.errors, security.guard], client_max_size=_LARGEST_FORM)
    app[CONSOLE] = Console(
        database=database,
        pack=pack,
        clock=clock,
        base_url=base_url,
        secure_cookies=secure_cookies,
        assets=Assets(),
        wall=demo,
        proxies=tuple(proxies),
    )
    set_up(app)
    app.on_response_prepare.append(security.add_headers)
    app.on_shutdown.append(_stop_streams)
    app.add_routes(_ROUTES)
    if demo is not None:
        app.add_routes(_WALL_ROUTES)
    app.router.add_route("*", "/{rest:.*}", nothing)
    return app


async def _stop_streams(app: web.Application) -> None:
    console = app[CONSOLE]
    console.stopping.set()
    console.database.signals.send(("alerts", "messages", "phones"))


@public
async def asset(request: web.Request) -> web.StreamResponse:
    return request.app[CONSOLE].assets.serve(request)


@public
async def nothing(request: web.Request) -> web.StreamResponse:  # noqa: ARG001  aiohttp's signature
    raise web.HTTPNotFound


_ROUTES = (
    web.get("/static/{tag}/{name}", asset),
    web.get("/login", auth.login_page),
    web.post("/login", auth.login),
    web.post("/logout", auth.logout),
    web.post("/language", language.set_language),
    web.get("/", alerts.home),
    web.get("/live", live.live),
    web.get("/alerts", alerts.queue_page),
    web.get("/alerts/{code}", alerts.alert_page),
    web.get("/alerts/{code}/live", live.live_alert),
    web.post("/alerts/{code}/take", alerts.take),
    web.post("/alerts/{code}/reply", answering.reply),
    web.post("/alerts/{code}/step", answering.step),
    web.post("/alerts/{code}/open", answering.open_text),
    web.post("/alerts/{code}/attempt", alerts.attempt),
    web.post("/alerts/{code}/note", alerts.note),
    web.post("/alerts/{code}/pass", alerts.pass_on),
    web.post("/alerts/{code}/level", alerts.level),
    web.post("/alerts/{code}/close", alerts.close),
    web.post("/alerts/{code}/ask", supervising.ask),
    web.post("/alerts/{code}/refuse", supervising.refuse),
    web.post("/alerts/{code}/reveal", alerts.reveal),
    web.post("/alerts/{code}/judge", judging.judge),
    web.post("/alerts/{code}/propose", judging.propose),
    web.get("/people", people.people_page),
    web.get("/people/{person}", people.person_page),
    web.post("/people/{person}/reveal", people.reveal),
    web.get("/supervision", supervision.overview_page),
    web.get("/handover", supervision.handover_home),
    web.get("/handover/{site}", supervision.handover_page),
    web.post("/handover/{site}", supervision.write_handover),
    web.post("/handover/{site}/read", supervision.read_handover),
    web.get("/silence", silence.list_page),
    web.post("/silence/{task}/attempt", silence.attempt),
    web.post("/silence/{task}/reveal", silence.reveal),
    web.post("/people/{person}/contact", people.log_contact),
    web.post("/people/{person}/note", people.add_note),
    web.post("/people/{person}/tasks", people.add_task),
    web.get("/people/{person}/timeline", timeline.timeline_page),
    web.get("/people/{person}/messages", timeline.messages_page),
    web.get("/people/{person}/plan", plan.plan_page),
    web.post("/people/{person}/goals", plan.add_goal),
    web.post("/people/{person}/goals/{goal}", plan.end_goal),
    web.post("/people/{person}/findings", plan.add_finding),
    web.get("/people/{person}/referrals", referrals.referrals_page),
    web.post("/people/{person}/referrals", referrals.refer),
    web.post("/people/{person}/referrals/{referral}", referrals.move),
    web.get("/people/{person}/facts", facts.facts_page),
    web.post("/people/{person}/facts", facts.change_facts),
    web.post("/people/{person}/verified", facts.verify),
    web.post("/people/{person}/consent", facts.change_consent),
    web.get("/people/{person}/move", moving.move_page),
    web.post("/people/{person}/transfer", moving.transfer),
    web.post("/people/{person}/leave", moving.leave),
    web.post("/people/{person}/died", moving.died),
    web.get("/services", referrals.services_page),
    web.get("/rota", rota.home),
    web.get("/rota/{site}", rota.site_page),
    web.post("/rota/{site}/add", rota.add),
    web.post("/rota/{site}/remove", rota.remove),
    web.post("/rota/{site}/fallback", rota.fallback),
    web.post("/rota/{site}/leave", rota.leave),
    web.post("/rota/{site}/back", rota.back),
    web.post("/rota/{site}/holidays", rota.holidays),
    web.post("/rota/{site}/paces", rota.paces),
    web.get("/campaigns", campaigns.list_page),
    web.get("/campaigns/new", campaigns.new_page),
    web.post("/campaigns", campaigns.create),
    web.get("/campaigns/{campaign}", campaigns.campaign_page),
    web.post("/campaigns/{campaign}/start", campaigns.start),
    web.post("/campaigns/{campaign}/pause", campaigns.pause),
    web.post("/campaigns/{campaign}/resume", campaigns.resume),
    web.get("/tasks", tasks.tasks_page),
    web.get("/tasks/{task}", tasks.task_page),
    web.post("/tasks/{task}/done", tasks.finish),
    web.post("/tasks/{task}/assign", tasks.assign),
    web.get("/sample", sample.sample_page),
    web.post("/sample/{sample}", sample.judge),
    web.post("/sample/{sample}/back", sample.take_back),
    web.get("/accuracy", accuracy.accuracy_page),
)
_WALL_ROUTES = (
    web.get("/phones", phones.wall_page),
    web.post("/phones/text", phones.text_in),
    web.post("/phones/ring", phones.ring_in),
    web.get("/phones/live", phones.live),
)
