"""aimock (npm @copilotkit/aimock) as a provider: installed once, started once, scripted over HTTP."""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path

import pytest

from folkmoot.testing.wires.script import Cut, Garbage, Refuse, Reply, Say, Stall

VERSION = "1.43.0"
_FINISH = {"length": "length", "filtered": "content_filter"}


def missing(reason: str) -> None:
    """A laptop may lack node or the network; the build may not."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def install(cache: Path) -> Path:
    """Return the path of aimock's command, installing it into the cache at the first time."""
    home = cache / VERSION
    command = home / "node_modules/@copilotkit/aimock/dist/cli.js"
    if command.exists():
        return command
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        missing("aimock needs node and npm")
    with tempfile.TemporaryDirectory(dir=cache) as fresh:
        done = subprocess.run(
            [npm, "install", "--prefix", fresh, "--no-audit", "--no-fund", "--ignore-scripts",
             f"@copilotkit/aimock@{VERSION}"],
            capture_output=True, text=True, timeout=50, check=False,
        )  # fmt: skip
        if done.returncode:
            missing(f"aimock could not be installed: {done.stderr[-300:]}")
        if not home.exists():
            shutil.copytree(fresh, home)
    return command


class Aimock:
    """One running aimock."""

    def __init__(self, command: Path, place: Path) -> None:
        fixtures = place / "none.json"
        fixtures.write_text(
            '{"fixtures": [{"match": {"model": "nobody"}, "response": {"content": "x"}}]}'
        )
        self._process = subprocess.Popen(
            ["node", str(command), "-p", "0", "-f", str(fixtures)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "listening on" in line:
                self.url = line.split()[-1]
                return
        missing("aimock did not start")

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    async def script(self, replies: tuple[Reply, ...], usage: tuple[str, str]) -> None:
        await self.post("/reset")
        fixtures = [
            {"match": {"turnIndex": turn}} | _fixture(reply, usage)
            for turn, reply in enumerate(replies)
        ]
        await self.post("/fixtures", {"fixtures": fixtures})

    async def journal(self) -> list[dict]:
        return await asyncio.to_thread(_http, f"{self.url}/__aimock/journal", None)

    async def post(self, path: str, body: dict | None = None) -> None:
        await asyncio.to_thread(
            _http, f"{self.url}/__aimock{path}", json.dumps(body or {}).encode()
        )


def _http(url: str, body: bytes | None):
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def _fixture(reply: Reply, usage: tuple[str, str]) -> dict:
    if isinstance(reply, Refuse):
        error = {"message": reply.message, "type": reply.code or "server_error"}
        wait = reply.headers.get("retry-after")
        return {
            "response": {"error": error, "status": reply.status}
            | ({"retryAfter": int(wait)} if wait else {})
        }
    if isinstance(reply, Garbage):
        return {"response": {"content": "never seen"}, "chaos": {"malformedRate": 1}}
    if isinstance(reply, Cut):
        return _fixture(reply.say, usage) | {"chaos": {"disconnectRate": 1}}
    if isinstance(reply, Stall):
        return {"response": {"content": "too late"}, "chaos": {"latencyMs": 20_000}}
    return {"response": _said(reply, usage), "chunkSize": 12}


def _said(say: Say, usage: tuple[str, str]) -> dict:
    said: dict = {"usage": dict(zip(usage, (say.input, say.output), strict=True))}
    if say.text or not say.calls:
        said["content"] = say.text
    if say.calls:
        said["toolCalls"] = [
            {"name": call.name, "arguments": call.raw or json.dumps(call.args)}
            for call in say.calls
        ]
    if say.finish in _FINISH:
        said["finishReason"] = _FINISH[say.finish]
    if say.think is not None:
        said |= {"reasoning": say.think.text, "reasoningSignature": say.think.signature}
    return said


@pytest.fixture(scope="module")
def aimock(request, tmp_path_factory):
    command = install(request.config.cache.mkdir("aimock"))
    running = Aimock(command, tmp_path_factory.mktemp("aimock"))
    yield running
    running.stop()
