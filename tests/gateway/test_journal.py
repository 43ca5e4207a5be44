"""No request is lost, whatever dies and whenever; none is counted twice."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from django.db import OperationalError

from gateway import journal as journals
from gateway import record, recorder
from gateway.journal import Journal, JournalUnavailable, Segment
from gateway.models import RequestLog
from gateway.recorder import Recorder

pytestmark = pytest.mark.django_db(transaction=True)

WRITER = """
    import os, sys, time
    from pathlib import Path
    sys.path.insert(0, os.getcwd())
    import django; django.setup()
    from gateway import record
    from gateway.journal import Journal
    from gateway.tally import Tally
    from routing.catalog import Catalog
    from routing.snapshot import catalog
    from routing.types import Caller, Candidate, Endpoint, Usage

    journal = Journal(Path(sys.argv[1]))
    record.use(journal)
    caller = Caller(tenant_id=sys.argv[2], key_id=sys.argv[3], key_prefix="p", test=False)
    model = next(iter(catalog().models.values()))

    def tally(name):
        return Tally(request_id=name, caller=caller, received_at=time.time(), started=time.monotonic())

    def begin(name):
        t = tally(name)
        r = record.recording(t)
        r.__enter__()
        attempt = t.begin(Candidate(model=model), Endpoint(base_url="", secret=""))
        r.intent(attempt)
        return t, r, attempt

    def end(t, r, attempt):
        attempt.usage = Usage(input_tokens=10, output_tokens=5)
        t.end(attempt, model)
        r.ended(None)
        r.__exit__(None, None, None)
"""


@pytest.fixture
def writer(tmp_path, acme):
    """Runs a script that writes a journal, to its end or its death; returns the journal's folder."""

    def run(script, **env):
        code = textwrap.dedent(WRITER) + textwrap.dedent(script)
        command = [sys.executable, "-c", code, str(tmp_path), str(acme.tenant.pk), str(acme.row.pk)]
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", **env}
        run.process = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
        return tmp_path

    return run


def drained(folder: Path) -> list[RequestLog]:
    at = Recorder(folder)
    while at.step():
        pass
    return list(RequestLog.objects.order_by("request_id"))


def test_a_process_that_ends_well_leaves_rows_and_no_journal(writer):
    folder = writer('for i in range(3): end(*begin(f"req_{i}"))\njournal.close()')
    assert [(r.request_id, r.status, r.output_tokens) for r in drained(folder)] == [(f"req_{i}", "ok", 5) for i in range(3)]
    assert list(folder.iterdir()) == []


def test_a_process_that_is_killed_loses_no_request(writer):
    folder = writer("""
        for i in range(5): end(*begin(f"req_{i}"))
        begin("req_5"), begin("req_6")
        os.kill(os.getpid(), 9)
    """)
    assert writer.process.returncode == -signal.SIGKILL
    rows = drained(folder)
    assert [r.status for r in rows] == ["ok"] * 5 + ["orphaned"] * 2
    assert all(r.attempts[0]["model"] == r.model != "" for r in rows)
    assert list(folder.iterdir()) == []


def test_an_orphan_has_an_estimated_cost(writer):
    folder = writer("""
        from routing.types import Classification
        t = tally("req_0"); t.classification = Classification(
            query_type="math", posterior={}, complexity=0, needs={}, input_tokens=1000, max_output_tokens=None)
        r = record.recording(t); r.__enter__()
        r.intent(t.begin(Candidate(model=model), Endpoint(base_url="", secret="")))
        os.kill(os.getpid(), 9)
    """)
    (row,) = drained(folder)
    assert (row.status, row.query_type, row.input_tokens, row.usage_estimated) == ("orphaned", "math", 1000, True)
    assert row.cost_usd > 0


def test_a_living_journal_is_read_while_it_grows_and_its_open_requests_are_left_alone(tmp_path, acme):
    segment = Segment(tmp_path)
    at = Recorder(tmp_path)
    segment.append(outcome_line(acme, "req_0"))
    at.step()
    segment.append(intent_line(acme, "req_1"))
    at.step()
    assert [r.request_id for r in RequestLog.objects.all()] == ["req_0"]
    segment.append(outcome_line(acme, "req_1"))
    segment.close()
    while at.step():
        pass
    assert [r.status for r in RequestLog.objects.order_by("request_id")] == ["ok", "ok"]


def test_a_recorder_that_starts_again_counts_nothing_twice(tmp_path, acme):
    segment = Segment(tmp_path)
    segment.append(intent_line(acme, "req_0"))
    segment.append(outcome_line(acme, "req_0"))
    for _ in range(3):
        Recorder(tmp_path).step()
    segment.close()
    drained(tmp_path)
    assert RequestLog.objects.count() == 1


def test_a_line_that_the_death_of_its_process_cut_is_no_line(tmp_path, acme):
    segment = Segment(tmp_path)
    segment.append(outcome_line(acme, "req_0"))
    line = outcome_line(acme, "req_1")
    segment._map[segment.size : segment.size + 40] = line[:40]
    os.ftruncate(segment.fd, segment.capacity)
    os.close(segment.fd)  # the lock is gone, as after a death
    assert [r.request_id for r in drained(tmp_path)] == ["req_0"]


