"""What agent files may name, as the whole system tells the loader: options that nobody would read are mistakes."""

import pytest

from folkmoot.agents.load import check_file
from folkmoot.models.registry import Models
from folkmoot.tools.registry import builtin
from folkmoot.wiring import names_known


@pytest.fixture
def mistakes(tmp_path):
    known = names_known(Models({}), builtin(), ["loop"])

    def of(text):
        path = tmp_path / "agent.yaml"
        path.write_text(f"name: a\ninstructions: Work.\n{text}\n", encoding="utf-8")
        return [(one.field, one.problem) for one in check_file(path, known=known)]

    return of


def test_options_of_the_loop_are_a_mistake(mistakes):
    assert mistakes("model: keywords:a\nprogram: {name: loop, options: {deep: true}}") == [
        ("program", "The program `loop` has no options; found deep")
    ]


@pytest.mark.parametrize(
    ("turn", "problem"),
    [
        ("txt: a", "unknown field `txt`"),
        ("text: 5", "Expected `str`, got `int`"),
        ("text: '{% for'", "is not a template"),
        ("calls: [{tool: shell, arguments: {}}]", "unknown field `arguments`"),
    ],
)
def test_a_mistake_in_a_script_is_told_before_a_run_is_made(mistakes, tmp_path, turn, problem):
    [(field, told)] = mistakes(f"model: {{provider: scripted, turns: [{{{turn}}}]}}")
    assert (field, problem in told) == ("model.turns", True)
    (tmp_path / "a.script.yaml").write_text(f"rules: [{{{turn}}}]", encoding="utf-8")
    [(field, told)] = mistakes("model: {provider: scripted, script: a.script.yaml}")
    assert (field, problem in told) == ("model.script", True)


@pytest.mark.parametrize("provider", ["keywords", "openai", "anthropic", "ollama"])
def test_an_option_that_a_model_does_not_have_is_a_mistake(mistakes, provider):
    found = mistakes(f"model: {{provider: {provider}, name: a, options: {{region: x}}}}")
    assert [field for field, _ in found] == ["model.options"]


def test_options_that_a_model_has_need_no_key_and_no_library(mistakes):
    assert mistakes("model: {provider: bedrock, name: a, options: {region: x}}") == []
    assert mistakes("model: {provider: openai, name: a, options: {native_output: false}}") == []


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('deny: ["shell:run", "file:write:secret/**"]', "deny[1]"),
        ('approvals: [{match: "shel:run"}]', "approvals[0].match"),
        ('grants: ["http:get:https://example.com"]', "grants[0]"),
    ],
)
def test_a_rule_that_can_never_fit_is_a_mistake(mistakes, text, field):
    [(told, problem)] = mistakes(f"model: keywords:a\n{text}")
    assert (told, "can never fit anything" in problem) == (field, True)
