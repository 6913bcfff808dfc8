import re

import pytest

from folkmoot.core.agent import ModelChoice
from folkmoot.core.spend import Price, Usage
from folkmoot.models import prices
from folkmoot.models.prices import price_of


def cost(provider: str, name: str, **more) -> Price | None:
    return price_of(ModelChoice(provider=provider, name=name, **more))


@pytest.mark.parametrize(
    ("provider", "name", "usd_in", "usd_out"),
    [
        ("anthropic", "claude-opus-4-5", 5, 25),
        ("anthropic", "claude-sonnet-4", 3, 15),
        ("anthropic", "claude-sonnet-4-5-20250929", 3, 15),
        ("anthropic", "claude-3-haiku-20240307", 0.25, 1.25),
        ("openai", "gpt-4-turbo", 10, 30),
        ("openai", "gpt-4o", 2.5, 10),
        ("openai", "gpt-4o-2024-08-06", 2.5, 10),
        ("openai", "gpt-4o-2024-05-13", 5, 15),
        ("openai-responses", "gpt-4o-mini", 0.15, 0.6),
        ("openrouter", "anthropic/claude-sonnet-4", 3, 15),
        ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", 3.3, 16.5),
        ("bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", 3.3, 16.5),
        ("bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", 3, 15),
        ("bedrock", "amazon.nova-lite-v1:0", 0.06, 0.24),
    ],
)
def test_well_known_models_have_a_price_with_and_without_their_date(
    provider, name, usd_in, usd_out
):
    price = cost(provider, name)
    assert price is not None
    assert (price.input, price.output) == (round(usd_in * 1000), round(usd_out * 1000))


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("openai", "gpt-4ox"),
        ("openai", "my-gpt-4o"),
        ("openai", "ft:gpt-4o-2024-08-06:acme::abc"),
        ("openai", "claude-opus-4-5"),
        ("openrouter", "anthropic/claude-sonnet-4:free"),
        ("bedrock", "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("ollama", "gpt-oss:120b-cloud"),
        ("somebody", "gpt-4o"),
    ],
)
def test_a_model_that_is_not_in_the_table_has_no_price(provider, name):
    assert cost(provider, name) is None


def test_a_service_at_another_address_has_prices_that_nobody_here_knows():
    assert cost("openai", "gpt-4o", base_url="http://vllm:8000/v1") is None
    assert cost("openai", "gpt-4o", base_url="https://api.openai.com.evil.example/v1") is None
    assert cost("openai", "gpt-4o", base_url="https://api.openai.com/v1") is not None
    assert cost("bedrock", "amazon.nova-lite-v1:0", base_url="https://vpce-1.amazonaws.com")
    assert cost("openai", "gpt-4o", base_url="http://proxy/v1", options={"transparent": True})


def test_the_agent_file_wins_and_offline_models_are_free():
    own = Price(1, 2)
    assert cost("openai", "gpt-4o", price=own) is own
    assert cost("scripted", "x", price=own) is own
    for provider in ("scripted", "keywords", "ollama"):
        assert cost(provider, "x") == Price()
    assert cost("ollama", "x", base_url="https://ollama.com/v1") is None


def test_the_model_that_answered_counts_if_it_is_known():
    choice = ModelChoice(provider="openai", name="gpt-4o")
    mini, same = price_of(choice, "gpt-4o-mini-2024-07-18"), price_of(choice, "an-alias")
    assert (mini.input, same.input) == (150, 2500)


def test_a_long_prompt_costs_what_the_provider_asks_for_one():
    choice = ModelChoice(provider="anthropic", name="claude-sonnet-4-5")
    assert price_of(choice, prompt=200_000).input == 3000
    assert price_of(choice, prompt=200_001).of(Usage(200_001, 1000)) == 200_001 * 6000 + 22_500_000


def test_the_whole_table_is_sound():
    table = prices._table()
    assert re.fullmatch(r"2\d{3}-\d\d-\d\d", prices.as_of())
    for provider, rows in table.items():
        if provider == "as_of":
            continue
        for name, row in rows.items():
            for part in (row, row.get("long", row)):
                price = prices._price(part, 0)
                assert 0 < price.input <= 200_000, name
                assert 0 < price.output <= 700_000, name
                assert (price.cache_read or 0) <= price.input, name
                assert set(part) <= {
                    "input", "output", "cache_read", "cache_write", "long", "above",
                }  # fmt: skip


def test_parts_of_a_nano_dollar_are_rounded_up():
    assert prices._nanos(prices.Decimal("0.0875")) == 88
