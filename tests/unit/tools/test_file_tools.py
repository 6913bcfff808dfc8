import asyncio
import os
import stat

import msgspec
import pytest

from folkmoot.core.agent import ToolUse
from folkmoot.core.errors import ToolFault
from folkmoot.testing.contracts.tool import agent_with, context_in
from folkmoot.tools.files.edit import took_place
from folkmoot.tools.files.workspace import Workspace


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def lines(first, last):
    return "".join(f"line {n}\n" for n in range(first, last + 1))


async def test_a_short_file_comes_as_it_is(files, workspace):
    (workspace / "a").write_bytes(b"one\r\ntwo\n\nthree")
    assert (await files("files_read", path="a")).text == "one\r\ntwo\n\nthree"


async def test_an_empty_file_says_so(files, workspace):
    (workspace / "a").touch()
    assert (await files("files_read", path="a")).text == "[the file is empty]"


async def test_part_of_a_file_says_where_to_read_on(files, workspace):
    (workspace / "a").write_text(lines(1, 9))
    text = (await files("files_read", path="a", offset=3, limit=2)).text
    assert text == "line 3\nline 4\n[lines 3-4 of 9; read on with offset=5]"
    assert (await files("files_read", path="a", offset=9)).text == "line 9\n[lines 9-9 of 9]"
    assert (await files("files_read", path="a", offset=10)).error == "NOT_FOUND"


async def test_reading_on_gives_the_whole_file_within_the_output_limit(files, workspace):
    (workspace / "a").write_text(lines(1, 5000))
    files.context = msgspec.structs.replace(files.context, max_output=2000)
    seen, offset = [], 1
    while True:
        text = (await files("files_read", path="a", offset=offset)).text
        assert len(text) <= 2000
        *got, note = text.split("\n")
        seen += got
        if "offset=" not in note:
            break
        offset = int(note.partition("offset=")[2].rstrip("]"))
    assert "\n".join(seen) + "\n" == lines(1, 5000)


async def test_a_line_longer_than_the_limit_is_cut_and_not_a_dead_end(files, workspace):
    (workspace / "a").write_text("x" * 9000 + "\nend\n")
    files.context = msgspec.structs.replace(files.context, max_output=1000)
    first = (await files("files_read", path="a")).text
    assert len(first) <= 1000
    assert "line 1 has 9,000 characters" in first
    assert (await files("files_read", path="a", offset=2)).text.startswith("end\n")


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"\x7fELF\0\0", "BINARY_FILE"), (b"caf\xe9", "BINARY_FILE"), (b"x" * 101, "TOO_LARGE")],
)
async def test_what_is_not_text_or_too_large_is_told(caller, workspace, data, error):
    files = caller(agent_with(ToolUse("files", {"max_bytes": 100})))
    (workspace / "a").write_bytes(data)
    result = await files("files_read", path="a")
    assert result.error == error
    assert "`a`" in result.text


async def test_what_is_not_there_is_told_without_a_path_of_the_machine(files, workspace):
    result = await files("files_read", path="no/such")
    assert (result.error, str(workspace) in result.text) == ("NOT_FOUND", False)
    (workspace / "file").touch()
    assert (await files("files_read", path="file/x")).error == "NOT_A_FOLDER"


async def test_a_new_file_comes_with_its_folders_and_an_old_one_keeps_its_mode(files, workspace):
    first = await files("files_write", path="a/b/c.sh", content="1")
    (workspace / "a/b/c.sh").chmod(0o4750)
    again = await files("files_write", path="a/b/c.sh", content="2")
    assert first.text == again.text  # what is repeated after a crash must answer the same
    assert (workspace / "a/b/c.sh").read_text() == "2"
    assert stat.S_IMODE((workspace / "a/b/c.sh").stat().st_mode) == 0o750  # without setuid


async def test_a_missing_workspace_is_made_by_the_first_file(files, workspace):
    workspace.rmdir()
    assert (await files("files_read", path="a")).error == "NOT_FOUND"
    assert (await files("files_write", path="a", content="x")).error == ""
    assert (workspace / "a").read_text() == "x"


