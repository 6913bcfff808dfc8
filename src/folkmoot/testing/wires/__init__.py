"""A small fake of the providers' wires: a real HTTP server on the loopback, scripted reply by reply.

`script` says what can be answered; `server` answers it; `openai_chat`, `openai_responses`,
`anthropic` and `bedrock` write it down as each provider would.
"""
