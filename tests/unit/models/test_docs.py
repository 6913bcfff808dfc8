"""The pages about models name everything that there is, and their examples are agents."""

import re
from pathlib import Path

import pytest
import yaml

from folkmoot.agents.load import check_file
from folkmoot.core import errors
from folkmoot.core.agent import ModelChoice
from folkmoot.core.messages import Said
from folkmoot.models import rules
from folkmoot.models.registry import Models
from folkmoot.models.scene import Scene
from folkmoot.models.scripted import _FAULTS
from folkmoot.models.wires import options, settings
from folkmoot.ports.model import Request

DOCS = Path(__file__).parents[3] / "docs"
REFERENCE = (DOCS / "reference/models.md").read_text(encoding="utf-8")
HOW_TO = (DOCS / "how-to/models.md").read_text(encoding="utf-8")


def faults(kind=errors.ModelFault):
    for sub in kind.__subclasses__():
        yield sub
        yield from faults(sub)


NAMES = [
    *Models({}).providers,
    *settings.COMMON,
    *settings.REFUSED,
    *_FAULTS,
    *rules.Rule.__struct_fields__,
    *rules.When.__struct_fields__,
    *rules.Call.__struct_fields__,
    *rules.Counts.__struct_fields__,
    *Scene(Request(choice=ModelChoice(provider="p", name="m"), system="", messages=[Said("")])).names(),
    *(name for fault in faults() for name in (fault.__name__, fault.code)),
    "lines", "parse", "native_output", "transparent", "region", "credentials", "script", "turns",
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(NAMES)))
def test_the_reference_names(name):
    assert f"`{name}`" in REFERENCE or re.search(
        rf"`[^`\n]*\b{re.escape(name)}\b[^`\n]*`", REFERENCE
    )


def test_every_option_of_a_wire_is_documented():
    for name in re.findall(r'"(\w+)"', Path(options.__file__).read_text(encoding="utf-8")):
        assert f"`{name}`" in REFERENCE, name


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", HOW_TO, re.DOTALL))
def test_an_example_of_the_how_to_is_an_agent(tmp_path, text):
    path = tmp_path / "agent.yaml"
    path.write_text(text, encoding="utf-8")
    assert [str(mistake) for mistake in check_file(path)] == []


@pytest.mark.parametrize("provider", Models({}).providers)
def test_the_how_to_has_an_example_of(provider):
    examples = [
        yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", HOW_TO, re.DOTALL)
    ]
    chosen = {
        model["provider"] if isinstance(model, dict) else model.split(":")[0]
        for model in (example["model"] for example in examples)
    }
    assert provider in chosen


async def test_the_plugin_of_the_how_to_works():
    code = re.search(r"```python\n(.*?)```", HOW_TO, re.DOTALL).group(1)
    space: dict = {}
    exec(compile(code, "echo.py", "exec"), space)

    class App:
        models = Models({})

    space["register"](App)
    choice = ModelChoice(provider="echo", name="x")
    request = Request(choice=choice, system="", messages=[Said("Hello?")])
    assert (await App.models.get(choice).call(request)).text == "Hello?"
