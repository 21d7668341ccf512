#!/usr/bin/env bash
# Copy the tracked and the new files of this checkout (not the ignored ones) to a folder. Usage: tools/copy_tree.sh DEST
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "$1"
git ls-files --cached --others --exclude-standard -z |
    while IFS= read -r -d '' file; do [ -e "$file" ] && printf '%s\0' "$file"; done |
    tar --null --no-recursion --files-from=- --create --file=- | tar --extract --file=- -C "$1"
