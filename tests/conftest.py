"""Real parts for every test: the product's own server in a thread, the sandbox, a scripted provider, people and keys."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypothesis
import pytest
import uvicorn

from tests import redis_server
from tests import upstream as scripted

hypothesis.settings.register_profile("busy", deadline=None)  # a busy machine is no failure; pytest's own timeout remains
hypothesis.settings.load_profile("busy")

PATIENCE_S = 5.0  # with Redis: a busy machine must not look like one without it

PROVIDERS = """
[providers.alpha]
dialect = "openai"
display_name = "Alpha"
base_url = "{url}/alpha"
[[providers.alpha.models]]
name = "alpha-1"
context_tokens = 128000
max_output_tokens = 16384
abilities = ["seed", "n", "logprobs", "json_schema", "json_object", "reasoning_effort", "image_input", "audio_input"]
quality = 0.5
ttft_ms = 100
output_tokens_per_s = 100
prices = [
  {{ starts = 2024-01-01, input = "1", output = "2", cached_input = "0.1" }},
  {{ services = ["flex"], input = "0.5", output = "1", cached_input = "0.05" }},
  {{ services = ["priority", "fast"], input = "3", output = "6", cached_input = "0.3" }},
]

[providers.beta]
dialect = "openai"
display_name = "Beta"
base_url = "{url}/beta"
[[providers.beta.models]]
name = "beta-1"
context_tokens = 128000
max_output_tokens = 16384
quality = 0.49
ttft_ms = 100
output_tokens_per_s = 100
prices = [{{ starts = 2024-01-01, input = "10", output = "20" }}]

[providers.ant]
dialect = "anthropic"
display_name = "Ant"
base_url = "{url}/ant"
[[providers.ant.models]]
name = "ant-1"
context_tokens = 200000
max_output_tokens = 64000
abilities = ["tools", "thinking", "image_input", "json_schema"]
quality = 0.48
ttft_ms = 100
output_tokens_per_s = 100
prices = [{{ starts = 2024-01-01, input = "3", output = "15", cached_input = "0.3", cache_write = "3.75", cache_write_1h = "6" }}]

[providers.goo]
dialect = "google"
display_name = "Goo"
base_url = "{url}/goo"
[[providers.goo.models]]
name = "goo-1"
context_tokens = 1000000
max_output_tokens = 64000
abilities = ["tools", "thinking", "image_input", "json_schema", "seed"]
quality = 0.47
ttft_ms = 100
output_tokens_per_s = 100
prices = [{{ starts = 2024-01-01, input = "1.25", output = "10", cached_input = "0.125" }}]
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "only files in which a database or Redis takes part: what has none is the same on each"
    parser.addoption("--stores", action="store_true", help=told)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("stores"):
        files = {item.path for item in items if _uses_a_store(item)}
        config.hook.pytest_deselected(items=[item for item in items if item.path not in files])
        items[:] = [item for item in items if item.path in files]


def _uses_a_store(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    marked = any(item.get_closest_marker(name) for name in ("django_db", "stores"))
    return marked or bool(fixtures & {"db", "transactional_db", "redis_url"})


@pytest.fixture(autouse=True, scope="session")
def _only_loopback() -> Iterator[None]:
    """No test reaches beyond this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if host and not (host.startswith("127.") or host in ("::1", "localhost")):
            raise RuntimeError(f"a test tried to reach {address}")
        connect(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign,assignment]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """At the end nobody holds the database any more: a thread that still reads keys must not keep it from being dropped."""
    yield
    from django.db import connection

    if connection.vendor != "postgresql":
        return
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(scope="session")
def provider() -> Iterator[scripted.Upstream]:
    """The scripted provider: alpha and beta speak OpenAI's format, ant Anthropic's, goo Google's."""
    with scripted.running() as upstream:
        yield upstream


@pytest.fixture(autouse=True)
def _fresh_provider(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "provider" in request.fixturenames:
        request.getfixturevalue("provider").clear()
        from routing.snapshot import health, test_health

        health.clear()
        test_health.clear()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[str]:
    from sandbox.process import running

    with running(speed=0) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis of this process of the tests: a database of the environment's own, or the embedded server."""
    if url := os.environ.get("REDIS_URL"):
        yield redis_server.url_of_this_worker(url)
        return
    with redis_server.running() as embedded:
        yield embedded.url


@pytest.fixture(scope="session")
def server(
    django_db_setup: None,
    django_db_blocker: Any,
    provider: scripted.Upstream,
    sandbox: str,
    redis_url: str,
    tmp_path_factory: Any,
) -> Iterator[str]:
    """The product, served as in production: its base URL. The sandbox plays OpenAI, Anthropic and Google."""
    from django.conf import settings

    from accounts import credentials
    from gateway import rates
    from routing import snapshot

    folder = tmp_path_factory.mktemp("gateway")
    (folder / "providers.toml").write_text(PROVIDERS.format(url=provider.url))
    rates.TIMEOUT_S = PATIENCE_S
    settings.PROVIDERS_FILE, settings.SANDBOX_URL = str(folder / "providers.toml"), sandbox
    settings.JOURNAL_DIR, settings.REDIS_URL = folder / "journal", redis_url
    credentials.forget_all()
    snapshot.forget_catalog()
    with django_db_blocker.unblock(), _serving() as url:  # the server reads keys whenever it likes
        yield url


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _serving:
    def __enter__(self) -> str:
        from gateway.serve import options

        port = _free_port()
        self.server = uvicorn.Server(uvicorn.Config(**options(port=port)))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive(), "the gateway did not start"
            time.sleep(0.01)
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(10)


@pytest.fixture
def acme(transactional_db: None) -> SimpleNamespace:
    """Alice owns Acme, Bob is a member, Charlie is a stranger. `key` opens the data plane."""
    from accounts.keys import create_key
    from accounts.models import Membership
    from tests.factories import TenantFactory, UserFactory

    tenant = TenantFactory(name="Acme")
    people = {name: UserFactory(email=f"{name}@example.com") for name in ("alice", "bob", "charlie")}
    Membership.objects.create(tenant=tenant, user=people["alice"], role="owner")
    Membership.objects.create(tenant=tenant, user=people["bob"], role="member")
    row, key = create_key(tenant, "production")
    return SimpleNamespace(tenant=tenant, key=key, row=row, **people)


@pytest.fixture(scope="session")
def recorder(server: str) -> Any:
    from django.conf import settings

    from gateway.recorder import Recorder

    return Recorder(Path(settings.JOURNAL_DIR))


@pytest.fixture
def logged(recorder: Any, transactional_db: None) -> Any:
    """The rows of RequestLog, newest last, after the recorder has moved what the journal holds."""
    from gateway.models import LedgerEntry, RequestLog

    while recorder.step():  # what earlier tests have left
        pass
    RequestLog.objects.all().delete()
    LedgerEntry.objects.all().delete()

    def rows(**filters: Any) -> list[RequestLog]:
        while recorder.step():
            pass
        return list(RequestLog.objects.filter(**filters).order_by("received_at"))

    return rows


@pytest.fixture
def as_it_was(transactional_db: None) -> Iterator[None]:
    """Afterwards the server has forgotten what an operator has set."""
    yield
    from accounts import switches
    from accounts.models import PlatformCredential
    from gateway import operating
    from routing.models import CatalogOverride

    CatalogOverride.objects.all().delete()
    PlatformCredential.objects.all().delete()
    switches.forget_all()
    operating.refresh()
