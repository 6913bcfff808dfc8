"""The keywords model: answers without a key, a network or a model, from words in the last message.

The rules are asked in order; the first whose words stand in the text as whole words answers. A text
with Ukrainian letters is answered in Ukrainian. It never calls a tool. Usage is counted by the rough
rule of `counting`, and costs nothing.
"""

# ruff: noqa: RUF001 - Ukrainian words are written in Ukrainian letters
import re

import msgspec

from folkmoot.core.messages import Said
from folkmoot.models.counting import rough_usage
from folkmoot.models.words import pattern
from folkmoot.ports.model import Answer, Delta, Request


class _Rule(msgspec.Struct, frozen=True):
    asks: re.Pattern[str]
    english: str
    ukrainian: str


_RULES = (
    _Rule(
        pattern(("привіт", "вітаю", "hello", "hi")),
        "Hello. I answer from a short list of keywords; no language model is connected to me yet.",
        "Вітаю. Я відповідаю за коротким списком ключових слів; мовну модель ще не під'єднано.",
    ),
    _Rule(
        pattern(("допомож*", "допомога", "допомогу", "help", "helps", "helping")),
        "I can greet you, say what phase 2 is, and tell that I got a question. "
        "For real answers, give the agent a model: provider, name and a key.",
        "Я можу привітатися, розповісти про фазу 2 і підтвердити, що отримав запитання. "
        "Для справжніх відповідей вкажіть агентові модель: провайдера, назву та ключ.",
    ),
    _Rule(pattern(("дяку*", "thank", "thanks")), "You are welcome.", "Будь ласка."),
    _Rule(
        pattern(("phase 2", "фаза 2", "фазу 2", "фази 2")),
        "Phase 2 joins agents to a channel: a message is filtered, routed to an agent, answered by "
        "its model, and the answer is posted back.",
        "Фаза 2 під'єднує агентів до каналу: повідомлення фільтрується, передається агентові, "
        "його модель відповідає, і відповідь публікується в каналі.",
    ),
    _Rule(
        re.compile(r"\?"),
        "That is a question, and keywords alone cannot answer it. Connect a model to the agent.",
        "Це запитання, а самих лише ключових слів для відповіді замало. Під'єднайте модель.",
    ),
    _Rule(
        re.compile(""),
        "I have read your message. Say `help` to see what I understand.",
        "Я прочитав ваше повідомлення. Напишіть «допоможи», щоб побачити, що я розумію.",
    ),
)
_UKRAINIAN = re.compile("[а-щьюяєіїґ]", re.IGNORECASE)


class Keywords:
    """A Model that knows a few words."""

    def __init__(self, name: str = "keywords") -> None:
        """Answer under this name."""
        self._name = name

    async def call(self, request: Request, delta: Delta | None = None) -> Answer:
        """Answer the last message of a person."""
        said = next((m.text for m in reversed(request.messages) if isinstance(m, Said)), "")
        text = reply(said)
        if delta is not None:
            delta(text)
        return Answer(text=text, usage=rough_usage(request, text), model=self._name)

    async def close(self) -> None:
        """Nothing is held."""


def reply(said: str) -> str:
    """Return the answer to a text."""
    rule = next(rule for rule in _RULES if rule.asks.search(said))
    return rule.ukrainian if _UKRAINIAN.search(said) else rule.english
