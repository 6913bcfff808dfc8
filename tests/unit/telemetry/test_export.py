import sys

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from folkmoot.core import entries as e
from folkmoot.core.errors import SettingsInvalid
from folkmoot.core.trace import trace_id
from folkmoot.telemetry.export import Exporter, connect
from folkmoot.telemetry.traces import Traces


@pytest.fixture
def opened():
    """Make an exporter as one process would, with what it exported."""

    def make(name):
        memory = InMemorySpanExporter()
        resource = Resource({"service.name": "folkmoot", "process": name})
        return Traces(Exporter(SimpleSpanProcessor(memory), resource).send), memory

    return make


def test_two_processes_export_one_trace(opened, journal):
    (one, first), (other, second) = opened("one"), opened("other")
    diary = journal(one)
    diary.write(e.ModelCalled(call="1.reply", model="openai:gpt"))
    diary.write(e.ModelReplied(call="1.reply", model="openai:gpt"), after=20)
    diary.observers[:] = [other]
    diary.write(e.Resumed(worker="b", fence=2))
    diary.write(e.Failed(code="LIMIT", message="No."), after=5)
    spans = [*first.get_finished_spans(), *second.get_finished_spans()]
    assert len(spans) == 3
    assert {f"{span.context.trace_id:032x}" for span in spans} == {trace_id("run_1")}
    (root,) = [span for span in spans if span.parent is None]
    assert {span.parent.span_id for span in spans if span is not root} == {root.context.span_id}
    assert {span.parent.trace_id for span in spans if span is not root} == {root.context.trace_id}
    assert {span.resource.attributes["process"] for span in spans} == {"one", "other"}


def test_a_span_arrives_as_it_was_made(opened, journal):
    observer, memory = opened("one")
    diary = journal(observer)
    diary.write(e.ModelCalled(call="1.reply", model="openai:gpt"))
    diary.write(e.ModelFailed(call="1.reply", model="openai:gpt", code="MODEL_TIMEOUT"), after=20)
    (span,) = memory.get_finished_spans()
    assert span.name == "chat gpt"
    assert span.kind is SpanKind.CLIENT
    assert (span.status.status_code, span.status.description) == (
        StatusCode.ERROR, "MODEL_TIMEOUT",
    )  # fmt: skip
    assert (span.start_time, span.end_time) == (1_000_000 * 10**6, 1_000_020 * 10**6)
    assert span.attributes["gen_ai.provider.name"] == "openai"
    assert span.context.trace_flags.sampled
    assert span.to_json()


def test_console_prints_to_stderr_and_leaves_stdout_alone(capsys, journal):
    observer = Traces(connect("console", "1").send)
    journal(observer).write(e.Succeeded(output="x"))
    printed = capsys.readouterr()
    assert "invoke_agent reader" in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("target", ["yes", "localhost:4318", "ftp://x/", "http://", "/v1/traces"])
def test_what_is_no_address_is_a_mistake(target):
    with pytest.raises(SettingsInvalid) as fault:
        connect(target, "1")
    assert "FOLKMOOT_TRACES" in str(fault.value)


def test_a_mistake_tells_no_password():
    with pytest.raises(SettingsInvalid) as fault:
        connect("htp://ann:hunter2@collector:4318", "1")
    assert "hunter2" not in str(fault.value)


@pytest.mark.parametrize(
    ("target", "endpoint"),
    [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
        ("https://collector/api/otel", "https://collector/api/otel"),
    ],
)
async def test_an_address_without_a_path_gets_the_usual_one(target, endpoint):
    exporter = connect(target, "1")
    assert exporter._processor.span_exporter._endpoint == endpoint
    await exporter.stop()
    await exporter.stop()


@pytest.mark.parametrize(
    "absent", ["opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http.trace_exporter"]
)
def test_a_missing_extra_says_what_to_install(monkeypatch, absent):
    monkeypatch.setitem(sys.modules, absent, None)
    if absent == "opentelemetry.sdk.trace":
        monkeypatch.delitem(sys.modules, "folkmoot.telemetry.export")
    with pytest.raises(SettingsInvalid) as fault:
        _connect_again()
    assert "folkmoot[otel]" in fault.value.todo


def _connect_again():
    from folkmoot.telemetry.export import connect as again  # noqa: PLC0415 - the import is the test

    return again("http://127.0.0.1:4318", "1")
