"""Files outside of the workspace stay out of reach, whatever the path. Section 2.4, section 6.3.8."""

import contextlib
import itertools
import os
import threading

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.core.agent import Approval
from folkmoot.core.grants import parse
from folkmoot.testing.contracts.tool import agent_with, files_in
from folkmoot.tools.files import paths
from folkmoot.tools.trouble import Trouble

CALLS = (
    ("files_read", {}),
    ("files_write", {"content": "bad"}),
    ("files_edit", {"old": "hunter2", "new": "bad"}),
    ("files_glob", {"pattern": "**"}),
    ("files_grep", {"pattern": "hunter2"}),
)


async def refused(files, outside, path):
    """Call every files tool with a path; none gives or changes anything outside."""
    before = files_in(outside)
    codes = set()
    for name, args in CALLS:
        result = await files(name, path=path, **args)
        assert "hunter2" not in result.text.replace("'hunter2'", "")
        codes.add(result.error)
    assert files_in(outside) == before
    return codes


async def test_a_folder_whose_name_begins_like_the_workspace_is_outside(files, outside):
    """The source compared paths as text: `/tmp/agent-xy` passed for `/tmp/agent-x`."""
    assert str(outside).startswith(str(files.context.workspace))
    assert await refused(files, outside, "../ws-other/secret") == {"OUTSIDE_WORKSPACE"}
    assert await refused(files, outside, str(outside / "secret")) == {"OUTSIDE_WORKSPACE"}


@pytest.mark.parametrize(
    "path", ["..", "a/../../ws-other/secret", "./../ws-other/secret", "/etc/passwd", "//etc/passwd"]
)
async def test_paths_that_lead_out_are_refused(files, outside, path):
    assert await refused(files, outside, path) == {"OUTSIDE_WORKSPACE"}


@pytest.mark.parametrize("path", ["a\0b", "\ud800"])
async def test_what_is_no_path_is_refused(files, outside, path):
    assert await refused(files, outside, path) == {"BAD_PATH"}


async def test_a_link_that_leads_out_is_not_followed(files, workspace, outside):
    (workspace / "link").symlink_to(outside / "secret")
    assert await refused(files, outside, "link") == {"OUTSIDE_WORKSPACE"}


async def test_a_folder_that_is_a_link_out_is_not_entered(files, workspace, outside):
    (workspace / "link").symlink_to(outside)
    (workspace / "up").symlink_to("..")
    assert await refused(files, outside, "link/secret") == {"OUTSIDE_WORKSPACE"}
    assert await refused(files, outside, "up/ws-other/secret") == {"OUTSIDE_WORKSPACE"}
    assert (await files("files_write", path="link/new", content="bad")).error
    assert (await files("files_write", path="link/a/new", content="bad")).error
    assert set(files_in(outside)) == {"secret"}


async def test_searches_do_not_follow_links(files, workspace, outside):
    (workspace / "link").symlink_to(outside)
    (workspace / "own").write_text("nothing here")
    assert (await files("files_glob", pattern="**")).text == "link\nown"
    assert (await files("files_grep", pattern="hunter2|here")).text == "own:1: nothing here"


async def test_a_wildcard_does_not_lead_out(files, outside):
    for pattern in ("../**", "**/../../ws-other/*", "/etc/*", f"{outside}/*"):
        assert (await files("files_glob", pattern=pattern)).error == "BAD_PATTERN"
        assert (await files("files_grep", pattern="x", glob=pattern)).error == "BAD_PATTERN"


async def test_a_wildcard_does_not_lead_out_of_the_folder_that_was_judged(files, workspace):
    (workspace / "docs").mkdir()
    (workspace / "secrets").mkdir()
    (workspace / "secrets" / "key").write_text("hunter2")
    result = await files("files_glob", path="docs", pattern="../secrets/*")
    assert result.error == "BAD_PATTERN"


async def test_a_link_inside_is_answered_with_the_real_path(files, workspace):
    """So that the gate judges the file that is opened, and a deny holds for every way to it."""
    (workspace / "secrets").mkdir()
    (workspace / "secrets" / "key").write_text("hunter2")
    (workspace / "harmless").symlink_to("secrets")
    result = await files("files_read", path="harmless/key")
    assert (result.error, "`secrets/key`" in result.text) == ("IS_A_LINK", True)
    assert "hunter2" not in result.text
    assert (await files("files_read", path="secrets/key")).text == "hunter2"


