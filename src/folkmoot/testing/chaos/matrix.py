"""The matrix: one undisturbed run, then two deaths for each entry of its journal.

Each case has a folder of its own: a copy of the agent's workspace, a store, a witness. Its first worker
dies; its second must bring the run to the same end. Several cases go on at a time.
"""

import dataclasses
import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import msgspec

from folkmoot.core.agent import Agent
from folkmoot.core.canonical import digest
from folkmoot.core.errors import FolkmootError, Invalid
from folkmoot.testing.chaos import victim
from folkmoot.testing.chaos.journals import Died, journal
from folkmoot.testing.chaos.victim import Case, End
from folkmoot.testing.chaos.witness import Seen, Witness

_TASK = "Do your work."
_TALK = "Do your work.\nGo on.\nWhat was done?"
_SIDE_BY_SIDE = 2
_MAX_WORKSPACE = 200_000_000
_SKIPPED = shutil.ignore_patterns(".git", ".venv*", "node_modules", "__pycache__", ".folkmoot")

Progress = Callable[[int, int], None]


class ChaosBroken(FolkmootError):
    """The matrix itself could not be run."""

    code = "CHAOS_BROKEN"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one case found."""

    killed: bool
    lost: int = 0
    repeated: int = 0
    doubled: int = 0
    in_doubt: int = 0
    notes: tuple[str, ...] = ()


def run(
    file: Path,
    *,
    task: str | None = None,
    plugins: Sequence[Path] = (),
    progress: Progress | None = None,
    timeout_s: float = 60.0,
) -> dict[str, Any]:
    """Run the matrix on an agent file; return the six counts and, under `notes`, what went wrong.

    Raises AgentFileInvalid, or ChaosBroken when the agent does not end undisturbed.
    """
    from folkmoot.agents.load import load_file  # noqa: PLC0415 - YAML and pydantic only when used

    with tempfile.TemporaryDirectory(prefix="folkmoot-chaos-") as folder:
        home = Path(folder)
        agent = load_file(file, workspaces=home / "workspaces")
        work = _TALK if agent.mode == "continuous" else _TASK
        matrix = Matrix(
            agent, task or work, home, tuple(Path(p).resolve() for p in plugins), timeout_s
        )
        return matrix.run(progress or (lambda _done, _of: None))


class Matrix:
    """All cases of one agent."""

    def __init__(
        self, agent: Agent, task: str, home: Path, plugins: tuple[Path, ...], timeout_s: float
    ) -> None:
        """Nothing is started."""
        self._agent = agent
        self._task = task
        self._home = home
        self._plugins = plugins
        self._timeout_s = timeout_s
        self._context: ForkServerContext = get_context("forkserver")
        self._context.set_forkserver_preload(["folkmoot.testing.chaos.victim"])

    def run(self, progress: Progress) -> dict[str, Any]:
        """Do it all."""
        (self._home / "replies").mkdir()
        self._take_origin()
        calm = self._case("calm", "", after=False)
        self._live(calm)
        end = _end(calm)
        if end is None or end.state != "succeeded":
            why = "its worker died" if end is None else f"{end.state} ({end.error})"
            raise ChaosBroken(
                f"Undisturbed, the agent does not succeed: {why}.",
                todo="Try it with `folkmoot run` first.",
            )
        kills = [(name, after) for name in end.names for after in (False, True)]
        verdicts: list[Verdict] = []
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            for verdict in pool.map(lambda kill: self._one(kill[0], kill[1], calm, end), kills):
                verdicts.append(verdict)
                progress(len(verdicts), len(kills))
        return _sum(len(end.names), verdicts)

    def _take_origin(self) -> None:
        """Copy the agent's workspace once: it may change while the matrix runs."""
        workspace, origin = Path(self._agent.workspace), self._home / "origin"
        if self._agent.workspace and workspace.is_dir():
            _fits(workspace)
            shutil.copytree(workspace, origin, symlinks=True, ignore=_SKIPPED)
        else:
            origin.mkdir()

    def _case(self, name: str, kill: str, *, after: bool) -> Case:
        folder = self._home / name
        (folder / "agents").mkdir(parents=True)
        shutil.copytree(self._home / "origin", folder / "workspace", symlinks=True)
        return Case(
            agent=self._agent.canonical(),
            task=self._task,
            folder=folder,
            replies=self._home / "replies",
            plugins=self._plugins,
            kill=kill,
            after=after,
            timeout_s=self._timeout_s,
        )

    def _live(self, case: Case) -> int:
        """Let a worker live (and die); return its exit code."""
        worker = self._context.Process(target=victim.live, args=(case,), daemon=True)
        worker.start()
        worker.join(case.timeout_s + 30)
        if worker.is_alive():
            worker.kill()
            worker.join()
        return worker.exitcode or 0

    def _one(self, kill: str, after: bool, calm: Case, end: End) -> Verdict:
        name = f"{'after' if after else 'before'} {kill}"
        case = self._case(f"case-{digest(name)[:16]}", kill, after=after)
        code = self._live(case)
        if code != -signal.SIGKILL:
            died = None  # the entry was not written this time: there was nothing to be killed at
        else:
            seen = len(Witness(case.folder / "witness.jsonl").read())
            died = msgspec.structs.replace(journal(case.folder / "folkmoot.db"), seen=seen)
            self._live(dataclasses.replace(case, kill=""))
        verdict = _judge(name, case, calm, end, died)
        shutil.rmtree(case.folder, ignore_errors=True)
        return verdict


