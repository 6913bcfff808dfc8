"""Shipped for tests: contract suites that every adapter passes, and honest stand-ins."""
