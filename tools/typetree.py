"""Make `.typetree/`: symbolic links in the shape in which the package is installed.

The source folders lie side by side, but `exporters`, `simulators` and `models` are installed
inside `neurochain`. Tools that read files and run no import hooks (mypy, pyright, import-linter)
need to see that shape, or they check `neurochain/` alone and report success.
"""

import shutil
from pathlib import Path

INNER = ("exporters", "simulators", "models")
HIDDEN = ("__pycache__", ".")


def make_typetree(root: Path) -> Path:
    """Make the links anew under `root`/.typetree and return that folder."""
    tree = root / ".typetree"
    if tree.exists():
        shutil.rmtree(tree)  # old links may point to files that are gone
    package = tree / "neurochain"
    package.mkdir(parents=True)
    items = [p for p in (root / "neurochain").iterdir() if not p.name.startswith(HIDDEN)]
    for item in [*items, *(root / name for name in INNER)]:
        (package / item.name).symlink_to(Path("../..") / item.relative_to(root))
    return tree


if __name__ == "__main__":
    make_typetree(Path(__file__).resolve().parent.parent)
