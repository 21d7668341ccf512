"""Networks are drawn at random as for the engines and the mapper."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
for folder in ("simulators", "mapping"):
    if str(TESTS / folder) not in sys.path:
        sys.path.append(str(TESTS / folder))
