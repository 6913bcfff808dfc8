from textwrap import dedent

import pytest

from folkmoot.core.agent import ModelChoice
from folkmoot.core.errors import (
    Invalid,
    ModelRejected,
    ModelUnknown,
    Overloaded,
    RateLimited,
    ReplyGarbled,
)
from folkmoot.core.messages import Answered, Returned, Said, ToolCall, rough_tokens
from folkmoot.core.spend import Usage
from folkmoot.models.scripted import Scripted
from folkmoot.ports.model import Answer, Request

CHOICE = ModelChoice(provider="scripted", name="demo")


def model(tmp_path, script: str) -> Scripted:
    path = tmp_path / "script.yaml"
    path.write_text(dedent(script), encoding="utf-8")
    return Scripted(
        ModelChoice(provider="scripted", name="demo", options={"script": str(path)}), {}
    )


def turns(*replies: dict) -> Scripted:
    return Scripted(
        ModelChoice(provider="scripted", name="demo", options={"turns": list(replies)}), {}
    )


def request(*messages, system: str = "", effect: str = "") -> Request:
    return Request(
        choice=CHOICE, system=system, messages=messages or [Said("Hello")], effect=effect
    )


def replied(answer: Answer, *results: str) -> list:
    """What a loop adds after a reply: the reply, and a result for each of its calls."""
    back = [Returned(c.id, c.name, text) for c, text in zip(answer.calls, results, strict=True)]
    return [Answered(answer.text, answer.calls), *back]


async def test_the_first_rule_that_fits_answers(tmp_path):
    scripted = model(
        tmp_path,
        """
        - when: {said: deploy}
          text: deploying
        - when: {turn: 0}
          text: first
        - text: otherwise
        """,
    )
    assert (await scripted.call(request(Said("please Deploy it")))).text == "deploying"
    assert (await scripted.call(request(Said("redeployment")))).text == "first"
    history = [Said("x"), Answered("first"), Said("y")]
    assert (await scripted.call(request(*history))).text == "otherwise"


async def test_words_are_matched_whole(tmp_path):
    scripted = model(tmp_path, "[{when: {said: [hi, good day]}, text: greeted}, {text: other}]")
    for text, expected in {
        "hi": "greeted",
        "Hi!": "greeted",
        "say hi, please": "greeted",
        "Good  day to you": "greeted",
        "this": "other",
        "which": "other",
        "goodday": "other",
        "chi": "other",
    }.items():
        assert (await scripted.call(request(Said(text)))).text == expected, text


async def test_conditions_look_at_system_patterns_and_results(tmp_path):
    scripted = model(
        tmp_path,
        r"""
        - when: {system: summary}
          text: summed up
        - when: {result: [read, grep], failed: true}
          text: could not read
        - when: {result: read, result_matches: "^# "}
          text: a heading
        - when: {matches: "^run (\\d+)$"}
          text: ran
        - text: nothing
        """,
    )
    call = ToolCall("c1", "read", {"path": "a"})
    asked = [Said("go"), Answered("", (call,))]

    async def says(*messages, system=""):
        return (await scripted.call(request(*messages, system=system))).text

    assert await says(Said("go"), system="Write a summary.") == "summed up"
    assert await says(*asked, Returned("c1", "read", "gone", error=True)) == "could not read"
    assert await says(*asked, Returned("c1", "read", "# Title")) == "a heading"
    assert await says(*asked, Returned("c1", "read", "plain")) == "nothing"
    assert await says(Said("run 12")) == "ran"
    older = [*asked, Returned("c1", "read", "# Title"), Answered("seen"), Said("and?")]
    assert await says(*older) == "nothing"


