"""Between a command and the system: the one place that knows how it is put together.

A command says which options it was given and gets a desk. Nothing heavy is imported before that.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import structs

from folkmoot.cli.exits import Exit
from folkmoot.cli.options import Options
from folkmoot.core.agent import ModelChoice
from folkmoot.core.errors import FolkmootError, Invalid, RunUnknown, TaskInvalid

if TYPE_CHECKING:
    from folkmoot.agents.catalog import Agents
    from folkmoot.config import Settings
    from folkmoot.core.agent import Agent
    from folkmoot.flow.upgrade import Foreseen
    from folkmoot.models.registry import Models
    from folkmoot.ports.clock import Clock
    from folkmoot.ports.desk import Desk, Part, Reloaded
    from folkmoot.ports.program import Program
    from folkmoot.tools.registry import Toolbox


class System(Protocol):
    """What a command needs of folkmoot.app.App. Making one starts nothing."""

    catalog: "Agents"
    models: "Models"
    toolbox: "Toolbox"
    programs: "dict[str, Program]"
    settings: "Settings"
    clock: "Clock"

    @property
    def http_port(self) -> int:
        """The port of the HTTP API, once it runs."""
        ...

    def opened(self) -> AbstractAsyncContextManager["Desk"]:
        """Open store, broker and catalog; no worker, no HTTP."""
        ...

    def running(self, roles: Collection[str] = ...) -> AbstractAsyncContextManager["Desk"]:
        """Open, and start what the roles are: a worker and a coordinator, if nothing is said."""
        ...

    async def drain(self, grace: float) -> None:
        """Take no more work and let steps finish, for at most `grace` seconds."""
        ...

    async def join(self) -> None:
        """Take the assignment, where there is one. Raises SourceFault, AssignmentInvalid."""
        ...

    async def reload(self) -> "Reloaded":
        """Read again what can change while it runs. Raises what kept a part from being read."""
        ...

    def foresee(self, agents: "Sequence[Agent]") -> "AsyncIterator[Foreseen]":
        """Tell what open runs would do under these definitions. While opened."""
        ...

    async def doctor(self, *, deep: bool = False) -> list["Part"]:
        """Probe every part; `deep` submits a run."""
        ...


Compose = Callable[["Settings"], System]
Changes = dict[str, Any]
"""Fields of an agent, and what stands there instead."""
composer: ContextVar[Compose | None] = ContextVar("composer", default=None)


def settings(options: Options, **more: Any) -> "Settings":
    """Return the settings: the options, else the environment. Raises SettingsInvalid."""
    from folkmoot.config import load  # noqa: PLC0415 - pydantic is not for --help

    plugins = tuple(options.plugin) if options.plugin else None
    return load(store=options.store, agents=options.agents, plugins=plugins, **more)


def system(given: "Settings") -> System:
    """Put the system together; nothing is opened yet."""
    compose = composer.get()
    if compose is None:
        from folkmoot.app import App  # noqa: PLC0415 - the machine is not for --help

        compose = App
    return compose(given)


@asynccontextmanager
async def desk(options: Options) -> AsyncIterator["Desk"]:
    """Open the system without running it: for commands that ask or tell."""
    async with system(settings(options)).opened() as opened:
        yield opened


async def run_id(at: "Desk", run: str) -> str:
    """Return a run's id; `last` is the newest run. Raises RunUnknown."""
    if run != "last":
        return run
    from folkmoot.ports.store import Query  # noqa: PLC0415 - only here

    newest = await at.runs(Query(limit=1))
    if not newest:
        raise RunUnknown("There is no run in this store.", todo="Make one: `folkmoot run AGENT`.")
    return newest[0].id


def own(given: "Settings") -> None:
    """Set this process up as ours: its logs, its garbage collector. Not for a guest's process."""
    if composer.get() is None:
        from folkmoot.app import take_process  # noqa: PLC0415 - the machine is not for --help

        take_process(given)


def here(options: Options) -> System:
    """Put the system together for a command that runs it and shows what it does.

    The log would say the steps again, unless somebody asked for it.
    """
    given = settings(options, log_level=os.environ.get("FOLKMOOT_LOG_LEVEL", "warning"))
    own(given)
    return system(given)


async def choose(at: System, name: str, changes: Changes) -> str:
    """Return the name of the agent that is meant, and make the system know it as it is meant.

    `name` may be the path of a file; `changes` replace what the agent declares.
    """
    in_file = Path(name).suffix in {".yaml", ".yml"} or os.sep in name
    if not in_file and not changes:
        return name
    await at.catalog.refresh()
    found = read(at, Path(name)) if in_file else at.catalog.get(name)
    found = structs.replace(found, **changes)
    at.models.check(found.model)
    # Others keep their place; an agent of the same name gives way to the one that was asked for.
    others = [at.catalog.get(other) for other in at.catalog.names() if other != found.name]
    at.catalog = _catalog([*others, found])
    return found.name


def read(at: System, path: Path) -> "Agent":
    """Return the agent that a file declares. Raises AgentFileInvalid with every mistake."""
    from folkmoot.agents.load import load_file  # noqa: PLC0415 - pydantic is not for --help
    from folkmoot.wiring import names_known  # noqa: PLC0415

    known = names_known(at.models, at.toolbox, at.programs)
    return load_file(path, workspaces=at.settings.workspaces, known=known)


