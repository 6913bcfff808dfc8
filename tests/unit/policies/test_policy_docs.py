"""docs/reference/policies.md names every policy, in order, and every code that a policy gives."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from folkmoot import policies
from folkmoot.policies.order import standard

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "policies.md").read_text("utf-8")


def codes():
    """Return the codes: constants in capitals that hold a text in capitals."""
    for module in iter_modules(policies.__path__, "folkmoot.policies."):
        for name, value in vars(import_module(module.name)).items():
            if name.isupper() and isinstance(value, str) and value.isupper():
                yield value


def test_every_code_is_documented():
    found = set(codes())
    assert "GRANT_DENIED" in found
    assert [code for code in sorted(found) if f"`{code}`" not in PAGE] == []


def test_the_policies_stand_in_the_order_in_which_they_are_asked():
    rows = [line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    names = [policy.name for policy in standard()]
    assert rows[: len(names)] == names
