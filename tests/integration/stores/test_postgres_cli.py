"""`folkmoot db upgrade`, and the system on what it has made."""

import json
import subprocess
import sys

import pytest

from folkmoot.app import App
from folkmoot.config import load
from folkmoot.core.errors import SettingsInvalid
from folkmoot.stores.postgres.migrate import steps
from folkmoot.stores.postgres.store import PostgresStore
from folkmoot.wiring import make_store

pytestmark = [pytest.mark.server, pytest.mark.slow]


def folkmoot(*args: str, cwd) -> subprocess.CompletedProcess:
    start = "import sys; from folkmoot.cli.main import main; sys.exit(main())"
    call = [sys.executable, "-c", start, *args]
    return subprocess.run(call, cwd=cwd, capture_output=True, text=True, check=False)


def test_an_upgrade_makes_the_schema_and_then_has_nothing_to_do(empty_database, tmp_path):
    refused = folkmoot("runs", "--store", empty_database, cwd=tmp_path)
    assert refused.returncode == 6
    assert "folkmoot db upgrade" in refused.stderr
    for applied in ([number for number, _ in steps()], []):
        done = folkmoot("db", "upgrade", "--json", "--store", empty_database, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"applied": applied}
    assert folkmoot("runs", "--store", empty_database, cwd=tmp_path).returncode == 0


def test_other_stores_look_after_themselves(tmp_path):
    done = folkmoot("db", "upgrade", "--store", "sqlite:///x.db", cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "The schema is up to date.")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_the_url_chooses_the_store(scheme):
    settings = load(store=f"{scheme}://me@127.0.0.1/x")
    assert isinstance(App(settings).store, PostgresStore)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr("folkmoot.wiring.find_spec", lambda _: None)
    with pytest.raises(SettingsInvalid, match=r"folkmoot\[postgres\]"):
        make_store(load(store="postgres://me@127.0.0.1/x"), None)
