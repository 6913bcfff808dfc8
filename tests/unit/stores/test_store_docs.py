"""docs/reference/store.md names every change, question and error; the how-to's example works."""

import inspect
import re
from pathlib import Path
from typing import get_args

from folkmoot.core import errors
from folkmoot.core.changes import Change
from folkmoot.ports.store import Store
from folkmoot.testing.contracts.store import StoreContract

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "reference" / "store.md").read_text("utf-8")
HOW_TO = (DOCS / "how-to" / "add-a-store.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| `")
]


def test_every_change_is_documented():
    rows = {row[0].strip("`"): row for row in ROWS}
    assert set(rows) >= {change.__name__ for change in get_args(Change)}
    for change in get_args(Change):
        assert (rows[change.__name__][1] == "yes") == ("fence" in change.__struct_fields__)


def test_every_question_is_documented():
    asked = {re.match(r"`(\w+)\(", row[0])[1] for row in ROWS if "(" in row[0]}
    acts = {"open", "close", "write"}
    methods = {name for name, _ in inspect.getmembers(Store, inspect.isfunction)}
    assert asked == {name for name in methods if not name.startswith("_")} - acts


def test_every_error_that_is_named_exists():
    named = {word for row in ROWS for word in re.findall(r"`([A-Z]\w+)`", row[-1])}
    assert named >= {"LeaseLost", "BudgetSpent", "WrongState"}
    assert [name for name in sorted(named) if not hasattr(errors, name)] == []


async def test_the_example_is_a_contract_over_an_open_store():
    names = {}
    exec(HOW_TO.split("```python\n")[1].split("```")[0], names)
    example = names["TestMyStore"]
    assert issubclass(example, StoreContract)
    async for store in example.store._get_wrapped_function()(example()):
        assert await store.run("r1") is None


def test_every_fixture_of_the_contract_is_told_of():
    for fixture in ("store", "reopen", "second", "elapse"):
        assert hasattr(StoreContract, fixture)
        assert f"`{fixture}`" in HOW_TO or f"def {fixture}(" in HOW_TO
