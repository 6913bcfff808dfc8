import re
from pathlib import Path

import pytest

from folkmoot.core.entries import Body
from folkmoot.telemetry import logs
from folkmoot.telemetry.metrics import Metrics, StoreTotals

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
JOURNAL = (REFERENCE / "journal.md").read_text()
METRICS = (REFERENCE / "metrics.md").read_text()
LOGS = (REFERENCE / "logs-and-traces.md").read_text()
KINDS = Body.__args__


def _sections():
    parts = re.split(r"^### `([^`]+)`$", JOURNAL, flags=re.MULTILINE)[1:]
    return {
        kind: re.split(r"^## ", text, flags=re.MULTILINE)[0]
        for kind, text in zip(parts[::2], parts[1::2], strict=True)
    }


def _fields(section):
    heads = re.findall(r"^- ([^:]+):", section, re.MULTILINE)
    return {field for head in heads for field in re.findall(r"`(\w+)`", head)}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_entry_is_documented_with_exactly_its_fields(kind):
    section = _sections()[kind.__struct_config__.tag]
    assert _fields(section) == set(kind.__struct_fields__)


def test_no_kind_is_documented_that_does_not_exist():
    assert set(_sections()) == {kind.__struct_config__.tag for kind in KINDS}


def _documented_metrics():
    return {
        name: (kind, set(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in re.findall(
            r"^\| `(\w+)` \| (\w+) \| ([^|]*)\|", METRICS, re.MULTILINE
        )
    }


def test_every_metric_is_documented_with_its_type_and_the_other_way_round():
    metrics = Metrics(store=StoreTotals)
    metrics.mirrored(lambda: (True, 0))
    registry = metrics.registry
    made = {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in registry.collect()
    }
    assert {name: kind for name, (kind, _) in _documented_metrics().items()} == made


def test_every_label_is_documented():
    registry = Metrics().registry
    for name, (_, labels) in _documented_metrics().items():
        collector = registry._names_to_collectors.get(name)
        assert labels == set(getattr(collector, "_labelnames", ())), name


def test_every_line_is_documented_with_its_level_and_fields():
    rows = {
        event: (level.split(";")[0].strip(), set(re.findall(r"`(\w+)`", fields)))
        for event, level, fields in re.findall(
            r"^\| `([a-z.]+)` \| ([a-z; ]+) \| ([^|]*)\|", LOGS, re.MULTILINE
        )
    }
    for kind, line in logs.LINES.items():
        level, fields = rows.pop(kind.__struct_config__.tag)
        assert level.upper() == logs.logging.getLevelName(line.level), kind
        assert fields - {"seconds"} == set(line.fields), kind
    assert rows == {}
