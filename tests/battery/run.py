"""Judge networks of the battery from the command line: python tests/battery/run.py [NAME PART ...]"""

import sys
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import torch
from judge import Outcome, judge
from networks import all_networks, missing


def run(parts: list[str]) -> dict[str, Outcome]:
    """Outcomes of the networks whose names hold one of `parts` (all without)."""
    torch.set_num_threads(1)
    outcomes = {}
    for name, (make, needs) in all_networks().items():
        if missing(needs) or (parts and not any(part in name for part in parts)):
            continue
        start = time.perf_counter()
        try:
            outcome = outcomes[name] = judge(make)
        except Exception:
            print("INVALID", name, traceback.format_exc()[-900:], flush=True)
            continue
        took = time.perf_counter() - start
        print(f"{outcome.status:9} {took:5.2f} s  {name}  {outcome.text[:230]}", flush=True)
    return outcomes


if __name__ == "__main__":
    found = run(sys.argv[1:])
    print(dict(Counter(o.status for o in found.values())), len(found))