def _fits(workspace: Path) -> None:
    """Refuse a workspace that is too large to be copied for each case."""
    size = 0
    for folder, folders, files in os.walk(workspace):
        left_out = _SKIPPED(folder, [*folders, *files])
        folders[:] = [name for name in folders if name not in left_out]
        size += sum(os.lstat(Path(folder, name)).st_size for name in files if name not in left_out)
        if size > _MAX_WORKSPACE:
            raise Invalid(
                f"The workspace {workspace} is larger than {_MAX_WORKSPACE // 1_000_000} MB.",
                kept="Nothing was started.",
                todo="Point the agent at a smaller one: each case works on a copy.",
            )


def _end(case: Case) -> End | None:
    path = case.folder / "end.json"
    return msgspec.json.decode(path.read_bytes(), type=End) if path.exists() else None


def _judge(name: str, case: Case, calm: Case, expected: End, died: Died | None) -> Verdict:
    """Hold the three records of a case against each other."""
    seen = Witness(case.folder / "witness.jsonl").read()
    final = journal(case.folder / "folkmoot.db")
    notes = []
    lost = _lost(case, calm, expected, final)
    if lost:
        notes.append(f"{name}: {lost}")
    repeated = _repeated(seen, died) if died else []
    doubled = [s.effect for s, n in Counter(s for s in seen if s.kind == "once").items() if n > 1]
    notes += [f"{name}: {effect} was made again" for effect in repeated]
    notes += [f"{name}: {effect} happened twice" for effect in doubled]
    notes += [f"{name}: {flaw}" for flaw in final.flaws]
    return Verdict(
        killed=died is not None,
        lost=int(bool(lost)) + len(final.flaws),
        repeated=len(repeated),
        doubled=len(doubled),
        in_doubt=len(final.doubted),
        notes=tuple(notes),
    )


def _lost(case: Case, calm: Case, expected: End, final: Died) -> str:
    """Say how the run did not end as it should, or ""."""
    end = _end(case)
    if end is None:
        return "the run did not end"
    if final.runs != 1:
        return f"{final.runs} runs instead of one"
    if end.state != expected.state:
        return f"{end.state} instead of {expected.state} ({end.error})"
    told = end.output.replace(str(case.folder), ""), expected.output.replace(str(calm.folder), "")
    if told[0] != told[1] and not final.doubted:
        return f"the answer was {told[0][:80]!r} instead of {told[1][:80]!r}"
    return ""


def _repeated(seen: list[Seen], died: Died) -> list[str]:
    """Return the calls that had ended by the journal, and were begun by the second worker."""
    again = {s.effect for s in seen[died.seen :]}
    return sorted(again & died.ended)


def _sum(boundaries: int, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    return {
        "boundaries": boundaries,
        "kills": sum(v.killed for v in verdicts),
        "lost": sum(v.lost for v in verdicts),
        "repeated": sum(v.repeated for v in verdicts),
        "doubled": sum(v.doubled for v in verdicts),
        "in_doubt": sum(v.in_doubt for v in verdicts),
        "notes": [note for v in verdicts for note in v.notes],
    }
