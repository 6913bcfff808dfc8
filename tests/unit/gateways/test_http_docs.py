import inspect
import re
from pathlib import Path

import pytest

from folkmoot.core import errors
from folkmoot.gateways.http.keys import OPEN
from folkmoot.gateways.http.problems import REFUSALS, status_of

DOCS = Path(__file__).parents[3] / "docs"
ERRORS = (DOCS / "reference" / "errors.md").read_text()
HTTP = (DOCS / "reference" / "http-api.md").read_text()
KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.FolkmootError)
]


def _rows(page):
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith("|")
    ]
    return {row[0]: row[1:] for row in cells}


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_documented_with_code_status_meaning_and_remedy(kind):
    rows = _rows(ERRORS)
    row = rows.get(f"`{kind.__name__}`") or rows.get(f"↳ `{kind.__name__}`")
    assert row is not None
    code, status, meaning, todo = row
    assert code == f"`{kind.code}`"
    assert status == str(status_of(kind).code)
    assert meaning.endswith(".")
    assert len(todo) > 5


def test_every_error_that_is_documented_exists():
    known = {kind.__name__ for kind in KINDS}
    section = ERRORS.split("## Errors of the system")[1].split("##")[0]
    assert set(re.findall(r"^\| (?:↳ )?`(\w+)`", section, re.MULTILINE)) == known


def test_every_refusal_is_documented_and_the_other_way_round():
    section = ERRORS.split("## Refusals of the HTTP API")[1].split("##")[0]
    rows = {name: row for name, row in _rows(section).items() if name.startswith("`")}
    assert {name.strip("`"): int(row[0]) for name, row in rows.items()} == {
        code: refusal.status for code, refusal in REFUSALS.items()
    }


async def test_every_route_is_documented_and_the_other_way_round(api):
    document = (await api.get("/openapi.json")).json()
    served = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert set(re.findall(r"^\| `((?:GET|POST|PUT|DELETE) [^`]+)`", HTTP, re.MULTILINE)) == served


async def test_every_field_that_can_be_sent_is_documented(api):
    schemas = (await api.get("/openapi.json")).json()["components"]["schemas"]
    for name in (
        "TaskBody",
        "SayBody",
        "CancelBody",
        "ByBody",
        "VoteBody",
        "TimesBody",
        "EventBody",
    ):
        for field in schemas[name]["properties"]:
            assert f"`{field}`" in HTTP, (name, field)


@pytest.mark.parametrize("path", sorted(OPEN))
def test_what_is_open_is_said(path):
    line = next(line for line in HTTP.splitlines() if line.startswith("Open without a key:"))
    assert f"`{path}`" in line


@pytest.mark.parametrize(
    "name",
    [
        "reference/errors.md",
        "reference/http-api.md",
        "reference/journal.md",
        "reference/logs-and-traces.md",
        "reference/metrics.md",
        "how-to/call-the-api.md",
        "how-to/observe.md",
    ],
)
def test_every_link_leads_somewhere(name):
    page = DOCS / name
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_python_of_the_how_to_is_python():
    page = (DOCS / "how-to" / "call-the-api.md").read_text()
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        compile(block, "call-the-api.md", "exec")
