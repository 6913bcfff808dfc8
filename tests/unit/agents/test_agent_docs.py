"""docs/reference/agent-file.md names every field of the schema: its type, default, meaning, example."""

import json
from pathlib import Path

import pytest
import yaml

from folkmoot.agents import schema
from folkmoot.agents.later import LATER
from folkmoot.agents.load import check_file

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "agent-file.md"
HOW_TO = [
    ROOT / "docs" / "how-to" / name
    for name in ("write-an-agent.md", "policies.md", "events.md", "conversations.md")
]

# Where the page describes which part.
PARTS = {
    "FileText": "instructions",
    "ModelPart": "model",
    "PricePart": "model.price",
    "ProgramPart": "program",
    "ApprovalPart": "approvals[]",
    "SandboxPart": "sandbox",
    "LimitsPart": "limits",
    "BudgetPart": "budget",
    "ContextPart": "context",
    "ContinuousPart": "continuous",
    "RetryPart": "retry",
    "QueuePart": "queue",
    "OutputPart": "output",
    "TriggerPart": "triggers[]",
    "SchedulePart": "schedule",
}


def kind(shape):
    """Return a shape's type in the page's words."""
    if "$ref" in shape:
        return "mapping"
    if "enum" in shape:
        return " or ".join(f"`{word}`" for word in shape["enum"])
    if "anyOf" in shape or "oneOf" in shape:
        kinds = [kind(one) for one in shape.get("anyOf", shape.get("oneOf"))]
        return " or ".join(dict.fromkeys(one for one in kinds if one != "nothing"))
    if isinstance(shape.get("type"), list):
        return "duration" if "number" in shape["type"] else "size"
    if shape.get("type") == "array":
        return f"list of {kind(shape['items'])}" if shape["items"] else "list"
    words = {"string": "text", "integer": "whole number", "number": "number", "object": "mapping"}
    return {**words, "boolean": "true or false", "null": "nothing"}[shape["type"]] + least(shape)


def least(shape):
    low, high = shape.get("minimum"), shape.get("maximum")
    if low is None:
        return ""
    return f", {low:g} to {high:g}" if high is not None else f", {low:g} or more"


def written(value):
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def row(name, shape, *, required):
    """Return the table row that describes a field."""
    default = shape.get("default")
    left_out = "needed" if required else "" if default in (None, "", [], {}) else written(default)
    cells = [
        f"`{name}`",
        kind(shape),
        f"`{left_out}`" if left_out not in {"", "needed"} else left_out,
        shape["description"],
        "; ".join(f"`{written(example)}`" for example in shape["examples"]),
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def rows():
    """Yield every field that can be used, with the row that the page owes."""
    made = schema.schema()
    for part, where in {"": "", **PARTS}.items():
        shape = made["$defs"][part] if part else made
        for field, inner in shape["properties"].items():
            if part or field not in LATER:
                path = f"{where}.{field}" if where else field
                yield path, row(path, inner, required=field in shape.get("required", ()))


def blocks(page):
    """Yield the YAML examples of a page."""
    for number, block in enumerate(page.read_text(encoding="utf-8").split("```yaml\n")[1:]):
        yield f"{page.stem} {number}", block.split("```")[0]


def test_every_part_of_the_schema_has_its_place_on_the_page():
    assert set(PARTS) == set(schema.schema()["$defs"])


ROWS = list(rows())


def test_every_field_is_described_as_the_schema_has_it():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert [wanted for _, wanted in ROWS if wanted not in lines] == []


def test_every_field_of_a_later_version_is_named_with_what_is_possible_today():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    wanted = [f"| `{field}` | {what} | {today} |" for field, (what, today) in LATER.items()]
    assert [row for row in wanted if row not in lines] == []


def test_the_page_describes_no_field_that_is_not_there():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    described = {line.split("`")[1] for line in lines if line.startswith("| `")}
    assert described == {path for path, _ in ROWS} | set(LATER)


@pytest.mark.parametrize(
    "block",
    [pytest.param(text, id=name) for page in (PAGE, *HOW_TO) for name, text in blocks(page)],
)
def test_every_example_on_the_pages_can_be_loaded(block, tmp_path):
    """An example without a name is a part of a file."""
    given = yaml.safe_load(block)
    whole = {"name": "a", "instructions": "Work.", "model": "keywords:a", **given}
    (tmp_path / "a.yaml").write_text(block if "name" in given else yaml.safe_dump(whole))
    (tmp_path / "prompts").mkdir()
    for name in ("prompts/reader.md", "prompts/triage.md", "summary.schema.json"):
        (tmp_path / name).write_text("{}" if name.endswith("json") else "Read.")
    (tmp_path / "reader.script.yaml").write_text("- text: Done.")
    assert [str(one) for one in check_file(tmp_path / "a.yaml")] == []
