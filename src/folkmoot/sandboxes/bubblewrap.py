"""Bubblewrap: a command in namespaces of its own, without a daemon and without privilege.

It sees: /usr and what belongs to it, read-only; a few files of /etc that programs need and that
hold no secret; its own /proc, /dev and an empty /tmp; and its workspace, writable, at its place.
No other file, no other process, no network unless granted (then the machine's whole network).

When the first process of a process namespace ends, the kernel ends all others, so nothing leaves
it; the supervisor in front (launch.py) adds limits, a polite SIGTERM, and the sure end.
"""

import functools
import glob
import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from folkmoot.core.errors import SandboxFault
from folkmoot.ports.sandbox import Command, Done
from folkmoot.sandboxes import seccomp
from folkmoot.sandboxes.launch import Order, launch
from folkmoot.sandboxes.workspace import real

_PROBE_S = 5.0
_TMP_BYTES = 256 << 20
_SIGNALLED = range(129, 160)  # bubblewrap tells a signal as a shell does: 128 + its number
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SOFTWARE = ("/usr", "/nix/store", "/gnu/store")
_ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "group", "java-*-openjdk",
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "magic", "mime.types",
    "nsswitch.conf", "os-release", "passwd", "pki/ca-trust", "pki/tls/certs", "protocols",
    "python3*", "services", "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone",
)  # fmt: skip
_ETC_NETWORK = ("hosts", "resolv.conf", "gai.conf", "host.conf")
_BASE = (
    "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session",
    "--cap-drop", "ALL", "--hostname", "sandbox",
)  # fmt: skip


class Probe(msgspec.Struct, frozen=True):
    """What this machine offers: the program's path and flags it knows, or why it cannot be used."""

    path: str = ""
    flags: tuple[str, ...] = ()
    tmp: tuple[str, ...] = ()
    fault: str = ""

    @property
    def works(self) -> bool:
        """Whether commands can be run."""
        return not self.fault


@functools.cache
def probe() -> Probe:
    """Look once whether bubblewrap is here and works; takes some milliseconds."""
    path = shutil.which("bwrap")
    if path is None:
        return Probe(fault="bubblewrap (bwrap) is not installed")
    newer = Probe(path, ("--disable-userns",), ("--size", str(_TMP_BYTES)))
    fault = ""
    for offer in (newer, Probe(path)):
        fault = _try(offer)
        if not fault:
            return offer
    return Probe(path, fault=fault)


def _try(offer: Probe) -> str:
    """Run `true` in the sandbox; return why that failed."""
    line = [offer.path, *_walls(offer), *_view(offer, network=False), "/usr/bin/true"]
    try:
        done = subprocess.run(  # noqa: S603 - the program that we just found
            line, env={}, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROBE_S, check=False
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as fault:
        return f"bubblewrap does not work here: {fault}"
    if done.returncode == 0:
        return ""
    return f"bubblewrap does not work here: {done.stderr.decode(errors='replace').strip()}"


class BubblewrapSandbox:
    """Runs commands with bwrap. Raises SandboxFault when made where that does not work."""

    name = "bubblewrap"

    def __init__(self, offer: Probe | None = None) -> None:
        self._offer = probe() if offer is None else offer
        if not self._offer.works:
            raise SandboxFault(f"{self._offer.fault.capitalize()}.")
        self._counter = _counter()
        self._filter = seccomp.program()
        names = {"filesystem", "network", "processes", "memory", "cpu", "dies-with-us"}
        self.capabilities = frozenset(names | ({"pids"} if self._counter else set()))

    async def run(self, command: Command) -> Done:
        """Run one command. Raises SandboxFault when its workspace would open the system."""
        workspace = _safe(real(command.workspace))
        with ExitStack() as stack:
            fds: list[int] = []
            if self._filter:
                fds.append(seccomp.memory_file(self._filter))
                stack.callback(os.close, fds[0])
            order = Order(
                argv=self.line(command, workspace, fds),
                cwd=workspace,
                env=command.env,
                wrapped=True,
                memory_mb=command.memory_mb,
                cpu_seconds=command.cpu_seconds,
            )
            return _translate(await launch(order, command, fds))

    def line(self, command: Command, workspace: Path, fds: Sequence[int] = ()) -> list[str]:
        """Return the command line. The environment is not in it: every user may read it."""
        place = str(workspace)
        return [
            self._offer.path,
            *_walls(self._offer),
            *(["--share-net"] if command.network else []),
            *_view(self._offer, network=command.network),
            "--bind", place, place, "--chdir", place, "--remount-ro", "/",
            *(word for fd in fds for word in ("--seccomp", str(fd))),
            "--", *self._inside(command),
        ]  # fmt: skip

    def _inside(self, command: Command) -> list[str]:
        """Count pids inside the user namespace, where the count is the sandbox's own.

        `env -u PWD` takes away the one variable that bubblewrap adds.
        """
        if "=" in command.argv[0]:
            raise SandboxFault(f"A program's name must not hold '=': {command.argv[0]!r}.")
        counted = [self._counter, f"--nproc={command.pids}"] if self._counter else []
        bare = [] if "PWD" in command.env else ["/usr/bin/env", "-u", "PWD"]
        return [*counted, *bare, *command.argv]


def _counter() -> str:
    """Return the path of prlimit where it can count: the kernel does not count root's processes."""
    if os.geteuid() == 0:
        return ""
    return shutil.which("prlimit", path="/usr/bin:/bin") or ""


def _walls(offer: Probe) -> list[str]:
    return [*_BASE, *offer.flags]


@functools.cache
def _view(offer: Probe, *, network: bool) -> tuple[str, ...]:
    """Return the arguments that lay out what the command sees."""
    line = ["--proc", "/proc", "--dev", "/dev", *offer.tmp, "--tmpfs", "/tmp"]  # noqa: S108 - the sandbox's own
    for path in _SOFTWARE:
        line += ["--ro-bind-try", path, path]
    for path in _SYSTEM:
        line += _like_here(path)
    for name in (*_ETC, *(_ETC_NETWORK if network else ())):
        for path in glob.glob(f"/etc/{name}"):  # noqa: PTH207 - text in, text out
            line += ["--ro-bind-try", os.path.realpath(path), path]
    return tuple(line)


def _like_here(path: str) -> list[str]:
    """Return the arguments for a folder that most systems have as a link into /usr."""
    if Path(path).is_symlink():
        return ["--symlink", os.readlink(path), path]  # noqa: PTH115 - as it is written
    return ["--ro-bind-try", path, path]


def _safe(workspace: Path) -> Path:
    """Refuse a workspace that would make the system's own folders writable."""
    kept = [Path(path) for path in (*_SOFTWARE, *_SYSTEM, "/etc", "/proc", "/dev")]
    if any(path == workspace or workspace in path.parents for path in kept):
        raise SandboxFault(
            f"{workspace} cannot be a workspace: it holds the system itself.",
            kept="The command was not started.",
            todo="Set `workspace` in the agent file to a folder of its own.",
        )
    return workspace


def _translate(done: Done) -> Done:
    """Tell signals as the port does."""
    if done.code in _SIGNALLED:
        return msgspec.structs.replace(done, code=128 - done.code)
    return done
