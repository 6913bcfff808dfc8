"""docs/reference/policies.md names every policy, in order, and every code that a policy gives."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from folkmoot import policies
from folkmoot.policies.order import standard
from folkmoot.ports.policy import Case
from folkmoot.testing.contracts.policy import (
    NOW,
    PolicyContract,
    answer,
    sample_agent,
    sample_view,
    tool_act,
)

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


HOW_TO = (Path(__file__).parents[3] / "docs" / "how-to" / "policies.md").read_text("utf-8")


def example(number):
    return HOW_TO.split("```python\n")[number].split("```")[0]


class Registry:
    """As much of an app as a plugin sees."""

    def __init__(self):
        self.policies = [*standard()]


class TestExampleOnThePage(PolicyContract):
    """The policy of the how-to page, registered as its plugin does it."""

    @pytest.fixture
    def policy(self):
        names, app = {}, Registry()
        exec(example(1), names)  # the page's own code
        names["register"](app)
        return app.policies[-1]

    @pytest.fixture
    def cases(self):
        act, agent = tool_act("shell:run"), sample_agent()
        return [Case(act, agent, sample_view(), NOW + hour * 3_600_000) for hour in range(24)]

    async def test_it_says_no_at_night_and_nothing_by_day(self, policy, cases):
        answers = [await answer(policy, case) for case in cases]
        night = [hour for hour, answer in enumerate(answers) if answer is not None]
        assert night == [0, 1, 2, 3, 4, 5, 22, 23]


def test_the_contract_of_the_example_is_one_that_can_be_run():
    compile(example(2), "policies.md", "exec")
    assert "PolicyContract" in example(2)