async def test_what_the_system_refuses_is_told_without_a_path_of_the_machine(caller, tmp_path):
    (tmp_path / "file").write_text("no folder")
    files = caller(agent_with("files"))
    files.context = context_in(tmp_path / "file")
    result = await files("files_write", path="a", content="x")
    assert result.error == "FILE_FAULT"
    assert str(tmp_path) not in result.text


async def test_writing_leaves_nothing_beside_the_file(files, workspace):
    await files("files_write", path="a", content="x")
    assert names(workspace) == ["a"]


async def test_what_a_crash_left_beside_a_file_goes_with_the_next_try(
    files, workspace, monkeypatch
):
    class Crash(BaseException):
        pass

    def crash(*_, **__):
        raise Crash

    with monkeypatch.context() as broken:
        broken.setattr(os, "rename", crash)
        with pytest.raises(Crash):
            await files("files_write", path="a", content="new")
    assert len(names(workspace)) == 1
    assert not (workspace / "a").exists()
    await files("files_write", path="a", content="new")
    assert names(workspace) == ["a"]


async def test_a_file_that_cannot_be_written_is_as_it_was(files, workspace, monkeypatch):
    (workspace / "a").write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        result = await files("files_write", path="a", content="new")
    assert result.error == "DISK_FULL"
    assert (workspace / "a").read_text() == "old"
    assert names(workspace) == ["a"]


async def test_the_content_is_durable_before_its_name_is(files, workspace, monkeypatch):
    order = []
    for name in ("fsync", "rename"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *a, _n=name, _r=real, **k: (order.append(_n), _r(*a, **k))[1]
        )
    await files("files_write", path="a", content="x")
    assert order == ["fsync", "rename", "fsync"]


async def test_a_file_marked_read_only_is_not_replaced(files, workspace):
    (workspace / "a").write_text("old")
    (workspace / "a").chmod(0o444)
    assert (await files("files_write", path="a", content="x")).error == "NO_PERMISSION"
    assert (workspace / "a").read_text() == "old"


async def test_too_much_or_broken_text_is_not_written(caller, workspace):
    files = caller(agent_with(ToolUse("files", {"max_bytes": 10})))
    assert (await files("files_write", path="a", content="é" * 6)).error == "TOO_LARGE"
    assert (await files("files_write", path="a", content="\ud800")).error == "BAD_TEXT"
    assert names(workspace) == []


async def test_an_edit_replaces_what_stands_there_once(files, workspace):
    (workspace / "a").write_text("one\ntwo\nthree\n")
    result = await files("files_edit", path="a", old="two\n", new="2\n2\n")
    assert result.text == "Edited `a` at line 2."
    assert (workspace / "a").read_text() == "one\n2\n2\nthree\n"


@pytest.mark.parametrize(
    ("text", "old", "error", "told"),
    [
        ("a b a", "a", "NOT_UNIQUE", "lines 1, 1"),
        ("aaa", "aa", "NOT_UNIQUE", "more than once"),
        ("x", "y", "TEXT_NOT_FOUND", "not in `a`"),
        ("  indented\nnext", "indented\nother", "TEXT_NOT_FOUND", "Line 1 begins like it"),
        ("one\r\ntwo\r\n", "one\ntwo", "TEXT_NOT_FOUND", "CR LF"),
    ],
)
async def test_an_edit_that_is_not_clear_changes_nothing(  # noqa: PLR0917 - the table's columns
    files, workspace, text, old, error, told
):
    (workspace / "a").write_bytes(text.encode())
    result = await files("files_edit", path="a", old=old, new="z")
    assert result.error == error
    assert told in result.text
    assert (workspace / "a").read_bytes() == text.encode()


async def test_an_edit_that_changes_nothing_is_told(files, workspace):
    (workspace / "a").write_text("x")
    assert (await files("files_edit", path="a", old="x", new="x")).error == "NO_CHANGE"


async def test_edits_of_one_file_at_the_same_time_are_all_done(files, workspace):
    """Calls of one reply run side by side; none may undo another."""
    (workspace / "a").write_text("".join(f"<{n}>\n" for n in range(20)))
    results = await asyncio.gather(
        *(files("files_edit", path="a", old=f"<{n}>", new=f"[{n}]") for n in range(20))
    )
    assert not any(result.error for result in results)
    assert (workspace / "a").read_text() == "".join(f"[{n}]\n" for n in range(20))


