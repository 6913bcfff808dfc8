import pytest
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.core.errors import Invalid
from folkmoot.core.grants import Grant, parse
from folkmoot.tools.templates import compile_template


def needs(text, args, names=("to", "name", "folder")):
    template = compile_template(text, names, ordinary=False)
    return [need.grant for need in template.needs(args)]


def test_an_argument_becomes_the_resource():
    assert needs("mail:send:{to}", {"to": "a@example.com"}) == [
        Grant("mail", "send", "a@example.com")
    ]


def test_each_item_of_a_list_is_a_need_of_its_own():
    assert needs("mail:send:{to}", {"to": ["b", "a"]}) == [
        Grant("mail", "send", "a"),
        Grant("mail", "send", "b"),
    ]


def test_text_and_arguments_may_be_mixed():
    assert needs("disk:read:{folder}/x-{name}", {"folder": "a/b", "name": 7}) == [
        Grant("disk", "read", "a/b/x-7")
    ]


@pytest.mark.parametrize(
    "value", [None, {}, [], [None], "", "..", "a/../b", ".", "a//b", "/a", ["a", "../b"]]
)
def test_a_value_that_could_mean_anything_needs_the_widest_grant(value):
    assert Grant("mail", "send", None) in needs("mail:send:{to}", {"to": value})


def test_a_missing_value_needs_the_widest_grant():
    assert needs("mail:send:{to}", {}) == [Grant("mail", "send", None)]


def test_a_star_from_a_model_is_a_star_and_no_wildcard():
    (need,) = needs("mail:send:{to}", {"to": "*"})
    assert not parse("mail:send:a@example.com").covers(need)


@given(st.text(), st.text())
def test_no_value_reaches_past_the_folder_that_was_granted(name, folder):
    """Section 6.3, class 8: paths by segments."""
    granted = parse("disk:read:shared/**")
    for need in needs("disk:read:shared/{name}", {"name": name}):
        if granted.covers(need):
            assert need.resource is not None
            assert ".." not in need.resource.split("/")
            assert need.resource.startswith("shared/")


@pytest.mark.parametrize(
    "text",
    [
        "mail",
        "mail:send:{to.__class__}",
        "mail:send:{to!r}",
        "mail:send:{to:>9}",
        "mail:send:{0}",
        "mail:send:{}",
        "mail:send:{to",
        "mail:*:{to}",
        "*:send",
    ],
)
def test_templates_that_say_more_than_a_name_are_refused(text):
    with pytest.raises(Invalid):
        compile_template(text, ("to",), ordinary=False)