async def test_the_workspace_itself_may_be_reached_by_a_link(files, caller, workspace, tmp_path):
    (workspace / "own").write_text("text")
    (tmp_path / "alias").symlink_to(workspace)
    files.context = msgspec.structs.replace(files.context, workspace=tmp_path / "alias")
    assert (await files("files_read", path="own")).text == "text"


async def test_a_folder_that_becomes_a_link_while_we_look_gains_nothing(files, workspace, outside):
    """The race that a check before an open would lose."""
    inner = workspace / "inner"
    inner.mkdir()
    (inner / "secret").write_text("own")
    done = threading.Event()

    def swap():
        for n in itertools.takewhile(lambda _: not done.is_set(), itertools.count()):
            inner.rename(workspace / f"aside{n}")
            with contextlib.suppress(OSError):  # our write made the folder anew
                inner.symlink_to(outside)
                inner.unlink()
                (workspace / f"aside{n}").rename(inner)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(150):
            read = await files("files_read", path="inner/secret")
            assert read.text == "own" or read.error
            assert "hunter2" not in read.text
            await files("files_write", path="inner/new", content="x")
    finally:
        done.set()
        thread.join()
    assert files_in(outside) == {"secret": b"hunter2"}


@pytest.mark.parametrize("kind", ["fifo", "folder", "device"])
async def test_what_is_no_regular_file_is_not_opened(files, workspace, kind):
    """A FIFO would hold us for ever."""
    place = workspace / "odd"
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        try:
            os.mknod(place, 0o600 | 0o020000, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root makes devices")
    codes = {
        (await files("files_read", path="odd")).error,
        (await files("files_write", path="odd", content="x")).error,
        (await files("files_edit", path="odd", old="a", new="b")).error,
    }
    assert codes == {"IS_A_FOLDER" if kind == "folder" else "NOT_A_FILE"}


async def test_denied_and_asked_files_do_not_come_to_light_by_searching(caller, workspace):
    for path in ("open/a", "secret/b", "asked/c", "open/d.key"):
        (workspace / path).parent.mkdir(exist_ok=True)
        (workspace / path).write_text("hunter2")
    files = caller(
        agent_with(
            "files",
            denies=("files:read:secret/**", "files:*:**/*.key"),
            approvals=(Approval(match="files:read:asked/**"),),
        )
    )
    assert (await files("files_glob", pattern="**")).text == "open/\nopen/a"
    assert (await files("files_grep", pattern="hunter2")).text == "open/a:1: hunter2"


def test_needs_carry_the_normal_path(files):
    assert files.needs("files_read", path="docs/../src//a.py") == [
        ("files:read:src/a.py", "ordinary")
    ]
    assert files.needs("files_edit", path="a", old="x", new="y") == [
        ("files:read:a", "ordinary"),
        ("files:write:a", "ordinary"),
    ]
    assert files.needs("files_glob", pattern="*") == [("files:read:.", "ordinary")]


def test_a_path_that_leads_out_is_not_ordinary(files):
    assert files.needs("files_read", path="../x") == [("files:read:../x", "granted")]
    assert files.needs("files_write", path="/etc/x", content="") == [
        ("files:write:/etc/x", "granted")
    ]


@given(st.text(alphabet="ab./\\*:\0é", max_size=20))
def test_a_normal_path_stays_below(text):
    try:
        path = paths.normal(text)
    except Trouble:
        assert not paths.need("read", text).ordinary
        return
    assert not path.startswith("/")
    assert ".." not in path.split("/")
    assert paths.normal(path) == path
    assert paths.need("read", text).grant.resource == path
    assert paths.need("read", text).ordinary


def test_a_grant_of_a_folder_says_nothing_of_one_that_begins_like_it(files):
    (need,) = files.tools["files_read"].needs({"path": "docs2/a"})
    assert not parse("files:read:docs/**").covers(need.grant)
    assert not parse("files:read:docs").covers(need.grant)
