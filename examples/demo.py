"""The road, end to end: compile a trained model, verify it, run real recordings, report.

    python examples/demo.py [FOLDER]

Runs the commands it prints, on the shipped N-MNIST model and the excerpt of real recordings under
examples/data, and leaves its files in FOLDER (out/demo by default).
"""

import sys
from contextlib import redirect_stdout
from pathlib import Path

from neurochain.cli import main as neurochain
from neurochain.models import find_model

HERE = Path(__file__).resolve().parent
RECORDINGS = HERE / "data" / "nmnist" / "nmnist-excerpt.zip"
MODEL = "nmnist-conv"


def shown(path: Path) -> str:
    """A path as short as it can be written here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def run(*args: str | Path, to: Path | None = None) -> None:
    """Print a command, run it, and end where it fails; its output goes to the file `to`."""
    words = [shown(a) if isinstance(a, Path) else a for a in args]
    print(f"\n$ neurochain {' '.join(words)}" + (f" > {shown(to)}" if to else ""), flush=True)
    try:
        if to is None:
            neurochain([str(a) for a in args])
        else:
            with to.open("w", encoding="utf-8") as stream, redirect_stdout(stream):
                neurochain([str(a) for a in args])
    except SystemExit as end:
        if end.code:
            raise


def main() -> None:
    """Every step is a command that works the same in a terminal."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out/demo").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = find_model(MODEL).checkpoint
    artefact, report = folder / "model.nchain", folder / "report.json"

    print("1. Compile the trained network, and compare every layer and step with PyTorch.")
    run("compile", checkpoint, "-o", artefact)
    print("\n2. Compare the two again, on real recordings.")
    run("verify", artefact, checkpoint, "--input", RECORDINGS, "--limit", "2")
    print("\n3. Run all recordings event by event: accuracy, and every operation counted.")
    run("evaluate", artefact, "--input", RECORDINGS, "--json", to=report)
    run("report", report)
    print("\n4. The same as documents.")
    run("report", report, "--markdown", "-o", folder / "report.md")
    run("report", report, "--html", "-o", folder / "report.html")
    print(f"\nDone. The report lies in {shown(folder)}: report.json, report.md, report.html.")


if __name__ == "__main__":
    main()
