"""Shared by the tests of `verify A B`: the placed networks of the exporters' tests."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "exporters"))
