"""A broker that is cut off makes a process not ready, by name; and ready again when it is back."""

import asyncio
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest

from folkmoot.app import App
from folkmoot.config import ROLES, load
from folkmoot.testing.proxy import Proxy

pytestmark = pytest.mark.server


def through(url, port):
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}{at}127.0.0.1:{port}"))


async def test_a_broker_that_is_cut_off_is_named(any_url, tmp_path):
    parts = urlsplit(any_url)
    async with Proxy(parts.hostname, parts.port) as proxy:
        settings = load(
            store="memory://",
            broker=through(any_url, proxy.port),
            hotstate="off",
            agents=tmp_path / "agents",
            workspaces=tmp_path / "workspaces",
            port=0,
            log_level="error",
        )
        app = App(settings, env={})
        async with app.running(ROLES), httpx.AsyncClient(timeout=20) as api:
            ready = f"http://127.0.0.1:{app.http_port}/ready"
            assert (await api.get(ready)).status_code == 200
            await proxy.cut()
            answer = await api.get(ready)
            assert answer.status_code == 503
            assert answer.json()["failing"] == ["broker"]
            proxy.mend()
            async with asyncio.timeout(10):
                while (await api.get(ready)).status_code != 200:  # noqa: ASYNC110 - what it says
                    await asyncio.sleep(0.05)
