"""Importing the package does nothing: this is watched from inside another interpreter."""

import json
import subprocess
import sys

import pytest

import folkmoot

WATCH = """
import json, os, signal, sys, threading

told = []
LOUD = ("socket.", "subprocess.", "sqlite3.", "os.fork", "os.exec", "os.posix_spawn", "os.system",
        "os.putenv", "os.unsetenv", "os.remove", "os.mkdir", "shutil.")

def ours():
    '''Whether a module of ours is being loaded, and no library is at work between it and the event.'''
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if "site-packages" in file:
            return ""
        if "/folkmoot/" in file:
            return file
        frame = frame.f_back
    return ""

def hear(event, args):
    if event.startswith(LOUD) or (event == "open" and str(args[1] or "r")[0] in "wax"):
        where = ours()
        if where:
            told.append([event, where])

before = (dict(os.environ), [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)])
sys.addaudithook(hear)
import importlib
for name in json.load(sys.stdin):
    importlib.import_module(name)
after = (dict(os.environ), [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)])
print(json.dumps({
    "told": told,
    "threads": [t.name for t in threading.enumerate() if t is not threading.main_thread()],
    "environment": before[0] == after[0],
    "handlers": before[1] == after[1],
}))
"""


def watched(names: list[str], code: str = WATCH) -> dict:
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        input=json.dumps(names),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_every_module_starts_nothing(modules):
    assert watched([module.name for module in modules]) == {
        "told": [],
        "threads": [],
        "environment": True,
        "handlers": True,
    }


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ("import socket; socket.socket().close()", "told"),
        ("import subprocess; subprocess.run(['true'])", "told"),
        ("import os; os.environ['FOLKMOOT_X'] = '1'", "environment"),
        ("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)", "handlers"),
        ("import threading as t; t.Thread(target=t.Event().wait, daemon=True).start()", "threads"),
    ],
)
def test_the_watch_sees_what_an_import_does(tmp_path, body, part):
    (tmp_path / "folkmoot").mkdir()
    (tmp_path / "folkmoot" / "loud.py").write_text(body)
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'folkmoot')!r})\n{WATCH}"
    quiet = {"told": [], "threads": [], "environment": True, "handlers": True}
    assert watched(["loud"], code)[part] != quiet[part]


def test_the_public_names_are_there():
    for name in folkmoot.__all__:
        assert getattr(folkmoot, name) is not None


def test_the_public_names_are_the_documented_surface():
    assert folkmoot.__all__ == sorted(folkmoot.__all__)
    assert set(folkmoot.__all__) == set(folkmoot._HOMES)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = folkmoot.Nothing


def test_a_star_gives_the_public_names_and_no_more():
    space: dict[str, object] = {}
    exec("from folkmoot import *", space)
    assert set(space) - {"__builtins__"} == set(folkmoot.__all__)


def test_importing_the_package_loads_nothing_else():
    code = (
        "import json, sys; before = set(sys.modules); import folkmoot;"
        "print(json.dumps(sorted(n for n in set(sys.modules) - before if n.startswith('folkmoot'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["folkmoot"]
