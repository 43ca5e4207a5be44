"""The pages of a workspace, in one table: addresses, navigation and the tests of roles and strangers come from it.

To add a page: a file beside this one with its views, a template, and an entry here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from django.urls import URLPattern, path
from msgspec import Struct

from accounts.roles import Action
from dashboard import (
    audit,
    budgets,
    credentials,
    keys,
    learning,
    management_keys,
    members,
    overview,
    playground,
    requests,
    routing,
    start,
    webhooks,
    workspace,
)
from dashboard.door import View, door

GROUPS: Mapping[str, str] = {"use": "", "watch": "Watch", "route": "Route", "connect": "Connect", "manage": "Manage"}
"""Of the navigation, in its order, with their titles."""


class Step(Struct, frozen=True, kw_only=True):
    """Something below a page: a form that it sends, a part that it loads. `path` stands behind the page's own."""

    name: str
    path: str
    view: View
    needs: Action


class Page(Struct, frozen=True, kw_only=True):
    name: str  # of the address, too: reverse("keys", args=[slug])
    path: str
    title: str
    group: str
    icon: str  # of dashboard/icons.txt
    view: View
    needs: Action = Action.SEE
    steps: Sequence[Step] = ()

    @property
    def url_name(self) -> str:
        return self.name


PAGES: Sequence[Page] = (
    Page(
        name="start",
        path="start",
        title="Start",
        group="use",
        icon="rocket",
        view=start.page,
        steps=(
            Step(name="start_key", path="key", view=start.make_key, needs=Action.MAKE_KEYS),
            Step(name="start_first", path="first", view=start.first, needs=Action.SEE),
        ),
    ),
    Page(
        name="overview",
        path="overview",
        title="Overview",
        group="watch",
        icon="chart-line",
        view=overview.page,
        steps=(Step(name="overview_measured", path="measured", view=overview.measured, needs=Action.SEE),),
    ),
    Page(
        name="requests",
        path="requests",
        title="Requests",
        group="watch",
        icon="list",
        view=requests.page,
        steps=(
            Step(name="request", path="<str:request_id>", view=requests.one, needs=Action.SEE),
            Step(name="request_say", path="<str:request_id>/say", view=requests.say, needs=Action.USE),
        ),
    ),
    Page(
        name="playground",
        path="playground",
        title="Playground",
        group="use",
        icon="message-square",
        view=playground.page,
        needs=Action.USE,
    ),
    Page(
        name="routing",
        path="routing",
        title="Routing",
        group="route",
        icon="route",
        view=routing.page,
        steps=(
            Step(name="routing_save", path="save", view=routing.save, needs=Action.MANAGE_ROUTING),
            Step(name="routing_what_if", path="what-if", view=routing.what_if, needs=Action.SEE),
            Step(name="routing_undo", path="changes/<int:pk>/undo", view=routing.undo, needs=Action.MANAGE_ROUTING),
            Step(name="strategy_save", path="strategies", view=routing.save_strategy, needs=Action.MANAGE_ROUTING),
            Step(name="strategy_remove", path="strategies/<str:name>/remove", view=routing.remove, needs=Action.MANAGE_ROUTING),
        ),
    ),
    Page(
        name="learning",
        path="learning",
        title="Learning",
        group="route",
        icon="sparkles",
        view=learning.page,
        steps=(
            Step(name="learning_wish", path="wish", view=learning.wish, needs=Action.MANAGE_ROUTING),
            Step(name="learning_pin", path="versions/<int:version>/pin", view=learning.pin, needs=Action.MANAGE_ROUTING),
            Step(name="learning_let_go", path="versions/<int:version>/let-go", view=learning.let_go, needs=Action.MANAGE_ROUTING),
            Step(
                name="learning_back",
                path="versions/<int:version>/back",
                view=learning.roll_back,
                needs=Action.MANAGE_ROUTING,
            ),
            Step(name="learning_forget", path="forget", view=learning.forget, needs=Action.MANAGE_ROUTING),
            Step(name="learning_trust", path="keys/<str:key>/trust", view=learning.trust, needs=Action.MANAGE_ROUTING),
        ),
    ),
    Page(
        name="keys",
        path="keys",
        title="API keys",
        group="connect",
        icon="key-round",
        view=keys.page,
        steps=(
            Step(name="key_make", path="new", view=keys.make, needs=Action.MAKE_KEYS),
            Step(name="management_keys", path="management", view=management_keys.page, needs=Action.MAKE_KEYS),
            Step(name="management_key_make", path="management/new", view=management_keys.make, needs=Action.MAKE_KEYS),
            Step(
                name="management_key_revoke",
                path="management/<uuid:pk>/revoke",
                view=management_keys.revoke,
                needs=Action.MAKE_KEYS,
            ),
            Step(name="key", path="<uuid:pk>", view=keys.one, needs=Action.SEE),
            Step(name="key_change", path="<uuid:pk>/change", view=keys.change, needs=Action.MAKE_KEYS),
            Step(name="key_rotate", path="<uuid:pk>/rotate", view=keys.rotate, needs=Action.MAKE_KEYS),
            Step(name="key_revoke", path="<uuid:pk>/revoke", view=keys.revoke, needs=Action.MAKE_KEYS),
        ),
    ),
    Page(
        name="credentials",
        path="credentials",
        title="Credentials",
        group="connect",
        icon="plug",
        view=credentials.page,
        needs=Action.MANAGE_CREDENTIALS,
        steps=(
            Step(name="credential_save", path="save", view=credentials.save, needs=Action.MANAGE_CREDENTIALS),
            Step(name="credential_remove", path="<uuid:pk>/remove", view=credentials.remove, needs=Action.MANAGE_CREDENTIALS),
        ),
    ),
    Page(
        name="webhooks",
        path="webhooks",
        title="Webhooks",
        group="connect",
        icon="webhook",
        view=webhooks.page,
        needs=Action.MANAGE_WEBHOOKS,
        steps=(
            Step(name="webhook_make", path="new", view=webhooks.make, needs=Action.MANAGE_WEBHOOKS),
            Step(name="webhook_test", path="<uuid:pk>/test", view=webhooks.test, needs=Action.MANAGE_WEBHOOKS),
            Step(name="webhook_pause", path="<uuid:pk>/pause", view=webhooks.pause, needs=Action.MANAGE_WEBHOOKS),
            Step(name="webhook_remove", path="<uuid:pk>/remove", view=webhooks.remove, needs=Action.MANAGE_WEBHOOKS),
            Step(name="webhook_again", path="deliveries/<uuid:pk>/again", view=webhooks.again, needs=Action.MANAGE_WEBHOOKS),
        ),
    ),
    Page(
        name="budgets",
        path="budgets",
        title="Budgets",
        group="manage",
        icon="wallet",
        view=budgets.page,
        steps=(
            Step(name="budget_set", path="set", view=budgets.set_budget, needs=Action.MANAGE_BUDGETS),
            Step(name="budget_end", path="<int:pk>/end", view=budgets.end, needs=Action.MANAGE_BUDGETS),
            Step(name="limit_set", path="limit", view=budgets.set_limit, needs=Action.MANAGE_BUDGETS),
        ),
    ),
    Page(
        name="members",
        path="members",
        title="Members",
        group="manage",
        icon="users",
        view=members.page,
        steps=(
            Step(name="member_invite", path="invite", view=members.invite, needs=Action.MANAGE_MEMBERS),
            Step(name="member_role", path="<int:pk>/role", view=members.change_role, needs=Action.MANAGE_MEMBERS),
            Step(name="member_remove", path="<int:pk>/remove", view=members.remove, needs=Action.SEE),
            Step(
                name="invitation_again", path="invitations/<uuid:pk>/again", view=members.send_again, needs=Action.MANAGE_MEMBERS
            ),
            Step(
                name="invitation_withdraw",
                path="invitations/<uuid:pk>/withdraw",
                view=members.withdraw,
                needs=Action.MANAGE_MEMBERS,
            ),
        ),
    ),
    Page(
        name="audit",
        path="audit",
        title="Audit log",
        group="manage",
        icon="scroll-text",
        view=audit.page,
        needs=Action.READ_AUDIT,
    ),
    Page(
        name="workspace",
        path="settings",
        title="Settings",
        group="manage",
        icon="settings",
        view=workspace.page,
        needs=Action.MANAGE_TENANT,
        steps=(
            Step(name="workspace_export", path="export", view=workspace.export, needs=Action.MANAGE_TENANT),
            Step(name="workspace_delete", path="delete", view=workspace.delete, needs=Action.MANAGE_TENANT),
        ),
    ),
)


def patterns() -> Iterator[URLPattern]:
    """Of every page and all that is below it."""
    for page in PAGES:
        yield path(f"t/<slug:tenant>/{page.path}", door(page.view, page, page.needs), name=page.url_name)
        for step in page.steps:
            yield path(f"t/<slug:tenant>/{page.path}/{step.path}", door(step.view, page, step.needs), name=step.name)
