"""What Prometheus sees, asked of the recorder as it runs in production, after requests through the gateway."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import msgspec
import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway import metrics
from gateway.vitals import Vitals
from tests import upstream as scripted
from tests.conftest import _free_port
from tests.gateway.conftest import ANSWER
from tests.gateway.test_server import environment, serving

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 40.0


def samples(port):
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S).text
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith(("_bucket", "_created"))
    }


@contextmanager
def recording(folder, url, **more):
    port = _free_port()
    env = environment(folder, url, METRICS_PORT=str(port), **more)
    process = subprocess.Popen([sys.executable, "manage.py", "recorder"], env=env)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def seen(port, wanted):
    """The samples, once `wanted` holds of them."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            found = samples(port)
        except httpx.TransportError:
            found = {}
        if found and wanted(found):
            return found
        time.sleep(0.1)
    raise AssertionError(f"not seen in {found}")


def test_requests_attempts_fallbacks_tokens_and_money_are_counted(tmp_path, provider, acme):
    provider.say("alpha", scripted.whole({"error": {"message": "no"}}, 500), scripted.whole(ANSWER))
    provider.say("beta", scripted.whole(ANSWER))
    with serving(tmp_path, provider.url) as (_, port), recording(tmp_path, provider.url, METRICS_BY_TENANT="1") as where:
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=acme.key, max_retries=0)
        for _ in range(2):
            client.chat.completions.create(model="alpha-1", messages=[{"role": "user", "content": "Write a poem about the sea."}])
        found = seen(where, lambda s: s.get(("routeplex_tenant_requests_total", "ok", str(acme.tenant.pk))) == 2)
    ok = {key: value for key, value in found.items() if key[0] == "routeplex_requests_total"}
    assert ok == {("routeplex_requests_total", "", "manual", "creative", "ok"): 2}
    assert found["routeplex_attempts_total", "server", "alpha/alpha-1", "alpha"] == 1
    assert found["routeplex_attempts_total", "", "alpha/alpha-1", "alpha"] == 1
    assert found["routeplex_fallbacks_total", "server"] == 1
    assert found["routeplex_tokens_total", "input", "alpha/alpha-1", "alpha"] == 10
    assert found["routeplex_cost_usd_total", "alpha/alpha-1", "alpha"] == pytest.approx(6 * 1e-6 + 4 * 0.1e-6 + 5 * 2e-6)
    assert found["routeplex_request_seconds_count", "alpha", "false"] == 1


def test_what_only_the_process_knows_is_there_and_goes_with_it(tmp_path, provider, acme):
    with recording(tmp_path, provider.url) as where:
        with serving(tmp_path, provider.url) as (process, _):
            found = seen(where, lambda s: any(key[0] == "routeplex_in_flight" for key in s))
            (name,) = [key[1] for key in found if key[0] == "routeplex_in_flight"]
            assert f"-{process.pid}-" in name
            assert found["routeplex_in_flight", name] == 0
            assert found["routeplex_snapshot_age_seconds", name] < PATIENCE_S
            assert found["routeplex_leaving", name] == 0
            process.kill()
            process.wait()
        found = seen(where, lambda s: ("routeplex_in_flight", name) not in s and s.get(("routeplex_hanging",)) == 0)
        assert found["routeplex_journal_lag_seconds",] < PATIENCE_S


def test_without_the_switch_no_label_names_a_tenant(tmp_path, provider, acme):
    provider.say("alpha", scripted.whole(ANSWER))
    with serving(tmp_path, provider.url) as (_, port), recording(tmp_path, provider.url) as where:
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=acme.key, max_retries=0)
        client.chat.completions.create(model="alpha-1", messages=[{"role": "user", "content": "Hi"}])
        found = seen(where, lambda s: any(key[0] == "routeplex_requests_total" for key in s))
    assert not [key for key in found if str(acme.tenant.pk) in key]


def test_a_process_that_hangs_is_counted_and_its_old_words_are_not_shown(tmp_path):
    old = Vitals(
        at=1000.0,
        in_flight=7,
        lag_s=0,
        keys_age_s=None,
        leaving=False,
        without_redis=False,
        targets={"alpha/alpha-1": "unhealthy"},
    )
    (tmp_path / "host-1.vitals").write_bytes(msgspec.json.encode(old))
    (tmp_path / "host-2.vitals").write_bytes(b"half a l")
    now = {family.name: family.samples for family in metrics.Processes(tmp_path, clock=lambda: 1005.0).collect()}
    later = {family.name: family.samples for family in metrics.Processes(tmp_path, clock=lambda: 1011.0).collect()}
    assert [sample.value for sample in now["routeplex_in_flight"]] == [7]
    assert [sample.value for sample in now["routeplex_target_state"]] == [2]
    assert later["routeplex_in_flight"] == []
    assert [sample.value for sample in later["routeplex_hanging"]] == [1]
