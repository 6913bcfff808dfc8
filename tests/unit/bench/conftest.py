import sys
from pathlib import Path

# The benches are run from the repository root and are not installed.
ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)
