"""What every tool owes (ports/tool.py).

Subclass `ToolContract` and give the fixtures `tool` and `args` (arguments of a call that succeeds in
`context`). Override `context` when the tool needs more than an empty workspace.
"""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from folkmoot.core.agent import Agent, ModelChoice, ToolUse
from folkmoot.core.effects import Effect
from folkmoot.core.errors import ToolFault
from folkmoot.core.verdict import Need
from folkmoot.ports.sandbox import Sandbox
from folkmoot.ports.tool import Tool, ToolContext, ToolResult
from folkmoot.tools.arguments import check

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_CODE = re.compile(r"[A-Z][A-Z0-9_]*")


def agent_with(*uses: ToolUse | str, **fields: Any) -> Agent:
    """Return an agent that names these tools."""
    named = tuple(use if isinstance(use, ToolUse) else ToolUse(use) for use in uses)
    model = ModelChoice(provider="scripted", name="sample")
    return Agent(name="sample", instructions="Work.", model=model, tools=named, **fields)


def context_in(
    workspace: Path, *, sandbox: Sandbox | None = None, env: Mapping[str, str] | None = None
) -> ToolContext:
    """Return what a call of a run knows."""
    return ToolContext(
        run="run_1",
        call="c1",
        effect="run_1/3/c1",
        agent="sample",
        workspace=workspace,
        sandbox=sandbox,
        env=env or {},
    )


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class ToolContract:
    """Run by every tool."""

    @pytest.fixture
    def tool(self) -> Tool:
        """Return the tool under test, bound."""
        raise NotImplementedError

    @pytest.fixture
    def args(self) -> dict[str, Any]:
        """Return arguments of a call that succeeds."""
        raise NotImplementedError

    @pytest.fixture
    def context(self, tmp_path: Path) -> ToolContext:
        """Return the context of a call."""
        return context_in(tmp_path)

    def test_its_spec_can_be_shown_to_any_provider(self, tool: Tool) -> None:
        """A name of the common alphabet, a description, a schema of an object."""
        assert _NAME.fullmatch(tool.spec.name)
        assert tool.spec.description.strip()
        assert tool.spec.schema["type"] == "object"
        assert isinstance(tool.spec.schema.get("properties"), dict)
        assert msgspec.json.decode(msgspec.json.encode(tool.spec.schema)) == tool.spec.schema

    def test_its_arguments_fit_its_schema_and_others_do_not(
        self, tool: Tool, args: dict[str, Any]
    ) -> None:
        """Unknown arguments are a mistake, not something to be passed over."""
        assert check(tool, args) == []
        assert check(tool, {**args, "no_such_argument": 1}) != []

    def test_its_needs_are_concrete_and_the_same_each_time(
        self, tool: Tool, args: dict[str, Any]
    ) -> None:
        """They are asked for before the call, and again after a restart."""
        before = msgspec.json.encode(args)
        needs = tool.needs(args)
        assert needs == tool.needs(msgspec.json.decode(before))
        assert msgspec.json.encode(args) == before, "needs() changed the arguments"
        assert all(isinstance(need, Need) for need in needs)
        for need in needs:
            assert re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", need.grant.service)
            assert re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", need.grant.action)

    async def test_a_call_gives_a_result(
        self, tool: Tool, args: dict[str, Any], context: ToolContext
    ) -> None:
        """Text, without a lone surrogate, and no error."""
        result = await tool.call(args, context)
        assert isinstance(result, ToolResult)
        assert result.error == "", result.text
        result.text.encode()

    async def test_a_pure_tool_changes_nothing(
        self, tool: Tool, args: dict[str, Any], context: ToolContext
    ) -> None:
        """Recovery does it again without asking."""
        if tool.spec.effect is not Effect.PURE:
            pytest.skip("not pure")
        before = files_in(context.workspace)
        first = await tool.call(args, context)
        assert await tool.call(args, context) == first
        assert files_in(context.workspace) == before

    async def test_an_idempotent_tool_may_be_done_twice(
        self, tool: Tool, args: dict[str, Any], context: ToolContext
    ) -> None:
        """Recovery does it again, with the same effect id."""
        if tool.spec.effect is not Effect.IDEMPOTENT:
            pytest.skip("not idempotent")
        assert (await tool.call(args, context)).error == ""
        once = files_in(context.workspace)
        assert (await tool.call(args, context)).error == ""
        assert files_in(context.workspace) == once

    async def test_a_reconcilable_tool_knows_before_from_after(
        self, tool: Tool, args: dict[str, Any], context: ToolContext
    ) -> None:
        """None before the call, its result afterwards."""
        if tool.spec.effect is not Effect.RECONCILABLE:
            pytest.skip("not reconcilable")
        assert await tool.reconcile(args, context) is None
        await tool.call(args, context)
        found = await tool.reconcile(args, context)
        assert found is not None
        assert found.error == ""

    async def test_any_other_tool_says_that_it_cannot_tell(
        self, tool: Tool, args: dict[str, Any], context: ToolContext
    ) -> None:
        """Then the call is in doubt, and not silently repeated."""
        if tool.spec.effect is Effect.RECONCILABLE:
            pytest.skip("it can")
        with pytest.raises(ToolFault):
            await tool.reconcile(args, context)

    async def test_a_cancelled_call_ends(
        self, tool: Tool, args: dict[str, Any], context: ToolContext
    ) -> None:
        """At the first turn of the loop, and at any later one."""
        for turns in range(4):
            call = asyncio.create_task(self._quietly(tool, args, context))
            for _ in range(turns):
                await asyncio.sleep(0)
            call.cancel()
            try:
                assert isinstance(await call, ToolResult)  # it was done before
            except asyncio.CancelledError:
                assert call.cancelled()

    @staticmethod
    async def _quietly(tool: Tool, args: dict[str, Any], context: ToolContext) -> ToolResult:
        try:
            return await tool.call(args, context)
        except ToolFault as fault:
            return ToolResult(fault.message, fault.code)

    async def test_errors_have_codes(
        self, tool: Tool, args: dict[str, Any], context: ToolContext
    ) -> None:
        """What fails in a workspace that is not there is told by a stable code."""
        nowhere = msgspec.structs.replace(context, workspace=context.workspace / "no" / "such")
        result = await self._quietly(tool, args, nowhere)
        assert result.error == "" or _CODE.fullmatch(result.error)
