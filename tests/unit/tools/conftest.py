import pytest

from folkmoot.testing.contracts.tool import agent_with, context_in
from folkmoot.tools.registry import builtin


@pytest.fixture
def workspace(tmp_path):
    place = tmp_path / "ws"
    place.mkdir()
    return place


@pytest.fixture
def outside(tmp_path, workspace):
    """A folder beside the workspace whose name begins like it, with a secret."""
    place = tmp_path / "ws-other"
    place.mkdir()
    (place / "secret").write_text("hunter2")
    return place


class Caller:
    """Calls the built-in tools as perform does, for one agent."""

    def __init__(self, workspace, agent):
        self.context = context_in(workspace)
        self.tools = builtin().bind(agent)

    async def __call__(self, name, **args):
        return await self.tools[name].call(args, self.context)

    def needs(self, name, **args):
        return [
            (str(need.grant), "ordinary" if need.ordinary else "granted")
            for need in self.tools[name].needs(args)
        ]


@pytest.fixture
def files(workspace):
    return Caller(workspace, agent_with("files"))


@pytest.fixture
def caller(workspace):
    return lambda agent: Caller(workspace, agent)
