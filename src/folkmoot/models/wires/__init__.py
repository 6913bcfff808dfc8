"""Wires: the providers' protocols, through pydantic-ai's model classes and nothing else of it.

`wire` is the Model; `conversation` translates messages, `faults` reads failures, `endpoint` finds
address and key, `settings` says what an agent may set. `openai`, `anthropic` and `bedrock` make the
clients; each imports its library (seconds) and is itself imported by the registry at first use.
"""
