"""The order in which the gate asks its policies.

Authority first (may the agent do this at all?), then what is left of its limits, then shared money,
then people: nobody is asked to approve what another rule refuses anyway. The first Deny counts, so
the order decides which reason is shown, never whether the answer is no.
"""

from folkmoot.policies.approval import Approvals
from folkmoot.policies.budget import Budgets
from folkmoot.policies.grants import Grants
from folkmoot.policies.limits import Limits
from folkmoot.ports.policy import Policy


def standard() -> tuple[Policy, ...]:
    """Return the standard policies, in order."""
    return (Grants(), Limits(), Budgets(), Approvals())