async def test_a_folder_that_somebody_holds_for_ever_is_told_as_busy(files, workspace, monkeypatch):
    monkeypatch.setattr("folkmoot.tools.files.workspace._LOCK_WAIT_S", 0.01)
    place = Workspace(workspace)
    with place.folder(".") as folder, place.locked(folder):
        assert (await files("files_write", path="a", content="x")).error == "BUSY"
    assert (await files("files_write", path="a", content="x")).error == ""


@pytest.mark.parametrize(
    ("text", "old", "new", "answer"),
    [
        ("a OLD b", "OLD", "NEW", False),
        ("a NEW b", "OLD", "NEW", True),
        ("a b", "OLD", "NEW", None),
        ("a x b", "x", "<x>", False),
        ("a <x> b", "x", "<x>", True),
        ("a <x> b x", "x", "<x>", False),  # the call would have found two and refused: it may again
        ("abc", "abc", "b", None),  # it may have been "aabcc"
        ("    x\n", "    x", "x", None),  # or eight spaces, of which four are gone
        ("    x y", "    x", "  z", False),
        ("foo(a, b)", "foo(a, b)", "foo(a)", False),
        ("a b c", "abc", "b", True),
        ("abc", "abc", "", False),
        ("", "abc", "", True),
        ("aa", "a", "aa", True),
    ],
)
def test_the_file_tells_whether_an_edit_took_place(text, old, new, answer):
    assert took_place(text, old, new) is answer


async def test_an_edit_that_makes_its_old_text_anew_is_not_done_twice(files, workspace):
    (workspace / "a").write_text("        x\n")
    args = {"path": "a", "old": "    x", "new": "x"}
    assert not (await files("files_edit", **args)).error
    assert (workspace / "a").read_text() == "    x\n"
    with pytest.raises(ToolFault):
        await files.tools["files_edit"].reconcile(args, files.context)


async def test_an_edit_whose_file_is_gone_stays_in_doubt(files):
    with pytest.raises(ToolFault, match="cannot be told"):
        await files.tools["files_edit"].reconcile(
            {"path": "a", "old": "x", "new": "y"}, files.context
        )


@pytest.fixture
def tree(workspace):
    for path in (
        "README.md", "src/a.py", "src/deep/er/b.py", "src/deep/c.txt", "src/d.pyc", ".git/HEAD",
        ".venv-2/x.py", "node_modules/m.py", "docs/b.md", "docs/a.md", "weird[1].md",
    ):  # fmt: skip
        (workspace / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace / path).write_text(f"def {path}\nEND\n")
    os.mkfifo(workspace / "fifo")
    return workspace


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("*", ".", "README.md docs/ src/ weird[1].md"),
        ("*.md", ".", "README.md weird[1].md"),
        ("**/*.py", ".", "src/a.py src/deep/er/b.py"),
        ("**/*.{py,txt}", ".", "src/a.py src/deep/c.txt src/deep/er/b.py"),
        ("src/**", ".", "src/a.py src/deep/ src/deep/c.txt src/deep/er/ src/deep/er/b.py"),
        ("src/deep/*.txt", ".", "src/deep/c.txt"),
        ("./docs/[ab].md", ".", "docs/a.md docs/b.md"),
        ("docs/[!a].md", ".", "docs/b.md"),
        ("d?cs/*", ".", "docs/a.md docs/b.md"),
        ("*.py", "src", "src/a.py"),
        ("deep/**/*.py", "src", "src/deep/er/b.py"),
        ("**/er/b.py", ".", "src/deep/er/b.py"),
        ("*.rs", ".", "Nothing fits."),
    ],
)
async def test_wildcards_find_paths_in_order(files, tree, pattern, path, found):
    result = await files("files_glob", pattern=pattern, path=path)
    assert result.text.replace("\n", " ") == found


async def test_names_that_are_not_utf8_are_passed_over(files, workspace):
    (workspace / os.fsdecode(b"caf\xe9")).touch()
    (workspace / "plain").touch()
    assert (await files("files_glob", pattern="*")).text == "plain"


