"""The store in memory: for tests and for trying things out. It forgets everything when it goes.

It keeps every promise of ports/store.py but durability, so what works on it works on the others.
A set is judged whole (judge.py) before any of it is done (doing.py): runs as they stood before the
set, money and journal numbers in the set's own order. Both together are one step of the event loop,
so sets cannot mix, and their order is the order in which they were started.
"""
