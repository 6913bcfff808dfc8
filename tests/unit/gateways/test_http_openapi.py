import re

import pytest

from folkmoot.gateways.http.keys import OPEN

ROUTES = {
    "/v1/runs": {"get", "post"},
    "/v1/runs/{run}": {"get"},
    "/v1/runs/{run}/answers/{message}": {"get"},
    "/v1/runs/{run}/journal": {"get"},
    "/v1/runs/{run}/events": {"get"},
    "/v1/runs/{run}/say": {"post"},
    "/v1/runs/{run}/cancel": {"post"},
    "/v1/runs/{run}/pause": {"post"},
    "/v1/runs/{run}/resume": {"post"},
    "/v1/runs/{run}/retry": {"post"},
    "/v1/runs/{run}/approvals/{approval}": {"post"},
    "/v1/questions": {"get"},
    "/v1/agents": {"get"},
    "/v1/agents/{name}": {"get"},
    "/v1/agents/{name}/clear": {"post"},
    "/v1/agents/reload": {"post"},
    "/api/v1/cache/invalidate": {"post"},
    "/v1/schedules": {"get", "post"},
    "/v1/schedules/{name}": {"get", "put", "delete"},
    "/v1/schedules/{name}/pause": {"post"},
    "/v1/schedules/{name}/resume": {"post"},
    "/v1/schedules/{name}/trigger": {"post"},
    "/v1/events": {"post"},
    "/v1/dead": {"get"},
    "/v1/dead/{subscription}/{event_id}": {"get", "delete"},
    "/v1/dead/{subscription}/{event_id}/retry": {"post"},
    "/v1/ledger/verify": {"get"},
    "/v1/status": {"get"},
    "/health/live": {"get"},
    "/health/ready": {"get"},
    "/healthz": {"get"},
    "/ready": {"get"},
    "/health": {"get"},
    "/metrics": {"get"},
}


@pytest.fixture
async def document(api):
    return (await api.get("/openapi.json")).json()


def _operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


async def test_every_route_is_listed(document):
    assert {path: set(methods) for path, methods in document["paths"].items()} == ROUTES


async def test_every_error_response_is_a_problem(document):
    for path, method, operation in _operations(document):
        for status, response in operation["responses"].items():
            if int(status) < 400 or (path in OPEN and status == "503"):
                continue
            schema = response["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}, (path, method, status)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "/v1/runs", {"agent": "nobody", "input": "x"}),
        ("post", "/v1/schedules", {"name": "s", "agent": "nobody", "input": "x", "every_s": 9}),
        ("get", "/v1/questions", {}),
        ("get", "/v1/ledger/verify", {}),
        ("post", "/v1/agents/reload", {}),
        ("post", "/api/v1/cache/invalidate", {}),
    ],
)
async def test_what_names_nobody_is_not_found_as_promised(api, document, method, path, body):
    names = {"run": "nobody", "agent": "nobody"}
    answer = await api.request(method, path, params=names, json=body)
    assert answer.status_code == 404
    assert "404" in document["paths"][path][method]["responses"]


async def test_metrics_are_promised_as_text(api, document):
    promised = document["paths"]["/metrics"]["get"]["responses"]["200"]["content"]
    answer = await api.get("/metrics")
    assert answer.headers["content-type"].partition(";")[0] in promised


async def test_what_can_go_wrong_is_promised(document):
    for path, method, operation in _operations(document):
        promised = set(operation["responses"])
        if path not in OPEN:
            assert {"401", "500", "503"} <= promised, path
        if method in {"post", "put"}:
            assert {"400", "409", "413", "415", "422"} <= promised, path
        if "{" in path:
            assert "404" in promised, path


async def test_every_operation_says_what_it_does_under_a_name_of_its_own(document):
    names = [operation["operationId"] for _, _, operation in _operations(document)]
    assert len(set(names)) == len(names)
    assert all(operation["description"] for _, _, operation in _operations(document))


async def test_every_reference_leads_somewhere(document, api):
    text = (await api.get("/openapi.json")).text
    for name in re.findall(r'"#/components/schemas/([^"]+)"', text):
        assert name in document["components"]["schemas"], name
    assert "HTTPValidationError" not in text


async def test_keys_are_asked_for_where_they_are_needed(document):
    assert set(document["components"]["securitySchemes"]) == {"bearer", "key"}
    for path, _, operation in _operations(document):
        assert bool(operation["security"]) is (path not in OPEN), path


async def test_the_reference_page_shows_every_route_and_loads_nothing(api):
    answer = await api.get("/docs")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    for path in ROUTES:
        assert f" {path}</code>" in answer.text, path
    assert not re.search(r"<script|https?://|\bsrc=", answer.text)


async def test_the_reference_page_can_be_read_by_a_machine(api):
    page = (await api.get("/docs")).text
    for target in set(re.findall(r"<a href=#(\w+)>", page)):
        assert f"<h3 id={target}>" in page, target