async def test_what_is_left_out_can_be_chosen(caller, tree):
    files = caller(agent_with(ToolUse("files", {"skip": ["src", "*.md"]})))
    assert (await files("files_glob", pattern="*")).text.split() == [
        ".git/", ".venv-2/", "docs/", "node_modules/",
    ]  # fmt: skip


async def test_more_results_than_asked_for_are_counted(caller, workspace):
    files = caller(agent_with(ToolUse("files", {"results": 3})))
    for n in range(10):
        (workspace / f"f{n}").write_text("x\nx\n")
    assert (
        await files("files_glob", pattern="*")
    ).text == "f0\nf1\nf2\n[7 more; narrow the search]"
    grep = (await files("files_grep", pattern="x")).text
    assert grep == "f0:1: x\nf0:2: x\nf1:1: x\n[17 more; narrow the search]"


async def test_results_stay_within_the_output_limit(files, workspace):
    files.context = msgspec.structs.replace(files.context, max_output=1000)
    (workspace / "a").write_text("word and more words\n" * 5000)
    text = (await files("files_grep", pattern="word")).text
    assert len(text) <= 1000
    assert "more; narrow the search]" in text


async def test_a_search_in_one_file_and_below_a_folder(files, tree):
    assert (await files("files_grep", pattern="^END$", path="docs")).text == (
        "docs/a.md:2: END\ndocs/b.md:2: END"
    )
    assert (await files("files_grep", pattern="END", path="src/a.py")).text == "src/a.py:2: END"
    only = await files("files_grep", pattern="end", glob="**/*.txt", ignore_case=True)
    assert only.text == "src/deep/c.txt:2: END"
    assert (await files("files_grep", pattern="nowhere")).text == "Nothing was found."
    assert (await files("files_grep", pattern="x", path="no")).error == "NOT_FOUND"


async def test_files_that_cannot_be_searched_are_counted(caller, workspace):
    files = caller(agent_with(ToolUse("files", {"max_bytes": 50})))
    (workspace / "a").write_text("found\n")
    (workspace / "b").write_bytes(b"found\0")
    (workspace / "c").write_text("found" * 20)
    text = (await files("files_grep", pattern="found")).text
    assert text == "a:1: found\n[passed over, not text or too large: 2]"


async def test_a_pattern_that_ruins_other_engines_is_quick_here(files, workspace):
    (workspace / "a").write_text("a" * 50_000 + "\n" + "a" * 50_000 + "b\n")
    result = await asyncio.wait_for(files("files_grep", pattern="(a+)+$|(a|aa)+$|(.*)*x"), 5)
    assert result.text.startswith("a:1: aaa")
    assert "a:2" not in result.text


@pytest.mark.parametrize("pattern", ["(?=x)", r"(x)\1", "[", "((a{1000}){1000}){1000}", "x" * 3000])
async def test_a_pattern_that_the_engine_does_not_take_is_told(files, pattern):
    assert (await files("files_grep", pattern=pattern)).error == "BAD_PATTERN"


async def test_a_search_whose_time_is_up_says_so(files, tree):
    files.context = msgspec.structs.replace(files.context, timeout_s=0.0)
    for name, args in (("files_glob", {}), ("files_grep", {})):
        result = await files(name, pattern="**" if name == "files_glob" else "END", **args)
        assert "[cut short: the time was up]" in result.text


async def test_folders_that_lie_too_deep_are_told(files, workspace):
    deep = "/".join("d" * 70)
    await files("files_write", path=f"{deep}/note", content="needle")
    for found in (
        await files("files_glob", pattern="**/note"),
        await files("files_grep", pattern="needle"),
    ):
        assert "more than 64 deep" in found.text
    below = deep[: len("d/d")]
    assert (await files("files_grep", pattern="needle", path=deep[:39])).text.endswith(": needle")
    assert "deep" not in (await files("files_glob", pattern="*", path=below)).text


async def test_long_lines_are_shown_in_part(files, workspace):
    (workspace / "a").write_text("x" * 5000)
    text = (await files("files_grep", pattern="x")).text
    assert len(text) < 400
    assert "[5,000 characters]" in text
