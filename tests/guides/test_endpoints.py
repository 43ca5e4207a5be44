"""Each snippet of docs/endpoints is run as it stands, in its language, against the running product, in a workspace of its own;
only the ids of things that it names are those of things that there are."""

import json
import os
import re
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import httpx
import pytest

from management import examples, reference
from tests.things import learned, something_of_each

ROOT = Path(__file__).resolve().parents[2]


@cache
def operations():
    described = json.loads(reference.description())["paths"]
    return [(about["operationId"], path, about) for path, methods in described.items() for about in methods.values()]


@pytest.fixture
def workspace(server, as_it_was, recorder):
    """A tenant by the number: with something of each kind, a request that was really asked, and whoever the examples speak of."""
    from accounts.keys import create_key
    from accounts.management_keys import create
    from accounts.models import Membership, Plan
    from accounts.scopes import PLATFORM_SCOPES, TENANT_SCOPES
    from tests.factories import TenantFactory, UserFactory

    Plan.objects.get_or_create(name="team")
    for name in ("ada", "grace"):
        UserFactory(email=f"{name}@example.com")
    operator = UserFactory(email="operator@example.com", is_staff=True)

    def made():
        tenant, owner, member = TenantFactory(name="Acme", keep_contents_days=1), UserFactory(), UserFactory()
        for person, role in ((owner, "owner"), (member, "member")):
            Membership.objects.create(tenant=tenant, user=person, role=role)
        row, key = create_key(tenant, "production", created_by=owner)
        _, operating = create(None, operator, "operator's", role="", scopes=PLATFORM_SCOPES)
        _, managing = create(tenant, owner, "a reader's", role="owner", scopes=TENANT_SCOPES)
        found = something_of_each(tenant, owner, member, row)
        vars(found).update(
            {**vars(learned(tenant)), "slug": tenant.slug, "name": "own", "request_id": asked(server, key, recorder)}
        )
        return found, {"ROUTEPLEX_API_KEY": key, "ROUTEPLEX_MANAGEMENT_KEY": managing, "OPERATOR": operating}

    return made


def asked(server, key, recorder):
    body = {"model": "google/gemini-2.5-flash", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
    told = httpx.post(f"{server}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}, timeout=30)
    while recorder.step():
        pass
    return told.json()["x_routeplex"]["request_id"]


def with_what_there_is(text, path, things):
    """The snippet, naming what there is in this workspace."""
    names = dict(vars(things))
    if "management-keys/" in path:
        names["key_id"] = operator_s_key() if "platform" in path else things.management_key_id
    if "platform/plans" in path:
        names["name"] = things.plan
    for name in re.findall(r"{(\w+)}", path):
        before, found = path.split(f"{{{name}}}")[0].rpartition("/")[0].rpartition("/")[2], str(names[name])
        text = text.replace(f"{before}/{examples.PATH[name]}", f"{before}/{found}")
    text = text.replace(examples.BODIES["create_webhook"]["url"], "http://127.0.0.1:9/routeplex")
    return text.replace(examples.PATH["request_id"], things.request_id)


@pytest.mark.parametrize(("name", "path", "about"), operations(), ids=[name for name, _, _ in operations()])
def test_every_snippet_runs(server, workspace, recorder, node, name, path, about):
    assert [one["label"] for one in about["x-codeSamples"]] == ["curl", "Python", "Node"]
    for sample in about["x-codeSamples"]:
        things, keys = workspace()
        prepare(name, things, recorder)
        code = with_what_there_is(sample["source"], path, things)
        if "/platform/" in path:
            keys["ROUTEPLEX_MANAGEMENT_KEY"] = keys["OPERATOR"]
        done = run(sample["label"], code, node, {**os.environ, **keys, "ROUTEPLEX_URL": server})
        assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"
        assert done.stdout.strip() or "204" in about["responses"], code


def run(label, code, node, env):
    if label == "Node":
        (node / "snippet.mjs").write_text(code)
    command = {"curl": ["sh", "-euc", code], "Python": [sys.executable, "-c", code], "Node": ["node", "snippet.mjs"]}[label]
    return subprocess.run(command, env=env, cwd=node, capture_output=True, text=True, timeout=120)


def prepare(name, things, recorder):
    """What an operation finds before it, where something of each kind is too much or not enough."""
    from accounts import bringing
    from accounts.models import Tenant
    from gateway.models import KeptContent
    from learning.models import StrategyTrial

    tenant = Tenant.objects.get(slug=things.slug)
    if name == "create_trial":
        StrategyTrial.objects.filter(pk=things.trial).delete()
    if name == "delete_credential":
        bringing.keep(tenant, "openai", "sk-own", by=None, taken=True)
    if name == "delete_platform_credential":
        bringing.keep_platform("openai", "sk-own", taken=True)
    end = time.monotonic() + 15
    while name == "get_contents" and not KeptContent.objects.filter(request_id=things.request_id).exists():
        assert time.monotonic() < end, "contents are written in the background"
        time.sleep(0.1)
        recorder.step()


def operator_s_key():
    from accounts.models import ManagementKey

    return ManagementKey.objects.filter(tenant=None).latest("created_at").pk
