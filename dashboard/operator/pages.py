"""The operator's pages, in one table, as dashboard/pages.py has a workspace's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.urls import URLPattern, path
from msgspec import Struct

from dashboard.door import View
from dashboard.operator import audit, catalogue, health, overview, providers, switches, tenants, work
from dashboard.operator.door import operator_door


class OperatorStep(Struct, frozen=True, kw_only=True):
    """Something below a page."""

    name: str
    path: str
    view: View


class OperatorPage(Struct, frozen=True, kw_only=True):
    name: str
    path: str
    title: str
    icon: str  # of dashboard/icons.txt
    view: View
    steps: Sequence[OperatorStep] = ()


PAGES: Sequence[OperatorPage] = (
    OperatorPage(name="operator", path="", title="Platform", icon="gauge", view=overview.page),
    OperatorPage(
        name="operator_tenants",
        path="tenants",
        title="Tenants",
        icon="building-2",
        view=tenants.page,
        steps=(
            OperatorStep(name="operator_tenant", path="<slug:slug>", view=tenants.one),
            OperatorStep(name="operator_tenant_plan", path="<slug:slug>/plan", view=tenants.set_plan),
            OperatorStep(name="operator_tenant_shut", path="<slug:slug>/shut", view=tenants.shut),
            OperatorStep(name="operator_visit", path="<slug:slug>/visit", view=tenants.visit),
            OperatorStep(name="operator_leave", path="<slug:slug>/leave", view=tenants.leave),
        ),
    ),
    OperatorPage(
        name="operator_health",
        path="health",
        title="Health",
        icon="activity",
        view=health.page,
        steps=(
            OperatorStep(name="operator_health_now", path="now", view=health.now),
            OperatorStep(name="operator_health_turn", path="turn", view=health.turn),
        ),
    ),
    OperatorPage(
        name="operator_models",
        path="models",
        title="Models and prices",
        icon="brain",
        view=catalogue.page,
        steps=(
            OperatorStep(name="operator_model", path="<path:model_id>/change", view=catalogue.one),
            OperatorStep(name="operator_model_reset", path="<path:model_id>/reset", view=catalogue.reset),
        ),
    ),
    OperatorPage(
        name="operator_providers",
        path="providers",
        title="Providers",
        icon="plug",
        view=providers.page,
        steps=(
            OperatorStep(name="operator_provider_save", path="save", view=providers.save),
            OperatorStep(name="operator_provider_remove", path="<str:provider>/remove", view=providers.remove),
        ),
    ),
    OperatorPage(
        name="operator_work",
        path="work",
        title="Workers and queues",
        icon="refresh-cw",
        view=work.page,
        steps=(OperatorStep(name="operator_work_now", path="now", view=work.now),),
    ),
    OperatorPage(
        name="operator_switches",
        path="switches",
        title="Switches and news",
        icon="sliders-horizontal",
        view=switches.page,
        steps=(
            OperatorStep(name="operator_switch", path="<str:name>/turn", view=switches.turn),
            OperatorStep(name="operator_announce", path="announce", view=switches.announce),
            OperatorStep(name="operator_announcement_end", path="announcements/<int:pk>/end", view=switches.end),
        ),
    ),
    OperatorPage(name="operator_audit", path="audit", title="Audit log", icon="scroll-text", view=audit.page),
)


def patterns() -> Iterator[URLPattern]:
    """Of every page and all that is below it."""
    for page in PAGES:
        yield path(f"operator/{page.path}" if page.path else "operator", operator_door(page.view, page), name=page.name)
        for step in page.steps:
            yield path(f"operator/{page.path}/{step.path}", operator_door(step.view, page), name=step.name)
