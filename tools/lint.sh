#!/usr/bin/env bash
# All of the linters, each run even where one before it failed. Usage: tools/lint.sh BIN (the venv's bin folder).
set -uo pipefail
bin=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
status=0
step() {
    "$@" || { status=1; echo "lint: FAILED: ${*##*/}"; }
}
in_typetree() { # the root would show import-linter only neurochain/
    "$bin/python" tools/typetree.py && cd .typetree &&
        PYTHONPATH=. "$bin/lint-imports" --no-cache --config ../pyproject.toml
}
step "$bin/ruff" format --check --quiet --diff .
step "$bin/ruff" check --output-format concise .
step "$bin/codespell"
step "$bin/python" tools/file_sizes.py
(in_typetree) || { status=1; echo "lint: FAILED: import order"; }
exit $status
