import asyncio
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from folkmoot.core import entries as e
from folkmoot.core.entries import Head
from folkmoot.core.run import Run
from folkmoot.core.trace import trace_id
from folkmoot.telemetry.export import connect
from folkmoot.telemetry.traces import Traces

pytestmark = pytest.mark.slow

WORKER = """
import asyncio, sys
from folkmoot.core import entries as e
from folkmoot.core.run import Run
from folkmoot.telemetry.export import connect
from folkmoot.telemetry.traces import Traces

first = {
    "one": [e.ModelCalled(call="2.reply", model="openai:gpt"),
            e.ModelReplied(call="2.reply", model="openai:gpt")],
    "other": [e.Resumed(worker="other", fence=2), e.ToolReturned(call="c", name="t", text=""),
              e.Succeeded(output="x")],
}
exporter = connect(sys.argv[2], "1")
observe = Traces(exporter.send)
run = Run(id="run_1", agent="reader", definition="d", created_at=1_000_000)
head = e.Head(seq=2 if sys.argv[1] == "one" else 4)
for body in first[sys.argv[1]]:
    entry = e.write(head, run.id, 1_000_000 + head.seq, body)
    head = e.Head(entry.seq, entry.hash)
    observe(run, entry, body)
asyncio.run(exporter.stop())
"""


class Collector(ThreadingHTTPServer):
    """An OTLP/HTTP receiver that keeps what it gets. `silent`: takes requests and never answers."""

    def __init__(self, *, silent=False):
        self.spans = []
        self.asked = threading.Event()
        self.end = threading.Event()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.asked.set()
                if silent:
                    collector.end.wait(30)
                    return
                request = ExportTraceServiceRequest.FromString(body)
                collector.spans += [
                    span
                    for resource in request.resource_spans
                    for scope in resource.scope_spans
                    for span in scope.spans
                ]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture(params=[False])
def collector(request):
    with Collector(silent=request.param) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.end.set()
        server.shutdown()
        thread.join()


def test_two_processes_export_parts_of_one_connected_trace(collector):
    for worker in ("one", "other"):
        subprocess.run([sys.executable, "-c", WORKER, worker, collector.url], check=True)
    spans = collector.spans
    assert sorted(span.name for span in spans) == [
        "chat gpt", "execute_tool t", "invoke_agent reader", "run.resumed",
    ]  # fmt: skip
    assert {span.trace_id.hex() for span in spans} == {trace_id("run_1")}
    (root,) = [span for span in spans if not span.parent_span_id]
    assert {span.parent_span_id for span in spans if span is not root} == {root.span_id}
    assert root.start_time_unix_nano == 1_000_000 * 10**6


async def _stop_within(url, seconds):
    exporter = connect(url, "1")
    run = Run(id="run_1", agent="reader", definition="d")
    entry = e.write(Head(), run.id, 5, e.Succeeded(output="x"))
    Traces(exporter.send)(run, entry, entry.read())
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        await exporter.stop()
    return time.monotonic() - began


async def test_a_collector_that_is_not_there_does_not_hold_the_end_up():
    assert await _stop_within("http://127.0.0.1:9", 5) < 4


@pytest.mark.parametrize("collector", [True], indirect=True)
async def test_a_collector_that_never_answers_does_not_hold_the_end_up(collector):
    assert await _stop_within(collector.url, 5) < 4
    assert collector.asked.is_set()


def test_a_process_ends_although_its_collector_is_silent():
    began = time.monotonic()
    command = [sys.executable, "-c", WORKER, "one", "http://127.0.0.1:9"]
    subprocess.run(command, check=True, timeout=20)
    assert time.monotonic() - began < 8
