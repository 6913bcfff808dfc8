"""Models: the adapters behind ports/model.py.

`registry` finds a model for a choice; `scripted` and `keywords` need no provider; `wires/` holds the
providers, each imported only when an agent uses it; `prices` is the local price table.
"""
