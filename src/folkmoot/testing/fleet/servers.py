"""Throwaway servers: each with a folder and a port of its own, to be killed and started again.

Life: start (waits until it answers) → stop or kill → start … → close (ends it and removes its folder).
Nothing here touches a server that somebody else runs.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_PATIENCE_S = 60.0
_NAMES_S = 5.0


class Missing(Exception):
    """The server's program is not installed here."""


def free_port() -> int:
    """Return a port that nobody uses now."""
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        return int(found.getsockname()[1])


def _listens(port: int) -> bool:
    with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), 1)):
        return True
    return False


class Server(ABC):
    """One server."""

    def __init__(self) -> None:
        """Raises Missing. Nothing is started."""
        self.program = self.find()
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="folkmoot-server-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = {}

    @abstractmethod
    def find(self) -> Path:
        """Return the program. Raises Missing."""

    @property
    @abstractmethod
    def url(self) -> str:
        """What a client is given."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return how it is started."""

    def environment(self) -> Mapping[str, str]:
        """Return what it is started with."""
        return os.environ

    def start(self) -> Self:
        """Start it and wait until it answers. What was kept is there again."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a server's own command line
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self.environment(),
                start_new_session=True,
                **self._as,
            )
        end = time.monotonic() + _PATIENCE_S
        while not self.answers():
            if time.monotonic() > end or self._process.poll() is not None:
                said = (self.folder / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.program} did not start: {said}")
            time.sleep(0.02)
        return self

    def answers(self) -> bool:
        """Whether it takes connections."""
        return _listens(self.port)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal, and wait for its end. What its signal leaves running is killed."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_PATIENCE_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def kill(self) -> None:
        """Kill it and all that it started."""
        self.stop(signal.SIGKILL)

    def close(self) -> None:
        """End it and remove what it kept."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


def _found(*places: str) -> Path:
    """Return the first program that is there. Raises Missing."""
    for place in places:
        if found := shutil.which(place):
            return Path(found)
        folder, _, name = place.rpartition("/")
        newest = sorted(Path("/").glob(f"{folder[1:]}/{name}"), reverse=True) if folder else []
        if newest:
            return newest[0]
    raise Missing(f"{places[0]} is not installed")


class Postgres(Server):
    """PostgreSQL. Stop it with SIGINT (transactions are taken back) or SIGQUIT (all is dropped)."""

    def __init__(self) -> None:
        """Make a cluster; PostgreSQL refuses to run as root."""
        super().__init__()
        if os.getuid() == 0:
            self._as = {"user": "postgres", "group": "postgres"}
            shutil.chown(self.folder, *pwd.getpwnam("postgres")[2:4])
        made = [self.program.with_name("initdb"), "-D", self.folder / "data", "-U", "folkmoot"]
        subprocess.run(  # noqa: S603 - PostgreSQL's own
            [*map(str, made), "-A", "trust", "-N"],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **self._as,
        )

    def find(self) -> Path:
        """Debian keeps it off the path."""
        return _found("postgres", "/usr/lib/postgresql/*/bin/postgres").resolve()

    @property
    def url(self) -> str:
        """The store's URL."""
        return f"postgresql://folkmoot@127.0.0.1:{self.port}/postgres"

    def command(self) -> Sequence[str]:
        """All that it keeps is in its folder."""
        options = ["-D", self.folder / "data", "-k", self.folder, "-p", self.port]
        return [
            *map(str, [self.program, *options]),
            *("-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"),
        ]

    def answers(self) -> bool:
        """Taking a connection is not enough: it must have recovered."""
        ask = [self.program.with_name("pg_isready"), "-h", "127.0.0.1", "-p", self.port, "-q"]
        return subprocess.run([*map(str, ask)], check=False).returncode == 0  # noqa: S603 - its own

    def kill(self) -> None:
        """Drop everything at once; the next start recovers from the log."""
        self.stop(signal.SIGQUIT)


class Redis(Server):
    """Redis, in memory only: a restart forgets everything."""

    def find(self) -> Path:
        """Return the server."""
        return _found("redis-server")

    @property
    def url(self) -> str:
        """The broker's URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> Sequence[str]:
        """Nothing is saved."""
        return [
            *(str(self.program), "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--dir", str(self.folder), "--save", "", "--appendonly", "no"),
        ]

    def flush(self) -> None:
        """Make it forget everything, as FLUSHALL does."""
        with closing(socket.create_connection(("127.0.0.1", self.port), 5)) as wire:
            wire.sendall(b"FLUSHALL\r\n")
            assert wire.recv(16).startswith(b"+OK")


class Nats(Server):
    """NATS with JetStream, kept in files."""

    def find(self) -> Path:
        """Debian keeps it in sbin."""
        return _found("nats-server", "/usr/sbin/nats-server")

    @property
    def url(self) -> str:
        """The broker's URL."""
        return f"nats://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        """JetStream in its folder."""
        return [
            *(str(self.program), "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd"),
            str(self.folder / "streams"),
        ]


class RabbitMQ(Server):
    """RabbitMQ, with its own node name, ports and cookie."""

    def __init__(self) -> None:
        """Write its configuration."""
        super().__init__()
        self._dist, self._names = free_port(), free_port()
        listen = f"listeners.tcp.1 = 127.0.0.1:{self.port}\nloopback_users = none\n"
        (self.folder / "rabbitmq.conf").write_text(listen)
        (self.folder / "plugins").write_text("[].")

    def find(self) -> Path:
        """The script that Debian starts it by wants to be root; this one does not."""
        return _found("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")

    @property
    def url(self) -> str:
        """The broker's URL."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def command(self) -> Sequence[str]:
        """Everything else is said by the environment."""
        return [str(self.program)]

    def environment(self) -> Mapping[str, str]:
        """Keep away from a RabbitMQ that is installed here."""
        at = self.folder
        given = {name: value for name, value in os.environ.items() if "RABBITMQ" not in name}
        return given | {
            "HOME": str(at),
            "RABBITMQ_NODENAME": f"folkmoot-{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(at / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(at / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(at / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(at / "data"),
            "RABBITMQ_LOG_BASE": str(at / "logs"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(at / "config"),
            "RABBITMQ_PID_FILE": str(at / "pid"),
            "RABBITMQ_DIST_PORT": str(self._dist),
            "ERL_EPMD_PORT": str(self._names),
        }

    def close(self) -> None:
        """End its name server too, which outlives it."""
        self.kill()
        end = time.monotonic() + _NAMES_S
        while _listens(self._names) and time.monotonic() < end:
            self._end_names()
            time.sleep(0.05)
        super().close()

    def _end_names(self) -> None:
        """It refuses while it believes that the node lives, and so for a moment after its death."""
        if names := shutil.which("epmd"):
            env = {**os.environ, "ERL_EPMD_PORT": str(self._names)}
            subprocess.run([names, "-kill"], env=env, check=False, capture_output=True)  # noqa: S603 - as above
