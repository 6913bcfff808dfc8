import pytest

from folkmoot.core.errors import SettingsInvalid
from folkmoot.gateways.http.api import create
from folkmoot.gateways.http.hosts import is_loopback
from folkmoot.gateways.http.keys import OPEN
from folkmoot.gateways.http.limits import BODY_LIMIT
from folkmoot.gateways.http.server import HttpServer

TASK = {"agent": "reader", "input": "Read."}
FAR = {"loopback": False, "base_url": "http://api.example.com"}


@pytest.mark.parametrize("keys", [(), ("",), ("good", "  ")])
def test_an_api_that_would_be_open_to_everybody_is_not_made(desk, keys):
    with pytest.raises(SettingsInvalid) as fault:
        create(desk, api_keys=keys, loopback=False, metrics=lambda: b"")
    assert "FOLKMOOT_API_KEYS" in str(fault.value)
    assert fault.value.todo


def test_an_empty_key_opens_nothing_even_on_loopback(desk):
    with pytest.raises(SettingsInvalid):
        create(desk, api_keys=("",), loopback=True, metrics=lambda: b"")


def test_an_api_for_loopback_is_not_bound_elsewhere(desk):
    app = create(desk, api_keys=(), loopback=True, metrics=lambda: b"")
    with pytest.raises(SettingsInvalid):
        HttpServer(app, "0.0.0.0", 0)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer second"},
        {"authorization": "bearer  second"},
        {"X-API-Key": "first"},
        {"X-API-Key": "schlüssel".encode()},
    ],
)
async def test_each_key_opens_the_api_in_each_form(client, headers):
    api = client(api_keys=("first", "second", "schlüssel"), **FAR)
    assert (await api.get("/v1/runs", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer firs"},
        {"Authorization": "Bearer firstt"},
        {"Authorization": "Basic first"},
        {"Authorization": "first"},
        {"X-API-Key": "FIRST"},
        {"X-API-Key": ""},
        {"Authorization": "Bearer wrong", "X-API-Key": "first"},
    ],
)
async def test_without_a_key_that_fits_nothing_is_shown(client, headers):
    api = client(api_keys=("first",), **FAR)
    for path in ("/v1/runs", "/v1/nowhere", "/metrics", "/docs/x", "/healthy"):
        answer = await api.get(path, headers=headers)
        assert answer.status_code == 401, path
        assert answer.json()["code"] == "AUTH_FAILED"
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_key_is_asked_for_before_anything_happens(client, desk):
    api = client(api_keys=("first",), **FAR)
    assert (await api.post("/v1/runs", json=TASK)).status_code == 401
    assert (await desk.counts()).states == {}


@pytest.mark.parametrize("path", sorted(OPEN))
async def test_health_and_reference_are_open(client, path):
    api = client(api_keys=("first",), **FAR)
    assert (await api.get(path)).status_code == 200


async def test_with_keys_loopback_needs_them_too_except_for_metrics(client):
    api = client(api_keys=("first",))
    assert (await api.get("/v1/runs")).status_code == 401
    assert (await api.get("/metrics")).status_code == 200


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.8.0.1:1", "[::1]:8080", "localhost."]
)
async def test_a_loopback_server_answers_to_this_machines_names(api, host):
    assert (await api.get("/v1/runs", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example",
        "evil.example@localhost", "10.0.0.1", "0.0.0.0", "", "localhost:80:80", "[::2]",
    ],
)  # fmt: skip
async def test_a_rebound_name_gets_nothing_from_a_loopback_server(api, host):
    for path in ("/v1/runs", "/health", "/metrics"):
        answer = await api.get(path, headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (421, "MISDIRECTED"), path


async def test_with_keys_and_elsewhere_any_host_will_do(client):
    api = client(api_keys=("first",), **FAR)
    assert (await api.get("/v1/runs", headers={"X-API-Key": "first"})).status_code == 200


@pytest.mark.parametrize(
    ("host", "is_it"),
    [("localhost", True), ("::1", True), ("127.0.0.2", True), ("0.0.0.0", False), ("", False),
     ("::", False), ("192.168.1.1", False), ("localhost.evil", False)],
)  # fmt: skip
def test_what_is_loopback(host, is_it):
    assert is_loopback(host) is is_it


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "json"])
@pytest.mark.parametrize("path", ["/v1/runs", "/v1/runs/x/cancel"])
async def test_what_a_foreign_page_can_send_changes_nothing(api, desk, kind, path):
    headers = {"content-type": kind} if kind else {}
    answer = await api.post(path, content=b'{"agent":"reader","input":"x"}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "NOT_JSON")
    assert (await desk.counts()).states == {}


async def test_json_with_a_charset_is_json(api):
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    answer = await api.post("/v1/runs", content=b'{"agent":"reader","input":"x"}', headers=headers)
    assert answer.status_code == 202


async def test_a_body_that_announces_too_much_is_not_read(api):
    headers = {"content-type": "application/json", "content-length": str(BODY_LIMIT + 1)}
    answer = await api.post("/v1/runs", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


async def test_a_body_that_grows_too_large_is_cut_off(api):
    sent = 0

    async def endless():
        nonlocal sent
        while sent < 10 * BODY_LIMIT:
            sent += 1024 * 1024
            yield b" " * (1024 * 1024)

    answer = await api.post(
        "/v1/runs", content=endless(), headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert sent <= BODY_LIMIT + 1024 * 1024


async def test_a_task_just_under_the_limit_is_taken(api):
    task = TASK | {"input": "x" * (BODY_LIMIT - 100)}
    assert (await api.post("/v1/runs", json=task)).status_code == 202