async def test_an_agent_can_look_read_in_parallel_and_report_what_it_really_found(tmp_path):
    scripted = model(
        tmp_path,
        """
        rules:
          - when: {turn: 0}
            text: "I look for files about {{ input | lower }}."
            calls: [{tool: glob, args: {pattern: "**/*.md", limit: 10}}]
          - when: {result: glob}
            calls:
              - {tool: read, each: "(last.text | lines)[:3]", args: {path: "{{ item }}", nr: "{{ index + 1 }}"}}
          - when: {result: read}
            calls:
              - tool: write
                args:
                  path: report.md
                  text: |
                    # {{ new | length }} files
                    {% for r in new %}
                    - {{ r.args.path }}: {{ r.text | lines | length }} lines, {{ r.text | length }} characters
                    {% endfor %}
          - text: "The report has {{ (results | selectattr('name', 'eq', 'read') | list | length) }} files."
        """,
    )
    history: list = [Said("Harbours")]
    first = await scripted.call(request(*history))
    assert first.text == "I look for files about harbours."
    assert first.calls[0].args == {"pattern": "**/*.md", "limit": 10}
    history += replied(first, "a.md\nb.md\n\nc.md\nd.md")

    second = await scripted.call(request(*history))
    assert [c.args for c in second.calls] == [
        {"path": "a.md", "nr": 1}, {"path": "b.md", "nr": 2}, {"path": "c.md", "nr": 3},
    ]  # fmt: skip
    assert len({c.id for c in second.calls}) == 3
    assert second.finish == "tools"
    history += replied(second, "one\ntwo\n", "", "three")

    third = await scripted.call(request(*history))
    assert third.calls[0].args["text"] == (
        "# 3 files\n- a.md: 2 lines, 8 characters\n- b.md: 0 lines, 0 characters\n"
        "- c.md: 1 lines, 5 characters\n"
    )
    history += replied(third, "written")
    assert (await scripted.call(request(*history))).text == "The report has 3 files."


async def test_the_reply_depends_on_the_conversation_and_on_nothing_before_it(tmp_path):
    script = "[{when: {turn: 0}, text: 'a {{ said }}'}, {text: 'b {{ turn }}'}]"
    one, two = model(tmp_path, script), model(tmp_path, script)
    history = [Said("x"), Answered("a x"), Said("y")]
    for _ in range(3):
        await one.call(request(Said("noise")))
    assert await one.call(request(*history)) == await two.call(request(*history))


async def test_braces_in_a_tool_result_are_never_rendered():
    scripted = turns(
        {"calls": [{"tool": "read", "args": {}}]}, {"text": "It says: {{ last.text }}"}
    )
    first = await scripted.call(request())
    history = [Said("Hello"), *replied(first, "{{ 7 * 7 }} {% raw %}")]
    assert (await scripted.call(request(*history))).text == "It says: {{ 7 * 7 }} {% raw %}"


@pytest.mark.parametrize(
    "template",
    [
        "{{ nobody }}",
        "{{ last.text.nothing.more }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ 1 / 0 }}",
        "x{{ nobody }}y",
    ],
)
async def test_a_template_that_fails_is_a_rejected_request_that_names_it(template):
    with pytest.raises(ModelRejected, match=r"template|expression"):
        await turns({"text": template}).call(request())


async def test_each_wants_a_list():
    scripted = turns({"calls": [{"tool": "read", "each": "'abc'", "args": {"p": "{{ item }}"}}]})
    with pytest.raises(ModelRejected, match="must give a list"):
        await scripted.call(request())


async def test_each_takes_what_a_filter_gives_and_makes_no_call_of_an_empty_list():
    scripted = turns({
        "text": "none",
        "calls": [{"tool": "t", "each": "results | map(attribute='text')", "args": {"a": 1}}],
    })  # fmt: skip
    answer = await scripted.call(request())
    assert (answer.calls, answer.finish) == ((), "stop")


async def test_a_fault_happens_as_often_as_it_is_told_and_then_the_turn_goes_on():
    scripted = turns({"fault": "rate_limit", "times": 2, "retry_after": 1.5, "text": "at last"})
    for _ in range(2):
        with pytest.raises(RateLimited) as caught:
            await scripted.call(request(effect="run_1/2/m1"))
        assert caught.value.retry_after == 1.5
    assert (await scripted.call(request(effect="run_1/9/m3"))).text == "at last"
    with pytest.raises(RateLimited):
        await scripted.call(request(effect="run_2/2/m1"))


async def test_a_fault_without_times_happens_always_and_attempts_can_be_told_apart(tmp_path):
    scripted = model(
        tmp_path,
        """
        - when: {attempt: 1}
          fault: garbled
        - when: {said: never}
          fault: overloaded
        - text: fine
        """,
    )
    with pytest.raises(ReplyGarbled):
        await scripted.call(request(effect="r/1/a"))
    assert (await scripted.call(request(effect="r/3/b"))).text == "fine"
    for _ in range(3):
        with pytest.raises((Overloaded, ReplyGarbled)):
            await scripted.call(request(Said("never"), effect="q/1/a"))


async def test_a_fault_rule_that_is_used_up_lets_the_next_rule_answer(tmp_path):
    scripted = model(tmp_path, "[{fault: overloaded, times: 1}, {text: recovered}]")
    with pytest.raises(Overloaded):
        await scripted.call(request(effect="r/1/a"))
    assert (await scripted.call(request(effect="r/2/a"))).text == "recovered"


