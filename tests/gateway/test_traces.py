"""Traces, as a collector gets them: the caller's, passed on to the provider; a span for the request and for each attempt."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from gateway import tracing
from gateway.tracing import Trace, passed_on, span_id, trace_of
from tests import upstream as scripted
from tests.gateway.conftest import ANSWER
from tests.gateway.test_metrics import PATIENCE_S, recording
from tests.gateway.test_server import serving

pytestmark = pytest.mark.django_db(transaction=True)
THEIRS, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PROMPT = "canary prompt 93ab"


class Collector:
    """Keeps what is sent to it, as OpenTelemetry's own protocol reads it."""

    def __init__(self):
        self.spans, self.bytes = [], b""

    def take(self, body):
        self.bytes += body
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for of_scope in of_resource.scope_spans:
                self.spans += of_scope.spans


@pytest.fixture
def collector():
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            found.take(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
    yield found
    server.shutdown()


@contextmanager
def traced(folder, provider, key, collector, **more):
    """A client of a gateway whose recorder sends traces; leaving, all of them have been sent."""
    more = {"TRACES_URL": collector.url, "OTEL_EXPORTER_OTLP_COMPRESSION": "none", **more}
    with recording(folder, provider.url, **more), serving(folder, provider.url, **more) as (_, port):
        yield openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=key, max_retries=0)


def ask(client, **headers):
    messages = [{"role": "user", "content": PROMPT}]
    answer = client.chat.completions.with_raw_response.create(model="alpha-1", messages=messages, extra_headers=headers)
    return answer.headers["x-request-id"]


def attributes(span):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def test_a_request_and_its_attempts_are_spans_of_the_caller_s_trace(tmp_path, provider, acme, collector):
    provider.say("alpha", scripted.whole({"error": {"message": "no"}}, 500))
    provider.say("beta", scripted.whole(ANSWER))
    with traced(tmp_path, provider, acme.key, collector) as client:
        name = ask(client, traceparent=f"00-{THEIRS}-{PARENT}-01", tracestate="vendor=1")
    request, first, second = sorted(
        collector.spans, key=lambda span: (span.kind != Span.SPAN_KIND_SERVER, span.start_time_unix_nano)
    )
    assert {span.trace_id.hex() for span in collector.spans} == {THEIRS}
    assert request.parent_span_id.hex() == PARENT and request.span_id.hex() == span_id(name)
    assert {first.parent_span_id, second.parent_span_id} == {request.span_id}
    assert (request.kind, second.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
    told = attributes(request)
    assert told["routeplex.request_id"] == name and told["http.response.status_code"] == 200
    assert (told["gen_ai.operation.name"], told["gen_ai.response.model"]) == ("chat", "beta-1")
    assert told["gen_ai.usage.input_tokens"] > 0 < told["gen_ai.usage.output_tokens"]
    assert first.status.code == Status.STATUS_CODE_ERROR and attributes(first)["error.type"] == "server"
    assert attributes(second)["gen_ai.provider.name"] == "beta" and second.status.code == Status.STATUS_CODE_UNSET
    assert request.start_time_unix_nano <= first.start_time_unix_nano <= second.start_time_unix_nano
    assert second.end_time_unix_nano <= request.end_time_unix_nano + 2_000_000
    passed = [asked.headers["traceparent"] for asked in provider.requests]
    assert passed == [f"00-{THEIRS}-{span.span_id.hex()}-01" for span in (first, second)]
    assert {asked.headers["tracestate"] for asked in provider.requests} == {"vendor=1"}
    assert PROMPT.encode() not in collector.bytes and acme.key.encode() not in collector.bytes


def test_the_caller_s_word_decides_and_without_one_the_share_does(tmp_path, provider, acme, collector):
    provider.say("alpha", scripted.whole(ANSWER), scripted.whole(ANSWER), scripted.whole(ANSWER))
    with traced(tmp_path, provider, acme.key, collector, TRACES_SHARE="0") as client:
        ask(client, traceparent=f"00-{THEIRS}-{PARENT}-00")
        ask(client)
        wanted = ask(client, traceparent=f"00-{THEIRS}-{PARENT}-01")
    assert {attributes(span).get("routeplex.request_id", wanted) for span in collector.spans} == {wanted}
    assert len(collector.spans) == 2
    flags = [asked.headers["traceparent"][-2:] for asked in provider.requests]
    assert flags == ["00", "00", "01"]


def test_without_the_setting_nothing_is_passed_on(sdk, provider, acme, logged):
    provider.say("alpha", scripted.whole(ANSWER))
    ask(sdk, traceparent=f"00-{THEIRS}-{PARENT}-01")
    assert logged()[-1].status == "ok" and "traceparent" not in provider.requests[-1].headers


def test_the_collector_may_be_away(tmp_path, provider, acme, collector):
    provider.say("alpha", scripted.whole(ANSWER))
    away = {"TRACES_URL": "http://127.0.0.1:9/v1/traces", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    with traced(tmp_path, provider, acme.key, collector, **away) as client:
        name = ask(client)
        until(lambda: rows(name) == 1)
    assert collector.spans == []


def rows(name):
    from gateway.models import RequestLog

    return RequestLog.objects.filter(request_id=name).count()


def until(true):
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "nonsense",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{THEIRS}-{'0' * 16}-01",
        f"ff-{THEIRS}-{PARENT}-01",
        f"00-{THEIRS.upper()}-{PARENT}-01",
        f"00-{THEIRS}-{PARENT}",
    ],
)
def test_what_is_no_traceparent_begins_a_trace(wrong):
    found = trace_of({b"traceparent": wrong.encode()}, "req_1", 1.0)
    assert found == trace_of({}, "req_1", 1.0) == Trace(found.id)
    assert found.sampled and found.parent == "" and found.id not in (THEIRS, "")


@given(st.binary(max_size=80), st.text(min_size=1, max_size=40), st.floats(0, 1))
def test_any_header_makes_a_trace_that_can_be_passed_on(header, name, share):
    trace = trace_of({b"traceparent": header}, name, share)
    again = trace_of({b"traceparent": passed_on(trace, name, 1)["traceparent"].encode()}, name, share)
    assert (again.id, again.parent, again.sampled) == (trace.id, span_id(name, 1), trace.sampled)
    assert tracing.written(trace) == (f"{trace.id}-{trace.parent}" if trace.sampled else "")


def test_about_the_share_is_sampled():
    kept = sum(trace_of({}, f"req_{number}", 0.25).sampled for number in range(4000))
    assert 850 < kept < 1150
