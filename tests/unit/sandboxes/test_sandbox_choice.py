import pytest

from folkmoot.core.agent import SandboxUse
from folkmoot.core.errors import Invalid, SandboxFault
from folkmoot.ports.sandbox import Command
from folkmoot.sandboxes.bubblewrap import Probe
from folkmoot.sandboxes.process import ProcessSandbox
from folkmoot.sandboxes.registry import choose, choose_or_explain

HERE = Probe("/usr/bin/bwrap")
MISSING = Probe(fault="bubblewrap (bwrap) is not installed")


def test_bubblewrap_is_taken_where_it_works_even_if_a_plain_process_is_allowed():
    assert choose(SandboxUse(plain_process=True), lambda: HERE).name == "bubblewrap"


def test_a_plain_process_is_never_taken_unasked():
    with pytest.raises(SandboxFault) as caught:
        choose(SandboxUse(), lambda: MISSING)
    assert "not installed" in str(caught.value)
    assert "apt-get install bubblewrap" in caught.value.todo
    assert "plain_process: true" in caught.value.todo


def test_a_plain_process_is_taken_when_the_agent_file_allows_it_and_nothing_better_works():
    assert choose(SandboxUse(plain_process=True), lambda: MISSING).name == "process"


def test_asking_for_a_plain_process_by_kind_still_needs_the_permission():
    with pytest.raises(SandboxFault):
        choose(SandboxUse(kind="process"), lambda: HERE)
    assert choose(SandboxUse(kind="process", plain_process=True), lambda: HERE).name == "process"


def test_an_unknown_kind_names_those_that_there_are():
    with pytest.raises(Invalid, match="bubblewrap, process"):
        choose(SandboxUse(kind="docker"), lambda: HERE)


async def test_an_absent_sandbox_says_why_only_when_a_command_is_run(tmp_path):
    absent = choose_or_explain(SandboxUse(), lambda: MISSING)
    assert absent.capabilities == frozenset()
    with pytest.raises(SandboxFault, match="not installed"):
        await absent.run(Command(argv=("true",), workspace=tmp_path))


async def test_a_plain_process_that_cannot_be_cut_off_refuses_instead_of_leaving_the_network_open(
    tmp_path,
):
    sandbox = ProcessSandbox(isolated=False)
    assert "network" not in sandbox.capabilities
    with pytest.raises(SandboxFault, match="network: true"):
        await sandbox.run(Command(argv=("true",), workspace=tmp_path))


def test_a_plain_process_promises_neither_files_nor_processes():
    assert not ProcessSandbox(isolated=True).capabilities & {"filesystem", "processes"}
