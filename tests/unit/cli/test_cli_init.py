"""Beginning in a folder that is not what one would wish."""

import pytest


@pytest.mark.parametrize("made", ["agents", "place", ".gitignore/x"])
def test_init_where_nothing_can_be_written_says_so(folkmoot, tmp_path, made):
    path = tmp_path / made
    path.parent.mkdir(exist_ok=True)
    path.touch()
    said = folkmoot("init", *(["place"] if made == "place" else []))
    assert (said.code, "cannot be written" in said.err) == (2, True)


def test_init_reads_a_gitignore_in_any_encoding_and_quotes_a_folder(folkmoot, tmp_path):
    (tmp_path / "my place").mkdir()
    (tmp_path / "my place" / ".gitignore").write_bytes(b"gr\xfc\n")
    said = folkmoot("init", "my place")
    assert (said.code, "cd 'my place'" in said.out) == (0, True)
    assert (tmp_path / "my place" / ".gitignore").read_bytes() == b"gr\xfc\n.folkmoot/\n"
