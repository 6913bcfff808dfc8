"""A model without a price cannot be held to a sum of money: fail closed.

The gate writes an unknown price as a negative estimate.
"""

from typing import Final

from folkmoot.core.verdict import Act, Deny

CODE: Final = "UNPRICED_MODEL"


def refuse(policy: str, act: Act, bound: str) -> Deny | None:
    """Return Deny when what the act costs is unknown; `bound` names the field that sets a sum."""
    if act.estimate >= 0:
        return None
    reason = (
        f"{bound} is set, but the price of {act.name} is unknown, so it cannot be kept. "
        "Give the model a price in the agent file (price), or take the sum away."
    )
    return Deny(policy, reason, CODE, stop=True)
