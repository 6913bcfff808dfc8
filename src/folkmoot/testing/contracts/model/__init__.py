"""What every model owes (ports/model.py).

Subclass `ModelContract` and give the fixture `bench`: a model, and a way to say what its provider
answers. What an adapter cannot do, or what its provider's fake cannot play, is declared in `gaps`;
a test that needs it is skipped by that name, and nothing else is.

    calls        tool calls
    raw          arguments that are not a JSON object
    thoughts     reasoning that goes back to its maker
    cached       tokens read from a cache
    uncounted    replies without a count of tokens
    length       replies that a limit ended
    filtered     replies that a filter of the provider ended
    wait         Retry-After
    late         an error inside a stream that began well
    garbage      unreadable replies
    empty        a reply without text
    cut          a broken connection
    polite       a stream that ends in order, before its reply does
    stall        a provider that does not answer
    cancel       a request that can be seen to end
    gone         an address where nobody listens
    keys         credentials
    whole        replies without a stream
    heard        looking at what was sent
"""

from folkmoot.testing.contracts.model.bench import Bench
from folkmoot.testing.contracts.model.calls import Calls
from folkmoot.testing.contracts.model.ends import Ends
from folkmoot.testing.contracts.model.faults import Faults
from folkmoot.testing.contracts.model.replies import Replies

__all__ = ["Bench", "ModelContract"]


class ModelContract(Replies, Calls, Faults, Ends):
    """The suite. Modes: `whole` asks without a listener for text, `streamed` with one."""
