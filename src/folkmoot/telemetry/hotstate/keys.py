"""The names in Redis, those that the governance source documents, and how long they stay.

    agent:<agent>:state              string, JSON: what the agent did last, and for which run
    agent:<agent>:errors             hash: code -> how often, and `total`
    agent:<agent>:packet             string, JSON: what that run was asked, and within which bounds
    blackboard:<run>:progress        hash: agent -> JSON: how far the run is
    metrics:<run>                    hash: what the run has used

`<agent>` is the agent's name: all its runs share it, and the last word counts. `<run>` is a run's id:
the task of the source is a run here. A prefix (`?prefix=` in the URL) goes in front of each.

Every key has an end. Keys of a run that ended go `keep_s` after its end. What is open goes a day after
the last word about it (later, if `keep_s` is longer): a run that waits for a person is seen for a day.
"""

_DAY_S = 86_400


class Keys:
    """Names under a prefix."""

    def __init__(self, prefix: str = "", keep_s: float = 3600.0) -> None:
        """Begin all names with `prefix`; keep what has ended for `keep_s` seconds."""
        self._prefix = prefix
        self.ended_s = max(round(keep_s), 1)
        self.open_s = max(self.ended_s, _DAY_S)

    def agent(self, name: str, part: str) -> str:
        """Return the key of an agent's `state`, `errors` or `packet`."""
        return f"{self._prefix}agent:{name}:{part}"

    def blackboard(self, run: str, section: str) -> str:
        """Return the key of a section of a run's blackboard."""
        return f"{self._prefix}blackboard:{run}:{section}"

    def metrics(self, run: str) -> str:
        """Return the key of a run's numbers."""
        return f"{self._prefix}metrics:{run}"
