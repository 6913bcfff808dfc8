"""The HTTP API: what the desk offers, as JSON over HTTP under /v1.

FastAPI is imported by api.py and what it needs, uvicorn by server.py: whoever does not serve HTTP
imports neither.
"""
