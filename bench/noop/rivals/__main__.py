"""`python -m bench.noop.rivals NAME`: measures one of them. Its module is imported under its own name."""

import importlib
import sys


def main() -> None:
    name = sys.argv.pop(1)
    importlib.import_module(f"bench.noop.rivals.{name}").main()


if __name__ == "__main__":
    main()
