"""Settings: what is given wins over the assignment, that over the file, that over the environment."""

import pytest

from folkmoot.config import Settings, load
from folkmoot.core.errors import SettingsInvalid


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    for name in ("CONFIG", "CONCURRENCY", "AGENTS", "ASSIGN_URL", "PORT"):
        monkeypatch.delenv(f"FOLKMOOT_{name}", raising=False)
    monkeypatch.delenv("ASSIGN_URL", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def file(monkeypatch, tmp_path):
    def write(text):
        path = tmp_path / "moot.yaml"
        path.write_text(text)
        monkeypatch.setenv("FOLKMOOT_CONFIG", str(path))

    return write


def test_each_layer_wins_over_those_below(monkeypatch, file):
    monkeypatch.setenv("FOLKMOOT_CONCURRENCY", "1")
    monkeypatch.setenv("FOLKMOOT_PORT", "1")
    assert load().concurrency == 1
    file("concurrency: 2\nagents: [one, two]\n")
    found = load()
    assert (found.concurrency, found.agents, found.port) == (2, ("one", "two"), 1)
    assert found.anew(concurrency=3).concurrency == 3
    given = load(concurrency=4)
    assert given.concurrency == 4
    assert given.anew(concurrency=3, agents=("three",)).concurrency == 4
    assert given.anew(agents=("three",)).agents == ("three",)


def test_settings_made_in_code_keep_what_they_were_given(file):
    file("concurrency: 2\n")
    assert Settings(concurrency=5).anew().concurrency == 5
    assert Settings(port=5).anew().concurrency == 2


def test_the_file_is_read_again(file):
    file("concurrency: 2\n")
    found = load()
    file("concurrency: 7\n")
    assert (found.concurrency, found.anew().concurrency) == (2, 7)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("concurency: 2", "did you mean 'concurrency'?"),
        ("- a", "it is no mapping"),
        ("a: [", "cannot be used"),
        ("config: other.yaml", "there is no setting 'config'"),
        ("concurrency: 0", "FOLKMOOT_CONCURRENCY"),
    ],
)
def test_a_file_with_a_mistake_is_refused(file, text, words):
    file(text)
    with pytest.raises(SettingsInvalid) as caught:
        load()
    assert words in caught.value.message


def test_an_empty_file_says_nothing_and_a_missing_one_is_a_mistake(file, monkeypatch):
    file("")
    assert load().concurrency == 100
    monkeypatch.setenv("FOLKMOOT_CONFIG", "no/such.yaml")
    with pytest.raises(SettingsInvalid, match=r"no/such\.yaml"):
        load()


def test_the_sources_name_of_the_assignments_address_counts_least(monkeypatch, file):
    monkeypatch.setenv("ASSIGN_URL", "http://alias")
    assert load().assign_url == "http://alias"
    monkeypatch.setenv("FOLKMOOT_ASSIGN_URL", "http://ours")
    assert load().assign_url == "http://ours"
    file("assign_url: http://file")
    assert load().assign_url == "http://file"


@pytest.mark.parametrize("name", ["assign_url", "store", "broker", "traces", "hotstate"])
def test_an_address_with_a_key_in_it_is_not_shown(name):
    assert "secret" not in repr(load(**{name: "http://me:secret@host/?key=secret"}))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('port: 1\napi_keys: [secret, "secret\n', "line 3, column 1"),
        ("api_keys: secret: x\n", "line 1, column 17"),
        ('broker: "redis://:secret@host\n', "line 2, column 1"),
        ("api_keys: *secret\n", "line 1, column 11"),
        ("api_keys: !secret x\n", "line 1, column 11"),
    ],
)
def test_a_file_that_is_no_yaml_is_told_by_its_place_and_not_quoted(file, text, place):
    file(text)
    with pytest.raises(SettingsInvalid) as caught:
        load()
    assert place in caught.value.message
    assert "secret" not in caught.value.message


def test_a_setting_that_does_not_exist_is_refused(monkeypatch):
    with pytest.raises(SettingsInvalid, match="FOLKMOOT_CONCURENCY"):
        load(concurency=5)
    for name in ("SERVICE_HOST", "SERVICE_PORT", "PORT_80_TCP", "PORT_80_TCP_ADDR", "WORK"):
        monkeypatch.setenv(f"FOLKMOOT_{name}", "an orchestrator's")
    assert load().concurrency == 100


@pytest.mark.parametrize("name", ["CONCURENCY", "API_KEY", "LOGLEVEL", "HEARTBEAT", "Agents_"])
def test_a_slip_in_the_environment_is_refused(monkeypatch, name):
    monkeypatch.setenv(f"FOLKMOOT_{name}", "geheim")
    with pytest.raises(SettingsInvalid, match="did you mean FOLKMOOT_") as caught:
        load()
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("name", ["lease_s", "heartbeat_s", "poll_s", "grace_s", "keep_days"])
@pytest.mark.parametrize("number", ["inf", "nan"])
def test_a_number_without_an_end_is_refused(name, number):
    with pytest.raises(SettingsInvalid, match=f"FOLKMOOT_{name.upper()}: .*finite"):
        load(**{name: float(number)})


def test_a_lease_is_longer_than_the_pause_between_heartbeats():
    with pytest.raises(SettingsInvalid, match=r"FOLKMOOT_HEARTBEAT_S \(5\) must be less"):
        load(lease_s=1, heartbeat_s=5)
