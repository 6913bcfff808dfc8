"""Rules that can never fit anything are told: they would deny nothing, and nobody would be asked."""

import pytest

from folkmoot.core.errors import Invalid
from folkmoot.core.grants import parse
from folkmoot.tools.files import paths
from folkmoot.tools.functions import tool
from folkmoot.tools.registry import builtin


@tool(effect="once", needs=("mail:send:{to}", "mail:read"))
def send_mail(to: str) -> str:
    """Send it."""
    return to


@pytest.fixture
def toolbox():
    box = builtin()
    box.add(send_mail)
    return box


@pytest.mark.parametrize(
    "rule",
    [
        "files:write", "files:read:docs/**", "files:write:**", "files:read:/etc/**", "files:*:secrets",
        "files:write:a*/b", "shell:run", "shell:network", "http:get:example.com/**", "http:delete",
        "http:private:10.0.0.1", "http:get:*.example.com:8080/a/", "http:get:**", "model:call",
        "mail:send:ann@**", "mail:*", "*:*", "*:read:x/", "tool:SendMail",
    ],
)  # fmt: skip
def test_what_can_fit_is_taken(toolbox, rule):
    toolbox.services.check(rule)


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        ("file:write:secret/**", "'files'"),
        ("shel:run", "'shell'"),
        ("mails:send", "'mail'"),
        ("github:read", "There are: files, http, mail, model, shell"),
        ("files:wirte:secret/**", "'write'"),
        ("files:delete", "There are: read, write"),
        ("shell:execute", "There are: network, run"),
        ("http:fetch:example.com", "There are: delete, get"),
        ("mail:sent:x", "'send'"),
        ("files:write:secrets/", "'files:write:secrets/**'"),
        ("files:write:./secrets/**", "'files:write:secrets/**'"),
        ("http:get:EXAMPLE.com/Docs/**", "'http:get:example.com/Docs/**'"),
        ("http:get:https://example.com/**", "'http:get:example.com/**'"),
    ],
)
def test_what_can_never_fit_is_refused_with_what_would(toolbox, rule, hint):
    with pytest.raises(Invalid, match="can never fit") as refused:
        toolbox.services.check(rule)
    assert hint in refused.value.todo


def test_where_a_tool_does_not_say_what_it_asks_for_only_slips_are_refused(toolbox):
    toolbox.register("github", lambda _agent, _options: ())
    toolbox.services.check("github:read")
    for slip in ("file:write", "shel:run", "files:wirte"):
        with pytest.raises(Invalid, match="can never fit"):
            toolbox.services.check(slip)


@pytest.mark.parametrize("pattern", ["secrets/", "./secrets", "././a/", "a/b//"])
def test_the_form_that_is_proposed_fits_what_was_meant(pattern):
    meant = paths.normal(pattern.replace("/", "/", 1)) + ("/x" if pattern.endswith("/") else "")
    rule = parse(f"files:write:{paths.form(pattern)}")
    assert rule.covers(paths.need("write", meant).grant)
    assert paths.form(paths.form(pattern)) == paths.form(pattern)
