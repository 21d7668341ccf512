#!/usr/bin/env bash
# The kernel's tests under AddressSanitizer and UndefinedBehaviorSanitizer, in a copy of the tree (the
# build would replace the kernel in use). Usage: tools/sanitize.sh BIN [PYTEST ARGUMENTS]
# SANITIZE_TESTS chooses the tests; those that import torch are left out, and those in the Lava runtime, whose
# processes are timed.
set -euo pipefail
bin=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")/.."
tests=${SANITIZE_TESTS:-tests/simulators}
cc=${CC:-gcc}

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
if [ -e .git ]; then tools/copy_tree.sh "$copy"; else cp -R . "$copy"; fi
cd "$copy"

echo "sanitize: building the kernel"
# -O3 and forced inlining under both sanitizers would take gcc minutes a file
sed -i 's/"-O3"/"-O1"/' simulators/csrc/build_kernel.py
grep -q '"-O1"' simulators/csrc/build_kernel.py
export NEUROCHAIN_REQUIRE_KERNEL=1
CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -DNC_SMALL" \
    "$bin/python" setup.py --quiet build_ext --inplace --force
"$bin/python" tools/typetree.py

# .typetree comes before the editable install, and PYTHONSAFEPATH keeps the current folder (whose
# neurochain/ lacks the other three) off the path. pytest and xdist swallow the sanitizer's message, so
# it goes to a file; PYTHONMALLOC=malloc puts Python's own buffers under watch as well.
run() {
    LD_PRELOAD="$($cc -print-file-name=libasan.so) $($cc -print-file-name=libubsan.so)" \
        ASAN_OPTIONS="detect_leaks=0:abort_on_error=0:log_path=$copy/sanitizer" \
        UBSAN_OPTIONS="print_stacktrace=1:log_path=$copy/sanitizer" \
        PYTHONMALLOC=malloc PYTHONSAFEPATH=1 PYTHONPATH="$copy/.typetree" "$@"
}
loaded=$(run "$bin/python" -c 'import neurochain.simulators._kernel as kernel; print(kernel.__file__)')
case $loaded in
    "$copy"/*) ;;
    *) echo "sanitize: the tests would load $loaded, not the sanitized copy" >&2; exit 1 ;;
esac
echo "sanitize: $tests"
status=0
run "$bin/pytest" -q -n "${JOBS:-2}" --ignore=tests/simulators/lava -p no:cacheprovider \
    -m "not torch and not judge" $tests "$@" || status=$?
if compgen -G "$copy/sanitizer.*" > /dev/null; then
    cat "$copy"/sanitizer.*
    exit 1
fi
exit $status
