import sys

import pytest

from folkmoot.core.agent import ModelChoice
from folkmoot.core.errors import Invalid, ModelUnknown
from folkmoot.core.messages import Said
from folkmoot.models.registry import Models
from folkmoot.ports.model import Answer, Request


class Plain:
    closed = 0

    async def call(self, request, delta=None):
        return Answer(text="plain")

    async def close(self):
        self.closed += 1


def made(models: Models, provider: str) -> list:
    seen: list = []

    def factory(choice, env):
        seen.append((choice, env, Plain()))
        return seen[-1][2]

    models.register(provider, factory)
    return seen


def choice(**more) -> ModelChoice:
    return ModelChoice(**({"provider": "own", "name": "m"} | more))


def test_an_unknown_provider_names_the_known_ones_and_how_to_get_more():
    with pytest.raises(ModelUnknown) as caught:
        Models({}).get(choice(provider="opnai"))
    text = str(caught.value)
    for known in ("anthropic", "bedrock", "keywords", "ollama", "openai", "openai-responses",
                  "openrouter", "scripted"):  # fmt: skip
        assert known in text
    assert "pip install 'folkmoot[openai]'" in text


def test_a_missing_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "folkmoot.models.wires.anthropic", None)
    with pytest.raises(ModelUnknown, match="not installed") as caught:
        Models({}).get(choice(provider="anthropic"))
    assert "pip install 'folkmoot[anthropic]'" in caught.value.todo


def test_a_factory_gets_the_choice_and_the_environment_that_was_given():
    env = {"KEY": "x"}
    models = Models(env)
    seen = made(models, "own")
    wanted = choice()
    models.get(wanted)
    assert seen[0][:2] == (wanted, env)


def test_one_model_for_one_connection():
    models = Models({})
    seen = made(models, "own")
    first = models.get(choice())
    assert models.get(choice()) is first
    assert models.get(choice(settings={"temperature": 1}, retries=9)) is first
    others = [
        choice(name="n"),
        choice(base_url="http://a/v1"),
        choice(api_key_env="B"),
        choice(options={"a": 1}),
        choice(timeout_s=1.0),
    ]
    assert len({id(models.get(other)) for other in (choice(), *others)}) == 6
    assert len(seen) == 6


def test_choices_that_come_and_go_never_get_each_others_model():
    models = Models({})
    made(models, "own")
    for number in range(3000):
        wanted = choice(name=f"m{number % 7}")
        assert models.get(wanted) is models.get(choice(name=f"m{number % 7}"))


async def test_closing_closes_every_model_once_and_can_be_repeated():
    models = Models({})
    seen = made(models, "own")
    models.get(choice())
    models.get(choice(name="n"))
    await models.close()
    await models.close()
    assert [model.closed for *_, model in seen] == [1, 1]


async def test_one_model_that_cannot_be_closed_does_not_keep_the_others_open():
    class Stuck(Plain):
        async def close(self):
            raise OSError("stuck")

    models = Models({})
    models.register("stuck", lambda *_: Stuck())
    seen = made(models, "own")
    models.get(choice(provider="stuck"))
    models.get(choice())
    with pytest.raises(OSError, match="stuck"):
        await models.close()
    assert seen[0][2].closed == 1


def test_names_are_taken_once():
    models = Models({})
    with pytest.raises(Invalid, match="openai"):
        models.register("openai", lambda *_: Plain())
    models.script("a", lambda _: "1")
    with pytest.raises(Invalid, match="'a'"):
        models.script("a", lambda _: "2")


async def test_a_registered_function_is_a_scripted_model():
    models = Models({})
    models.script("echo", lambda request: request.messages[-1].text)
    wanted = ModelChoice(provider="scripted", name="echo")
    await models.warm(wanted)
    answer = await models.get(wanted).call(
        Request(choice=wanted, system="", messages=[Said("Is anybody there?")])
    )
    assert answer.text == "Is anybody there?"


def test_offline_models_import_no_provider_library():
    models = Models({})
    models.get(ModelChoice(provider="keywords", name="k"))
    options = {"turns": [{"text": "constant"}]}
    models.get(ModelChoice(provider="scripted", name="s", options=options))
    assert "folkmoot.models.wires.wire" not in sys.modules
