import asyncio
import signal
from contextlib import asynccontextmanager

import pytest

from folkmoot.core.errors import SourceFault
from folkmoot.ports.desk import Reloaded


@pytest.fixture
def stopped_by(system, monkeypatch):
    """The system gets these signals once it is up: the first after a turn of the loop, then more."""

    def use(*numbers, drains=True):
        inner = system.running

        @asynccontextmanager
        async def running(roles):
            async with inner(roles) as desk:
                asyncio.get_running_loop().call_later(0, signal.raise_signal, numbers[0])
                yield desk

        async def drain(grace):
            system.calls.append(f"drain {grace:g}")
            for number in numbers[1:]:
                signal.raise_signal(number)
            if not drains:
                await asyncio.Event().wait()

        monkeypatch.setattr(system, "running", running)
        monkeypatch.setattr(system, "drain", drain)

    return use


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_ends_well(folkmoot, system, stopped_by, number):
    stopped_by(number)
    said = folkmoot("up")
    assert said.code == 0
    assert system.calls == ["running api, coordinator, worker", "drain 10", "closed"]
    assert "http://127.0.0.1:4711/docs" in said.out
    assert "Nothing is lost" in said.out


def test_a_second_signal_ends_the_grace_at_once(folkmoot, system, stopped_by):
    stopped_by(signal.SIGTERM, signal.SIGTERM, drains=False)
    assert folkmoot("up").code == 130
    assert system.calls == ["running api, coordinator, worker", "drain 10", "closed"]


def test_for_machines_every_state_is_a_line(folkmoot, stopped_by):
    stopped_by(signal.SIGTERM)
    lines = folkmoot("up", "--json").documents
    assert [line["event"] for line in lines] == ["ready", "stopping", "stopped"]
    assert lines[0]["url"] == "http://127.0.0.1:4711"
    assert lines[0]["agents"] == ["reader"]


def test_an_address_of_ipv6_is_shown_as_a_browser_takes_it(folkmoot, stopped_by, monkeypatch):
    monkeypatch.setenv("FOLKMOOT_HOST", "::1")
    stopped_by(signal.SIGTERM)
    assert folkmoot("up", "--json").documents[0]["url"] == "http://[::1]:4711"


def test_a_worker_serves_no_http(folkmoot, system, stopped_by):
    stopped_by(signal.SIGTERM)
    said = folkmoot("worker", "--concurrency", "7")
    assert (said.code, system.settings.concurrency) == (0, 7)
    assert "http://" not in said.out
    assert system.calls[0] == "running worker"


def test_options_of_up_become_settings(folkmoot, system, stopped_by):
    stopped_by(signal.SIGTERM)
    folkmoot("up", "--host", "0.0.0.0", "--port", "0")
    assert (system.settings.host, system.settings.port) == ("0.0.0.0", 0)


@pytest.fixture
def hung_up(system, monkeypatch):
    """The system gets SIGHUP once it is up, and SIGTERM when it has read again."""

    def use(outcome):
        inner = system.running

        @asynccontextmanager
        async def running(roles):
            async with inner(roles) as desk:
                asyncio.get_running_loop().call_later(0, signal.raise_signal, signal.SIGHUP)
                yield desk

        async def reload():
            asyncio.get_running_loop().call_later(0, signal.raise_signal, signal.SIGTERM)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        monkeypatch.setattr(system, "running", running)
        monkeypatch.setattr(system, "reload", reload, raising=False)

    return use


@pytest.mark.parametrize("command", ["up", "worker", "coordinator", "api"])
def test_a_hangup_reads_the_agents_again(folkmoot, hung_up, command):
    hung_up(Reloaded(agents=("reader",), mistakes=("a.yaml:1:1: oops",)))
    lines = folkmoot(command, "--json").documents
    assert [line["event"] for line in lines] == ["ready", "reloaded", "stopping", "stopped"]
    assert (lines[1]["agents"], lines[1]["mistakes"]) == (["reader"], ["a.yaml:1:1: oops"])


def test_a_reload_that_fails_ends_nothing(folkmoot, hung_up):
    hung_up(SourceFault("The bucket is gone."))
    said = folkmoot("up")
    assert said.code == 0
    assert "Not read again: The bucket is gone." in said.err
