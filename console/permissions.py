"""Who may open what: a handler names its roles, and every query is bounded by what the viewer may see.

A handler without a mark is refused (and a test walks the router to find it before a user does).
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import sqlalchemy as sa
from aiohttp import web

from console.context import Viewer
from store import tables

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ROLES: Final = frozenset({"admin", "coordinator", "psychosocial", "supervisor", "focal_point", "caseworker"})
# Who reads what people write. Coordinators and administrators work with codes, levels and counts.
READERS: Final = frozenset({"psychosocial", "supervisor", "caseworker", "focal_point"})
CARERS: Final = READERS - {"focal_point"}
PEOPLE: Final = ROLES - {"focal_point"}
# Who hands people over to other sites and staff, and ends the programme for them; and who alone records a death.
MOVERS: Final = CARERS | {"coordinator"}
DECIDERS: Final = frozenset({"supervisor", "coordinator"})
PLANNERS: Final = frozenset({"coordinator", "admin"})
SUPERVISORS: Final = PLANNERS | {"supervisor"}
CAMPAIGN_VIEWERS: Final = PLANNERS | {"supervisor"}

_MARK = "__console_roles__"


def allow(roles: frozenset[str]) -> Callable[[Handler], Handler]:
    """Only these roles may call the handler."""

    def mark(handler: Handler) -> Handler:
        setattr(handler, _MARK, roles)
        return handler

    return mark


def public(handler: Handler) -> Handler:
    """Anybody may call the handler, logged in or not."""
    setattr(handler, _MARK, None)
    return handler


def roles_of(handler: Any) -> frozenset[str] | None:
    """None: public. Raises AttributeError for a handler that nobody gave a mark."""
    roles: frozenset[str] | None = getattr(handler, _MARK)
    return roles


def may(viewer: Viewer, roles: frozenset[str]) -> bool:
    return viewer.role in roles


def sees_site(viewer: Viewer, column: Any) -> sa.ColumnElement[bool]:
    """The site bound on any table with a site column. Focal points serve the whole programme."""
    if not viewer.site_ids or viewer.role == "focal_point":
        return sa.true()
    return sa.and_(column.is_not(None), column.in_(viewer.site_ids))


def sees_alert(viewer: Viewer) -> sa.ColumnElement[bool]:
    """Reports about staff exist for focal points alone: no list, count, search or page of the site knows of them.

    Whoever a report is about sees nothing of it in any role.
    """
    alert = tables.alert
    not_about_me = sa.or_(alert.c.about_id.is_(None), alert.c.about_id != viewer.id)
    if viewer.role == "focal_point":
        return sa.and_(alert.c.route == "misconduct", not_about_me)
    of_site = sa.and_(alert.c.route != "misconduct", sees_site(viewer, alert.c.site_id))
    if viewer.role == "admin":
        # A report that found no focal point must not lie unheard: administrators see that it is there (`is_headline`).
        event = tables.alert_event
        unheard = sa.exists().where(event.c.alert_id == alert.c.id, event.c.kind == "nobody_on_call")
        return sa.or_(of_site, sa.and_(alert.c.is_report, alert.c.state == "open", unheard, not_about_me))
    return of_site


def is_headline(viewer: Viewer, alert: Any) -> bool:
    """Whether the viewer may know no more of the alert than its level and deadline: not even who it is about."""
    return bool(alert.is_report) and viewer.role != "focal_point"


def sees_answer(viewer: Viewer) -> sa.ColumnElement[bool]:
    """On the outbox: what the service or a focal point wrote about a report is as invisible as the report."""
    report = tables.alert.alias()
    hidden = sa.exists().where(report.c.id == tables.outbox.c.alert_id, _hides(viewer, report))
    return ~hidden


def sees_message(viewer: Viewer, inbox_id: Any) -> sa.ColumnElement[bool]:
    """A message in which staff were reported is hidden from others even inside a conversation they may read."""
    assessment = tables.assessment.alias()
    if viewer.role == "focal_point":
        report = tables.alert.alias()
        return ~sa.exists().where(
            assessment.c.inbox_id == inbox_id, report.c.id == assessment.c.alert_id, _hides(viewer, report)
        )
    return ~sa.exists().where(assessment.c.inbox_id == inbox_id, assessment.c.route == "misconduct")


def _hides(viewer: Viewer, report: Any) -> sa.ColumnElement[bool]:
    """Whether this report is none of the viewer's: they are no focal point, or it is about them."""
    hides: sa.ColumnElement[bool] = report.c.is_report
    return report.c.about_id == viewer.id if viewer.role == "focal_point" else hides
