"""A fleet of coordinators on a database of its own; FOLKMOOT_TEST_POSTGRES says where."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from folkmoot.stores.postgres.migrate import upgrade

SERVER = os.environ.get("FOLKMOOT_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")
FOLKMOOT = Path(sys.executable).parent / "folkmoot"
PATIENCE_S = 90


async def asked(url, statement):
    db = await asyncpg.connect(url, timeout=5, server_settings={"search_path": "folkmoot"})
    try:
        return await db.fetch(statement)
    finally:
        await db.close()


@pytest.fixture
def database():
    """The URL of a new database with the newest schema."""
    name = f"folkmoot_test_{secrets.token_hex(6)}"
    try:
        asyncio.run(asked(SERVER, f'CREATE DATABASE "{name}"'))
    except (OSError, asyncpg.PostgresError, TimeoutError) as fault:
        reason = f"no PostgreSQL at {SERVER}: {fault}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    url = SERVER.rsplit("/", 1)[0] + f"/{name}"
    asyncio.run(upgrade(url))
    yield url
    asyncio.run(asked(SERVER, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


class Fleet:
    """Coordinators as processes, by their pids."""

    def __init__(self, folder, url):
        self.folder, self.url = folder, url
        self.processes = {}
        self.asleep = []
        self.env = {name: value for name, value in os.environ.items() if "FOLKMOOT" not in name}
        self.env |= {"FOLKMOOT_STORE": url, "FOLKMOOT_LEASE_S": "1", "FOLKMOOT_POLL_S": "0.2"}
        self.env["FOLKMOOT_HEARTBEAT_S"] = "0.25"
        (folder / "agents").mkdir()

    def agent(self, name, text):
        head = f"name: {name}\ninstructions: Do it.\nmodel: keywords:{name}\n"
        (self.folder / "agents" / f"{name}.yaml").write_text(head + text)

    def start(self):
        """Start a coordinator; it may take its time."""
        process = subprocess.Popen(
            [FOLKMOOT, "coordinator", "--json"],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.processes[process.pid] = process
        return process.pid

    def leader(self):
        """Return the pid of the one that leads, once one of ours does."""
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends:
            rows = self.rows(
                "SELECT holder FROM leases WHERE name = 'coordinator'"
                " AND expires_at > 1000 * extract(epoch FROM clock_timestamp())"
            )
            held = rows[0]["holder"].split("-")[-2] if rows and rows[0]["holder"] else "0"
            if int(held) in self.processes.keys() - self.asleep:
                return int(held)
            time.sleep(0.05)
        pytest.fail("nobody leads")

    def rows(self, statement):
        return asyncio.run(asked(self.url, statement))

    def schedules(self):
        """Return what the store keeps of the schedules."""
        return {
            row["key"]: json.loads(row["body"])
            for row in self.rows("SELECT key, body FROM records WHERE kind = 'schedule'")
        }

    def kill(self, pid):
        process = self.processes.pop(pid)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self, pid):
        os.kill(pid, signal.SIGSTOP)
        self.asleep.append(pid)

    def wake(self):
        while self.asleep:
            os.kill(self.asleep.pop(), signal.SIGCONT)

    def close(self):
        self.wake()
        for pid in list(self.processes):
            self.kill(pid)


@pytest.fixture
def fleet(tmp_path, database):
    made = Fleet(tmp_path, database)
    yield made
    made.close()