def read_all(at: System, path: Path) -> "list[Agent]":
    """Return the agents of a file or of a folder. Raises AgentFileInvalid with every mistake."""
    if not path.is_dir():
        return [read(at, path)]
    from folkmoot.agents.catalog import Agents  # noqa: PLC0415 - pydantic is not for --help
    from folkmoot.agents.directory import Directory  # noqa: PLC0415
    from folkmoot.agents.load import Ground  # noqa: PLC0415
    from folkmoot.agents.mistakes import invalid  # noqa: PLC0415
    from folkmoot.wiring import names_known  # noqa: PLC0415

    known = names_known(at.models, at.toolbox, at.programs)
    found = Agents([Directory(path, Ground(workspaces=at.settings.workspaces, known=known))])
    if found.mistakes:
        raise invalid(str(path), found.mistakes)
    return [found.get(name) for name in found.names()]


async def checked(at: System) -> "list[tuple[str, str, FolkmootError | None]]":
    """Read every source now; return each file (or place) with its agent, or with what is wrong."""
    from folkmoot.agents.mistakes import invalid  # noqa: PLC0415 - pydantic is not for --help
    from folkmoot.agents.source import Want  # noqa: PLC0415

    await at.catalog.refresh(Want(now=True))
    found: list[tuple[str, str, FolkmootError | None]] = []
    for one in at.catalog.files:
        mistakes = at.catalog.mistakes_of(one)
        error = invalid(one.file, mistakes) if mistakes else None
        found.append((one.file, one.claims, error))
    return found + [("", "", fault) for fault in at.catalog.faults]


def _catalog(agents: "Sequence[Agent]") -> "Agents":
    """Return a catalog of these agents alone."""
    from folkmoot.agents.catalog import Agents  # noqa: PLC0415 - pydantic is not for --help

    found = Agents()
    for agent in agents:
        found.add(agent)
    return found


def changes(model: str | None, workspace: Path | None) -> Changes:
    """Return what options replace in an agent. Raises Invalid."""
    found: Changes = {}
    if model is not None:
        found |= {"model": _model(model), "fallbacks": ()}
    if workspace is not None:
        found["workspace"] = _folder(workspace)
    return found


def _folder(path: Path) -> str:
    """Return a folder's real path: a mistyped one would be made, and the agent find nothing in it."""
    if not os.path.isdir(path):  # noqa: PTH112 - a path that is too long is no fault here
        raise Invalid(
            f"--workspace is {str(path)!r}, which is no folder.",
            kept="Nothing was started.",
            todo="Make the folder first, or correct its name.",
        )
    return str(path.resolve())


def _model(text: str) -> ModelChoice:
    provider, colon, name = text.partition(":")
    if not (provider and colon and name):
        raise Invalid(
            f"{text!r} is not a model.",
            kept="Nothing was started.",
            todo="Write provider:name, such as anthropic:claude-sonnet-5-5.",
        )
    return ModelChoice(provider=provider, name=name)


def task_text(given: str | None) -> str:
    """Return the task: what was given, or stdin when that is `-` or a pipe. Raises TaskInvalid."""
    if given is not None and given != "-":
        return given
    if given is None and sys.stdin.isatty():
        raise TaskInvalid(
            "No task was given.",
            kept="Nothing was started.",
            todo="Write it behind the agent, or `-` to read it from stdin.",
        )
    return piped().strip()


def piped() -> str:
    """Return all of stdin. Raises TaskInvalid when it is no text."""
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as fault:
        raise TaskInvalid(
            f"What came on stdin is not {fault.encoding}: {fault.reason} at byte {fault.start}.",
            kept="Nothing was started.",
            todo="Convert it to UTF-8.",
        ) from None


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an agent file."""
    from folkmoot.agents import schema as home  # noqa: PLC0415 - pydantic is not for --help

    return home.schema()


def chaos(file: Path, **how: Any) -> dict[str, Any]:
    """Run the crash matrix on an agent file (folkmoot.testing.chaos)."""
    from folkmoot.testing.chaos import matrix  # noqa: PLC0415 - the machine is not for --help

    return matrix.run(file, **how)


def go(work: Coroutine[Any, Any, Exit], *, serves: bool = False) -> Exit:
    """Run a command's work. Ctrl-C and SIGTERM cancel it once; a second Ctrl-C stops it at once.

    What `serves` (a role, for as long as it lives) gets the quicker event loop; others begin sooner.
    """
    with asyncio.Runner(loop_factory=_quick_loop() if serves else None) as runner:
        try:
            return runner.run(_stoppable(work))
        except (KeyboardInterrupt, asyncio.CancelledError):
            return Exit.INTERRUPTED


def _quick_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes uvloop's event loops, where it is installed (it is not for every platform)."""
    try:
        from uvloop import new_event_loop  # noqa: PLC0415 - only who serves pays for the import
    except ImportError:
        return None
    return new_event_loop


async def _stoppable(work: Coroutine[Any, Any, Exit]) -> Exit:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is not None:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await work
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
