import os
import subprocess

import pytest

SCRIPTS = (
    "scripts/setup", "scripts/demo", "scripts/test", "scripts/lint", "scripts/bench", "scripts/lock", ".ci/run"
)  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_a_program_that_stops_at_the_first_fault(root, name):
    path = root / name
    assert os.access(path, os.X_OK)
    text = path.read_text()
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in text
    subprocess.run(["bash", "-n", path], check=True)


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["scripts/test", "everything"], 2),
        (["scripts/demo", "--what"], 2),
        (["scripts/demo", "--dir"], 2),
        (["scripts/demo", "--help"], 0),
        (["scripts/demo", "--dir", "no/such/folder"], 3),
    ],
)
def test_a_wrong_word_is_answered_before_anything_is_done(root, argv, code):
    done = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert "demo" in done.stdout + done.stderr or "usage" in done.stderr