def test_nonsense_is_kept_aside_and_stops_nobody(tmp_path, acme):
    segment = Segment(tmp_path)
    segment.append(b"nonsense")
    segment.append(outcome_line(acme, "req_0"))
    segment.close()
    assert [r.request_id for r in drained(tmp_path)] == ["req_0"]
    (aside,) = tmp_path.glob("*.unread")
    assert aside.read_bytes() == b"nonsense\n"


def test_a_database_that_is_away_delays_rows_and_loses_none(tmp_path, acme, monkeypatch):
    segment = Segment(tmp_path)
    at = Recorder(tmp_path)
    segment.append(intent_line(acme, "req_0"))
    segment.append(outcome_line(acme, "req_0"))
    segment.close()

    def away(rows):
        raise OperationalError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(recorder, "_insert", away)
        for _ in range(3):
            with pytest.raises(OperationalError):
                at.step()
    while at.step():
        pass
    assert RequestLog.objects.get().status == "ok"


def test_text_that_the_database_cannot_keep(tmp_path, acme):
    segment = Segment(tmp_path)
    segment.append(outcome_line(acme, "req_0", requested_model="a\0b" + "é" * 300))
    segment.close()
    (row,) = drained(tmp_path)
    assert row.requested_model.startswith("a\N{REPLACEMENT CHARACTER}b")


def test_segments_turn_over_and_close_when_their_requests_have_ended(tmp_path, acme, monkeypatch):
    monkeypatch.setattr(journals, "SEGMENT_BYTES", 20_000)
    monkeypatch.setattr(journals, "OUTCOME_ROOM", 5_000)
    monkeypatch.setattr(Segment.__init__, "__defaults__", (20_000,))
    journal = Journal(tmp_path)
    first = journal.segment()
    first.open_requests += 1
    first.append(intent_line(acme, "req_000"))
    for i in range(1, 200):
        journal.segment().append(outcome_line(acme, f"req_{i:03}"))
    assert len(journal.older) > 1
    journal._close_ended()
    assert journal.older == [first]
    journal.append_anywhere(outcome_line(acme, "req_000"))
    first.open_requests -= 1
    journal.close()
    rows = drained(tmp_path)
    assert len(rows) == 200
    assert {r.status for r in rows} == {"ok"}, "an outcome in another segment than its intent counts once"


def test_a_full_disk_refuses_the_request_before_any_money_is_spent(tmp_path, monkeypatch):
    journal = Journal(tmp_path)
    monkeypatch.setattr(type(journal.current), "full", True)

    def no_room(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", no_room)
    with pytest.raises(JournalUnavailable):
        journal.segment()
    assert list(tmp_path.glob("*.new")) == []
    journal.close()


def outcome_line(acme, name, **more):
    from routing.types import Usage

    outcome = {
        "request_id": name,
        "tenant_id": str(acme.tenant.pk),
        "key_id": str(acme.row.pk),
        "test": False,
        "received_at": 1.0,
        "duration_ms": 5,
        "ttft_ms": None,
        "stream": False,
        "requested_model": "m",
        "status": "ok",
        "http_status": 200,
        "error_code": "",
        "model": "m",
        "provider": "p",
        "usage": Usage(),
        "cost": 0,
        "attempts": [],
        **more,
    }
    return record._encode(record.Outcome(**outcome))


def intent_line(acme, name):
    from routing.types import Attempt

    attempt = Attempt(number=1, model="m", provider="p", started_ms=0)
    return record._encode(
        record.Intent(
            request_id=name,
            tenant_id=str(acme.tenant.pk),
            key_id=str(acme.row.pk),
            test=False,
            received_at=1.0,
            stream=False,
            requested_model="m",
            attempt=attempt,
        )
    )


def test_rows_of_a_deleted_tenant_are_kept(tmp_path, acme):
    segment = Segment(tmp_path)
    segment.append(outcome_line(acme, "req_0", tenant_id="01a20704-ea46-7f1f-a5ab-e416a320cacc"))
    segment.close()
    assert len(drained(tmp_path)) == 1


def test_a_second_recorder_waits_for_the_first_and_then_goes_on(tmp_path, acme):
    from django.db import connection

    name = connection.settings_dict["NAME"]
    here = os.environ.get("DATABASE_URL", "").rpartition("/")[0]
    database = f"sqlite:///{name}" if connection.vendor == "sqlite" else f"{here}/{name}"
    env = {**os.environ, "DATABASE_URL": database, "VAR_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "gateway.settings"}
    command = [sys.executable, "manage.py", "recorder"]
    folder = tmp_path / "journal"
    first, second = (subprocess.Popen(command, env=env) for _ in range(2))
    try:
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) in (0, -signal.SIGTERM)
        segment = Segment(folder)
        segment.append(outcome_line(acme, "req_0"))
        segment.close()
        end = time.monotonic() + 20
        while time.monotonic() < end and not RequestLog.objects.exists():
            time.sleep(0.1)
        assert RequestLog.objects.get().request_id == "req_0"
    finally:
        second.terminate()
        second.wait(20)
