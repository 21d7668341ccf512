"""Judge networks of the battery from the command line.

    python tests/battery/run.py [NAME PART ...] [--todo FILE]

--todo writes what is neither exact nor refused by the list, most common cause first.
"""

import re
import sys
import time
import traceback
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import torch
from judge import Outcome, judge
from networks import all_networks, missing


def run(parts: list[str], show: bool = True) -> dict[str, Outcome]:
    """Outcomes of the networks whose names hold one of `parts` (all without)."""
    torch.set_num_threads(1)
    outcomes = {}
    for name, (make, needs) in all_networks().items():
        if missing(needs) or (parts and not any(part in name for part in parts)):
            continue
        start = time.perf_counter()
        try:
            outcome = judge(make)
        except Exception:
            last = traceback.format_exc().splitlines()[-1]
            outcome = Outcome(status="invalid", constructs=(), text=f"the case fails: {last}")
        outcomes[name] = outcome
        took = time.perf_counter() - start
        if show:
            print(f"{outcome.status:9} {took:5.2f} s  {name}  {outcome.text[:300]}", flush=True)
    return outcomes


def todo(outcomes: dict[str, Outcome]) -> str:
    """What does not work yet, by cause."""
    causes = defaultdict(list)
    for name, outcome in outcomes.items():
        if outcome.status not in ("exact", "refused"):
            causes[_cause(outcome)].append((name, outcome))
    counts = Counter(o.status for o in outcomes.values())
    lines = [f"# What the battery does not see yet: {dict(counts)} of {len(outcomes)}", ""]
    for cause, found in sorted(causes.items(), key=lambda item: -len(item[1])):
        lines += [f"## {len(found)} x {cause}", ""]
        for name, outcome in found:
            lines.append(f"- `{name}` [{', '.join(outcome.constructs)}]: {outcome.text[:300]}")
        lines.append("")
    return "\n".join(lines)


def _cause(outcome: Outcome) -> str:
    if outcome.status != "unlisted":
        return outcome.status
    text = outcome.text
    call = re.match(r"(\w+)\(\) in ", text)
    if call:
        return f"function {call.group(1)}()"
    kind = re.search(r"\((?:\w+\.)*(\w+)\): \1 ?\w* (?:is|are) not supported", text)
    if kind:
        return f"module {kind.group(1)}"
    return re.sub(r"\d+", "#", text.split(": ", 1)[-1])[:60]


if __name__ == "__main__":
    arguments = sys.argv[1:]
    target = None
    if "--todo" in arguments:
        place = arguments.index("--todo")
        target = Path(arguments[place + 1])
        del arguments[place : place + 2]
    judged = run(arguments, show=target is None)
    if target is not None:
        target.write_text(todo(judged), encoding="utf-8")
    print(dict(Counter(o.status for o in judged.values())), len(judged))
