import asyncio

import httpx
import pytest

from folkmoot.core.errors import StoreClosed
from folkmoot.gateways.http.api import create
from folkmoot.gateways.http.probe import Probe
from folkmoot.ports.desk import Part

READY = ["/health/ready", "/ready", "/health"]


@pytest.mark.parametrize("path", ["/health/live", "/healthz"])
async def test_a_process_that_answers_is_alive_whatever_is_broken(api, desk, path):
    desk.fault = StoreClosed()
    answer = await api.get(path)
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


@pytest.mark.parametrize("path", READY)
async def test_ready_is_what_the_desk_finds(api, desk, path):
    good = await api.get(path)
    assert (good.status_code, good.json()["ready"]) == (200, True)
    desk.parts = (Part(name="store", ok=False, detail="gone"), Part(name="broker", ok=True))
    bad = await api.get(path)
    assert bad.status_code == 503
    assert bad.json()["failing"] == ["store"]
    assert bad.json()["parts"][0]["detail"] == "gone"


@pytest.mark.parametrize("path", READY)
@pytest.mark.parametrize("fault", [StoreClosed(), RuntimeError("defect inside")])
async def test_a_desk_that_fails_is_not_ready(api, desk, path, fault):
    desk.fault = fault
    answer = await api.get(path)
    assert (answer.status_code, answer.json()["failing"]) == (503, ["probe"])
    assert "inside" not in answer.text


async def test_a_part_that_is_not_critical_only_shows(api, desk):
    desk.parts = (Part(name="traces", ok=False, critical=False),)
    answer = await api.get("/health")
    assert (answer.status_code, answer.json()["failing"]) == (200, ["traces"])


async def test_details_are_for_those_who_may_use_the_api(client, desk):
    desk.parts = (Part(name="store", ok=False, detail="/var/secret/path"),)
    api = client(api_keys=("k",), loopback=False, base_url="http://api.example.com")
    assert "/var/secret/path" not in (await api.get("/health")).text
    assert "/var/secret/path" in (await api.get("/health", headers={"X-API-Key": "k"})).text


async def test_a_probe_that_never_answers_is_an_answer(desk, monkeypatch):
    async def silent():
        await asyncio.Event().wait()

    monkeypatch.setattr(desk, "health", silent)
    health = await Probe(desk, patience_s=0.001).look()
    assert not health.ready
    assert "0.001 s" in health.parts[0].detail


async def test_however_many_ask_one_probe_runs(desk, monkeypatch):
    asked, go, real = 0, asyncio.Event(), desk.health

    async def slow():
        nonlocal asked
        asked += 1
        await go.wait()
        return await real()

    monkeypatch.setattr(desk, "health", slow)
    probe = Probe(desk)
    asking = [asyncio.create_task(probe.look()) for _ in range(10)]
    await asyncio.sleep(0)
    asking[0].cancel()
    go.set()
    assert [(await one).ready for one in asking[1:]] == [True] * 9
    assert asked == 1
    await probe.look()
    assert asked == 2


async def test_metrics_are_handed_out_as_they_are(client):
    answer = await client(metrics=lambda: b"folkmoot_x 1\n").get("/metrics")
    assert answer.content == b"folkmoot_x 1\n"
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_metrics_may_be_gathered_first(client, desk):
    async def gather():
        return b"%d" % (await desk.counts()).workers

    assert (await client(metrics=gather).get("/metrics")).content == b"1"


async def test_a_server_of_health_alone_serves_nothing_else(desk):
    app = create(desk, api_keys=(), loopback=True, metrics=lambda: b"", only_health=True)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in ("/health/live", "/healthz", "/metrics"):
            assert (await client.get(path)).status_code == 200
        for path in ("/openapi.json", "/docs", "/v1/status", "/redoc"):
            assert (await client.get(path)).status_code == 404
        assert (await client.request("PUT", "/metrics", json={})).headers["allow"] == "GET"