async def test_a_cut_stream_shows_half_and_gives_no_reply():
    pieces: list[str] = []
    with pytest.raises(ReplyGarbled):
        await turns({"fault": "cut", "text": "one two three four"}).call(request(), pieces.append)
    assert "".join(pieces) == "one two "


async def test_the_memory_of_attempts_is_bounded():
    scripted = turns({"fault": "overloaded", "times": 1, "text": "ok"})
    for number in range(5000):
        with pytest.raises(Overloaded):
            await scripted.call(request(effect=f"run_{number}/1/a"))
    assert len(scripted._asked) <= 4096


async def test_usage_is_counted_by_the_fixed_rule():
    call = {"tool": "read", "args": {"path": "a.md"}}
    answer = await turns({"text": "Reading.", "calls": [call]}).call(
        request(Said("Read it."), system="You read files." * 4)
    )
    reply = Answered("Reading.", answer.calls)
    assert answer.usage == Usage(15 + rough_tokens(Said("Read it.")), rough_tokens(reply))


async def test_usage_in_the_script_wins():
    usage = {"input": 100, "output": 20, "cache_read": 60, "cache_write": 5}
    assert (await turns({"text": "x", "usage": usage}).call(request())).usage == Usage(
        100, 20, 60, 5
    )


async def test_text_is_streamed_in_pieces_that_add_up():
    pieces: list[str] = []
    answer = await turns({"text": " Two  words\nand more "}).call(request(), pieces.append)
    assert "".join(pieces) == answer.text == " Two  words\nand more "
    assert len(pieces) == 4


async def test_a_turn_that_nobody_wrote_is_rejected_with_what_was_asked():
    scripted = turns({"text": "only once"})
    with pytest.raises(ModelRejected, match="turn 1"):
        await scripted.call(request(Said("a"), Answered("only once"), Said("b")))


async def test_functions_are_scripts_too():
    def plain(asked: Request) -> str:
        return f"{len(asked.messages)} messages"

    async def slow(_: Request) -> Answer:
        return Answer(text="later", usage=Usage(1, 2), model="slow-1")

    scripts = {"plain": plain, "slow": slow}
    one = await Scripted(ModelChoice(provider="scripted", name="plain"), scripts).call(request())
    two = await Scripted(ModelChoice(provider="scripted", name="slow"), scripts).call(request())
    assert (one.text, one.model) == ("1 messages", "plain")
    assert one.usage.output > 0
    assert (two.text, two.usage, two.model) == ("later", Usage(1, 2), "slow-1")


async def test_an_answer_of_a_function_without_usage_is_counted():
    scripts = {"f": lambda _: Answer(text="uncounted")}
    answer = await Scripted(ModelChoice(provider="scripted", name="f"), scripts).call(request())
    assert answer.usage.output == rough_tokens(Answered("uncounted"))


def test_a_name_without_a_script_is_unknown():
    with pytest.raises(ModelUnknown, match="Registered functions: one, two"):
        Scripted(CHOICE, {"two": lambda _: "", "one": lambda _: ""})


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("[]", "length >= 1"),
        ("text: loose", "Expected `array`"),
        ("[{txt: typo}]", "unknown field `txt` - at `$[0]`"),
        ("[{text: a}, {text: b, when: {trun: 1}}]", r"`trun` - at `$[1].when`"),
        ("[{calls: [{args: {}}]}]", "`tool` - at `$[0].calls[0]`"),
        ("[{fault: explode}]", "explode"),
        ("[{text: '{{ unclosed'}]", "not a template"),
        ("[{when: {matches: '('}, text: x}]", "unterminated"),
        ("[unclosed", "cannot be read"),
        ("[{text: !!python/object:os.system x}]", "cannot be read"),
    ],
)
def test_a_mistake_in_a_script_is_told_where_it_is(tmp_path, script, told):
    with pytest.raises(Invalid) as caught:
        model(tmp_path, script)
    assert told in str(caught.value)
    assert "script.yaml" in str(caught.value)


def test_a_script_that_is_not_there_is_told_by_its_path(tmp_path):
    options = {"script": str(tmp_path / "gone.yaml")}
    with pytest.raises(Invalid, match=r"gone\.yaml"):
        Scripted(ModelChoice(provider="scripted", name="x", options=options), {})


def test_an_unknown_option_is_refused():
    choice = ModelChoice(provider="scripted", name="x", options={"scripts": "x.yaml"})
    with pytest.raises(Invalid, match="scripts"):
        Scripted(choice, {})
