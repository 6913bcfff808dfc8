import pytest

from folkmoot.tools.docstring import parse


def test_no_docstring_says_nothing():
    assert (parse(None).text, parse(None).args) == ("", {})


def test_arguments_with_and_without_types_and_over_lines():
    doc = parse(
        """Do it.

        Args:
            a: First: with a colon.
            b (list[int], optional): Second,
                over two lines.
            *rest: Others.

        Returns:
            What came of it.

        Raises:
            ValueError: Never shown.
        """
    )
    assert doc.text == "Do it.\n\nReturns: What came of it."
    assert doc.args == {
        "a": "First: with a colon.",
        "b": "Second, over two lines.",
        "rest": "Others.",
    }


@pytest.mark.parametrize("title", ["Arguments", "Parameters", "Params", "args"])
def test_other_names_of_the_section(title):
    assert parse(f"Do.\n\n{title}:\n    x: It.").args == {"x": "It."}


def test_a_line_that_only_looks_like_a_section_stays_text():
    assert parse("Note this:\nit works:\n    yes.").text == "Note this:\nit works:\n    yes."
