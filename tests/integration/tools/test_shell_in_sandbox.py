import msgspec
import pytest

from folkmoot.core.agent import SandboxUse
from folkmoot.sandboxes.bubblewrap import BubblewrapSandbox, probe
from folkmoot.sandboxes.process import ProcessSandbox
from folkmoot.testing.contracts.tool import ToolContract, agent_with, context_in
from folkmoot.tools.registry import builtin

pytestmark = pytest.mark.slow


@pytest.fixture(params=["bubblewrap", "process"])
def context(request, tmp_path):
    if request.param == "bubblewrap":
        if not probe().works:
            pytest.skip(probe().fault)
        return context_in(tmp_path, sandbox=BubblewrapSandbox(), env={"TOKEN": "granted"})
    sandbox = ProcessSandbox()
    if "network" not in sandbox.capabilities:
        pytest.skip("a plain process cannot be cut off from the network here")
    return context_in(tmp_path, sandbox=sandbox, env={"TOKEN": "granted"})


@pytest.fixture
def shell():
    return builtin().bind(agent_with("shell"))["shell"]


class TestShellContract(ToolContract):
    @pytest.fixture
    def tool(self, shell):
        return shell

    @pytest.fixture
    def args(self):
        return {"command": "echo hello > file; cat file"}

    @pytest.fixture
    def context(self, request):
        return request.getfixturevalue("outer")


@pytest.fixture
def outer(tmp_path):
    if not probe().works:
        pytest.skip(probe().fault)
    return context_in(tmp_path, sandbox=BubblewrapSandbox())


async def test_a_line_of_bash_runs_in_the_workspace(shell, context):
    script = "set -o pipefail; words=(a b); echo ${words[1]} | tee out; pwd; echo $HOME $TOKEN"
    result = await shell.call({"command": script}, context)
    place = str(context.workspace)
    assert result.text.split() == ["b", place, place, "granted"]
    assert (context.workspace / "out").read_text() == "b\n"


async def test_only_the_granted_variables_are_there(shell, context, monkeypatch):
    monkeypatch.setenv("FOLKMOOT_TEST_SECRET", "hunter2")
    result = await shell.call({"command": "env -0 | cut -z -d= -f1 | tr '\\0' ' '"}, context)
    names = set(result.text.split())
    assert names <= {"PATH", "HOME", "LANG", "TERM", "TOKEN", "PWD", "SHLVL", "_", "OLDPWD"}


async def test_it_says_how_it_ended(shell, context):
    assert (await shell.call({"command": "echo a; echo b >&2; exit 3"}, context)).text == (
        "a\n[stderr]\nb\n[exit code 3]"
    )
    assert (await shell.call({"command": "kill -9 $$"}, context)).error == "SIGNAL_9"


async def test_it_is_ended_in_time_with_what_it_printed(shell, context):
    result = await shell.call({"command": "echo half; sleep 60", "timeout_s": 0.3}, context)
    assert result.error == "TIMED_OUT"
    assert result.text.startswith("half\n")


async def test_an_endless_output_ends_with_its_time_and_within_its_limit(shell, context):
    context = msgspec.structs.replace(context, max_output=1000, timeout_s=0.5)
    result = await shell.call({"command": "yes"}, context)
    assert result.error == "TIMED_OUT"
    assert len(result.text) <= 1000


async def test_there_is_no_network(shell, context):
    result = await shell.call(
        {"command": "ls /sys/class/net 2>/dev/null; cat /proc/net/dev"}, context
    )
    interfaces = {line.split(":")[0].strip() for line in result.text.splitlines() if ":" in line}
    assert interfaces <= {"lo"}


async def test_limits_of_the_agent_file_hold(context):
    use = SandboxUse(cpu_seconds=1)
    shell = builtin().bind(agent_with("shell", sandbox=use))["shell"]
    result = await shell.call({"command": "while :; do :; done"}, context)
    assert result.error.startswith("SIGNAL_")
