import pytest

from folkmoot.core.errors import SourceFault

ROUTES = ["/v1/agents/reload", "/api/v1/cache/invalidate"]
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("path", ROUTES)
async def test_a_webhook_has_the_agents_read_again(api, path):
    answer = await api.post(path, headers=JSON)
    assert answer.status_code == 200
    assert answer.json() == {
        "agents": ["reader"],
        "came": [],
        "changed": [],
        "gone": [],
        "kept": [],
        "mistakes": [],
    }


@pytest.mark.parametrize("path", ROUTES)
async def test_an_agent_that_nobody_declares_is_not_found(api, path):
    assert (await api.post(f"{path}?agent=reader", headers=JSON)).status_code == 200
    answer = await api.post(f"{path}?agent=nobody", headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (404, "AGENT_NOT_FOUND")


async def test_a_source_that_cannot_be_read_is_said_with_when_to_come_back(api, desk):
    desk.fault = SourceFault("s3://bucket does not answer.")
    answer = await api.post(ROUTES[0], headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (503, "SOURCE_FAULT")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("path", ROUTES)
async def test_reloading_needs_the_key(client, path):
    api = client(api_keys=("k",), loopback=False, base_url="http://api.example.com")
    assert (await api.post(path, headers=JSON)).status_code == 401
    assert (await api.post(path, headers={**JSON, "X-API-Key": "k"})).status_code == 200
