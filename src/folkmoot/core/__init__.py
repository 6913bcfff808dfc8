"""The words: frozen data and pure functions. No I/O, no asyncio, no clock is read here."""
