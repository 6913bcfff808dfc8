"""The JSON Schema for editors: it is checked in, complete, and agrees with the loader."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from folkmoot.agents import schema
from folkmoot.agents.file import AgentFile
from folkmoot.agents.later import LATER

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
WHOLE = (HERE / "whole.yaml").read_text(encoding="utf-8")
CASES = yaml.safe_load((HERE / "wrong_values.yaml").read_text(encoding="utf-8"))
LEAST = {"name": "sample", "instructions": "Work.", "model": "keywords:a"}


def shapes():
    made = schema.schema()
    return {"AgentFile": made, **made["$defs"]}


@pytest.fixture(scope="module")
def validator():
    return jsonschema_rs.validator_for(schema.schema())


def test_the_checked_in_schema_is_the_one_that_the_code_gives():
    path = ROOT / "schemas" / "agent.schema.json"
    assert path.read_text(encoding="utf-8") == schema.text(), (
        "run: python -m folkmoot.agents.schema schemas/agent.schema.json"
    )


def test_an_option_is_no_file_to_write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="usage"):
        schema.main(["--help"])
    assert not list(tmp_path.iterdir())


def test_the_schema_is_draft_2020_12():
    assert isinstance(
        jsonschema_rs.validator_for(schema.schema()), jsonschema_rs.Draft202012Validator
    )


def test_every_field_has_a_description_and_examples():
    for name, shape in shapes().items():
        for field, inner in shape["properties"].items():
            assert inner.get("description"), f"{name}.{field}"
            assert inner.get("examples") or field in LATER, f"{name}.{field}"


def test_every_mapping_is_closed():
    for name, shape in shapes().items():
        assert shape["additionalProperties"] is False, name


def test_every_example_fits_its_own_field():
    made = schema.schema()
    for name, shape in shapes().items():
        for field, inner in shape["properties"].items():
            one = jsonschema_rs.validator_for({**inner, "$defs": made["$defs"]})
            for example in inner.get("examples", []):
                assert one.is_valid(example), f"{name}.{field}: {example}"


def test_the_examples_of_the_file_are_taken_by_the_loader():
    for field, inner in schema.schema()["properties"].items():
        for example in inner.get("examples", []):
            AgentFile.model_validate({**LEAST, field: example})


def test_the_schema_takes_a_file_with_everything_in_it(validator):
    errors = [error.message for error in validator.iter_errors(yaml.safe_load(WHOLE))]
    assert errors == []


@pytest.mark.parametrize("field", sorted(LATER))
def test_the_schema_refuses_what_is_not_in_this_version(validator, field):
    assert not validator.is_valid({**LEAST, field: []})


@pytest.mark.parametrize("text", [case["text"] for case in CASES if case.get("editor", True)])
def test_an_editor_shows_the_mistakes_of_form_that_the_loader_shows(validator, text):
    assert not validator.is_valid({**LEAST, **yaml.safe_load(text)})


def test_the_module_prints_and_writes_the_schema(capsys, tmp_path):
    schema.main([])
    assert json.loads(capsys.readouterr().out) == schema.schema()
    schema.main([str(tmp_path / "s.json")])
    assert (tmp_path / "s.json").read_text(encoding="utf-8") == schema.text()
