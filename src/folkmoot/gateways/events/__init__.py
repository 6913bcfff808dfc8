"""Events start runs: they are received and kept (inbox), then made into runs (reactions).

States of an event, for each subscription: in the exchange → a record `event` in the store (acked) → a run,
in one set with the record's end; or, after as many tries as the setting says, a record `dead` → retried or
dropped by a person.

Authority: the store. An event is acked only when it is kept. Its key, `<subscription>/<event id>`, is the
record's and then the run's in the inbox, so that an event that comes again is the same at any time. Each
try is written down before it begins, with the time at which it counts as lost: so a try is counted also
when it ends the process. Of several processes one gets a record, by its version; no leader is needed.

Clocks: tries are timed by the fleet's clock; a wrong one tries too early or too late, never twice at once.
"""

from folkmoot.gateways.events.inbox import Inbox
from folkmoot.gateways.events.parts import Outcome, Parts
from folkmoot.gateways.events.reactions import Reactions

__all__ = ["Inbox", "Outcome", "Parts", "Reactions"]
