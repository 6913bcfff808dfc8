import inspect
import re

import pytest

from folkmoot.core import errors
from folkmoot.core.errors import FolkmootError, ModelFault, RateLimited

ALL = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, FolkmootError)
]
RETRYABLE = {"RateLimited", "Overloaded", "ModelTimeout", "ModelUnreachable", "ReplyGarbled"}
each = pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)


@each
def test_an_error_says_what_happened_without_being_told(error):
    fault = error()
    assert fault.message == inspect.cleandoc(error.__doc__).splitlines()[0]
    assert fault.message.endswith((".", ")."))
    assert str(fault).startswith(fault.message)


@each
def test_an_error_says_all_three_parts(error):
    fault = error("It broke.", kept="All of it.", todo="Mend it.", run="r1")
    assert str(fault) == "It broke. Kept: All of it. To do: Mend it."
    assert (fault.message, fault.kept, fault.todo) == ("It broke.", "All of it.", "Mend it.")
    assert fault.details == {"run": "r1"}


@each
def test_what_to_do_has_a_default_that_can_be_replaced(error):
    assert error().todo == error.todo_default
    assert error(todo="Something else.").todo == "Something else."
    if error.todo_default:
        assert str(error()).endswith(f" To do: {error.todo_default}")


@each
def test_an_error_has_a_code_of_its_own(error):
    assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", error.code)
    assert "code" in vars(error), f"{error.__name__} would share its parent's code"


def test_no_two_errors_share_a_code():
    codes = [error.code for error in ALL]
    assert sorted(codes) == sorted(set(codes))


@each
def test_the_tree_in_the_docstring_shows_every_error_below_its_parent(error):
    tree = errors.__doc__.split("\n\n")[1].splitlines()
    place = next(n for n, line in enumerate(tree) if re.search(rf"\b{error.__name__}\b", line))
    if error is FolkmootError:
        return
    deep = re.search(r"\w", tree[place]).start()
    above = next(line for line in reversed(tree[:place]) if re.search(r"\w", line).start() < deep)
    assert re.search(r"\w+", above)[0] == error.__bases__[0].__name__


def test_the_tree_in_the_docstring_shows_nothing_else():
    tree = errors.__doc__.split("\n\n")[1]
    drawn = set(re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)*\b", re.sub(r" {3}[a-z(].*", "", tree)))
    assert drawn == {error.__name__ for error in ALL}


def test_which_faults_of_a_model_may_be_tried_again():
    faults = {error.__name__ for error in ALL if issubclass(error, ModelFault) and error.retryable}
    assert faults == RETRYABLE


@pytest.mark.parametrize(("given", "seconds"), [(None, None), (7, 7.0), ("2.5", 2.5), (0, 0.0)])
def test_a_provider_may_say_when_to_come_back(given, seconds):
    assert RateLimited(retry_after=given).retry_after == seconds
    assert RateLimited().retry_after is None
