import msgspec
import pytest

from folkmoot.core.agent import SandboxUse, ToolUse
from folkmoot.core.effects import Effect
from folkmoot.core.errors import Invalid, SandboxFault
from folkmoot.ports.sandbox import Done
from folkmoot.testing.contracts.tool import ToolContract, agent_with, context_in
from folkmoot.tools.registry import builtin


class Echoing:
    """A sandbox that runs nothing: it keeps the commands and gives what it was told to give."""

    name = "echoing"
    capabilities = frozenset()

    def __init__(self, done):
        self.done = done
        self.commands = []

    async def run(self, command):
        self.commands.append(command)
        return self.done


def shell(**fields):
    return builtin().bind(agent_with(*fields.pop("tools", ("shell",)), **fields))["shell"]


def done(code=0, stdout=b"", stderr=b"", **fields):
    return Done(code=code, stdout=stdout, stderr=stderr, **fields)


async def told(result, tmp_path, **limits):
    context = context_in(tmp_path, sandbox=Echoing(result))
    return await shell().call({"command": "x"}, msgspec.structs.replace(context, **limits))


class TestShell(ToolContract):
    @pytest.fixture
    def tool(self):
        return shell()

    @pytest.fixture
    def args(self):
        return {"command": "true"}

    @pytest.fixture
    def context(self, tmp_path):
        return context_in(tmp_path, sandbox=Echoing(done(stdout=b"ok\n")))


def needs(tool):
    return [(str(need.grant), need.ordinary) for need in tool.needs({"command": "x"})]


def test_naming_the_tool_allows_it_without_the_network_only():
    assert needs(shell()) == [("shell:run", True)]
    assert needs(shell(sandbox=SandboxUse(network=True))) == [
        ("shell:run", True),
        ("shell:network", False),
    ]
    assert shell().spec.effect is Effect.ONCE


async def test_a_command_gets_a_bare_environment_and_what_was_granted(tmp_path, monkeypatch):
    """Section 6.3, class 10: never our own environment."""
    monkeypatch.setenv("FOLKMOOT_TEST_SECRET", "hunter2")
    sandbox = Echoing(done())
    context = context_in(tmp_path, sandbox=sandbox, env={"TOKEN": "t", "OTHER": "o"})
    await shell().call({"command": "x"}, context)
    picky = shell(tools=(ToolUse("shell", {"env": ["TOKEN"]}),))
    await picky.call({"command": "x"}, context)
    every, some = (dict(command.env) for command in sandbox.commands)
    assert set(every) == {"PATH", "HOME", "LANG", "TERM", "TOKEN", "OTHER"}
    assert set(some) == {"PATH", "HOME", "LANG", "TERM", "TOKEN"}
    assert some["HOME"] == str(tmp_path)


async def test_the_agent_s_limits_and_the_call_s_time_reach_the_sandbox(tmp_path):
    sandbox = Echoing(done())
    use = SandboxUse(memory_mb=7, pids=8, cpu_seconds=9, network=True)
    context = msgspec.structs.replace(context_in(tmp_path, sandbox=sandbox), timeout_s=60.0)
    await shell(sandbox=use).call({"command": "x", "stdin": "in"}, context)
    await shell(sandbox=use).call({"command": "x", "timeout_s": 3}, context)
    first, second = sandbox.commands
    assert (first.memory_mb, first.pids, first.cpu_seconds, first.network) == (7, 8, 9, True)
    assert (first.stdin, first.workspace) == (b"in", tmp_path)
    assert 50 < first.timeout_s < 60  # ended by us, and told, before the call itself is ended
    assert second.timeout_s == 3


@pytest.mark.parametrize(
    ("result", "text", "error"),
    [
        (done(), "[no output]", ""),
        (done(stdout=b"out\n"), "out", ""),
        (done(stdout=b"out\n", stderr=b"err\n"), "out\n[stderr]\nerr", ""),
        (done(3, b"out"), "out\n[exit code 3]", "EXIT_3"),
        (done(-9), "[ended by signal 9]", "SIGNAL_9"),
        (done(0, b"a\xffb"), "a\ufffdb", ""),
        (done(0, b"a", dropped=12345), "a\n[12,345 bytes of output were left out]", ""),
    ],
)
async def test_outputs_and_endings_are_told(tmp_path, result, text, error):
    assert await told(result, tmp_path) == (await told(result, tmp_path)).__class__(text, error)


async def test_a_time_out_is_told_with_what_had_been_printed(tmp_path):
    result = await told(done(-15, b"half", timed_out=True), tmp_path, timeout_s=10.0)
    assert result.error == "TIMED_OUT"
    assert result.text == "half\n[not finished within 8 s: ended, with all it started]"


async def test_the_ending_is_not_lost_in_a_long_output(tmp_path):
    result = await told(done(1, b"x" * 90_000), tmp_path, max_output=1000)
    assert len(result.text) <= 1000
    assert result.text.endswith("[exit code 1]")
    assert "characters left out" in result.text


async def test_without_a_sandbox_nothing_is_run(tmp_path):
    with pytest.raises(SandboxFault, match="no sandbox"):
        await shell().call({"command": "x"}, context_in(tmp_path))


async def test_a_missing_workspace_is_made(tmp_path):
    place = tmp_path / "new" / "ws"
    await shell().call({"command": "x"}, context_in(place, sandbox=Echoing(done())))
    assert place.is_dir()


def test_an_option_for_something_else_is_refused():
    with pytest.raises(Invalid, match="env"):
        shell(tools=(ToolUse("shell", {"network": True}),))
