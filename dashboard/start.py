"""The first steps of a workspace: a key, a request that can be pasted, and the decision when it arrives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from msgspec import Struct

from accounts import access, audit
from accounts.keys import create_key
from accounts.models import Membership, User
from dashboard.links import root
from gateway.record import decision_of, latest_of
from routing.explain import explanation

CANDIDATES = 3  # of a decision that are shown
IN_THE_ENVIRONMENT = "$ROUTEPLEX_API_KEY"


class Snippet(Struct, frozen=True):
    """Something to paste. `text` has the key in it, or the name of the variable that holds it."""

    id: str
    title: str
    text: str
    note: str = ""


def base_url(request: HttpRequest) -> str:
    return root(request) + "/v1"


def page(request: HttpRequest, member: Membership) -> HttpResponse:
    return _page(request, member, None)


@never_cache
@transaction.atomic
def make_key(request: HttpRequest, member: Membership) -> HttpResponse:
    """The page once more, with the key in it; it is shown this once."""
    if request.method != "POST":
        return redirect("start", member.tenant.slug)
    assert isinstance(request.user, User)
    row, token = create_key(member.tenant, "first key", created_by=request.user)
    audit.note(request, member.tenant, "key.created", row)
    return _page(request, member, token)


def first(request: HttpRequest, member: Membership) -> HttpResponse:
    """The part of the page that waits."""
    return render(request, "dashboard/start_first.html", _first(member))


def _page(request: HttpRequest, member: Membership, token: str | None) -> HttpResponse:
    url = base_url(request)
    context = {
        "token": token,
        "base_url": url,
        "snippets": snippets(url, token),
        "has_keys": access.api_keys_of(member).filter(revoked_at=None).exists(),
        **_first(member),
    }
    return render(request, "dashboard/start.html", context)


def _first(member: Membership) -> dict[str, Any]:
    """The workspace's latest request, with its decision where one was made."""
    rows = latest_of([member.tenant], 1)
    if not rows:
        return {"row": None}
    recorded = decision_of([str(member.tenant_id)], rows[0].request_id)
    if recorded is None:
        return {"row": rows[0]}
    told = explanation(recorded.decision, recorded.classification)
    return {
        "row": rows[0],
        "decision": told,
        "candidates": told["candidates"][:CANDIDATES],
        "others": len(told["candidates"]) - CANDIDATES,
    }


def snippets(url: str, token: str | None) -> Sequence[Snippet]:
    key = token or IN_THE_ENVIRONMENT
    python_key = f'"{token}"' if token else 'os.environ["ROUTEPLEX_API_KEY"]'
    node_key = f'"{token}"' if token else "process.env.ROUTEPLEX_API_KEY"
    python_imports = "import openai" if token else "import os\n\nimport openai"
    return (
        Snippet(
            "curl",
            "curl",
            f"""curl {url}/chat/completions \\
  -H "Authorization: Bearer {key}" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "routeplex-ai", "messages": [{{"role": "user", "content": "Why is the sky blue?"}}]}}'""",
        ),
        Snippet(
            "python",
            "Python",
            f"""{python_imports}

client = openai.OpenAI(base_url="{url}", api_key={python_key})
answer = client.chat.completions.create(
    model="routeplex-ai",  # or a model by name: "anthropic/claude-sonnet-4"
    messages=[{{"role": "user", "content": "Why is the sky blue?"}}],
)
print(answer.choices[0].message.content)
print(answer.x_routeplex["model"])""",
            "pip install openai",
        ),
        Snippet(
            "node",
            "Node",
            f"""import OpenAI from "openai";

const client = new OpenAI({{ baseURL: "{url}", apiKey: {node_key} }});
const answer = await client.chat.completions.create({{
  model: "routeplex-ai", // or a model by name: "anthropic/claude-sonnet-4"
  messages: [{{ role: "user", content: "Why is the sky blue?" }}],
}});
console.log(answer.choices[0].message.content);""",
            "npm install openai",
        ),
        _tools(url, key, python_key, node_key),
    )


def _tools(url: str, key: str, python_key: str, node_key: str) -> Snippet:
    """What is set in other people's tools."""
    return Snippet(
        "tools",
        "Other tools",
        f"""# Whatever speaks to OpenAI reads these two:
export OPENAI_BASE_URL="{url}"
export OPENAI_API_KEY="{key}"

# LangChain (Python)
ChatOpenAI(model="routeplex-ai", base_url="{url}", api_key={python_key})

# LlamaIndex
OpenAILike(model="routeplex-ai", api_base="{url}", api_key={python_key}, is_chat_model=True)

# Vercel AI SDK
createOpenAICompatible({{ name: "routeplex", baseURL: "{url}", apiKey: {node_key} }})

# Open WebUI, LibreChat, Continue, Cline, Zed: provider "OpenAI compatible"
#   Base URL   {url}
#   API key    {key}
#   Model      routeplex-ai""",
    )
