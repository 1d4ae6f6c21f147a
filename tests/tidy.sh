#!/bin/sh
# clang-tidy finds nothing in the program and the benchmarks, and a planted mistake is
# noticed. Checks, and those that are switched off with the reason: .clang-tidy. Skipped
# (77) where clang-tidy is missing.
# usage: tidy.sh ROOT BUILD [FILE...]
# FILE: as git names it; without, all files that BUILD compiles
set -eu
command -v clang-tidy >/dev/null || { echo "skipped: no clang-tidy"; exit 77; }
root=$(cd "$1" && pwd) build=$(cd "$2" && pwd)
shift 2
cd "$root"
# The files of kernels/cpu are compiled once for each instruction set, and looked at as
# often: left to a call by name.
[ $# != 0 ] || set -- $(sed -n "s|^ *\"file\": \"$root/\(.*\.c\)\".*|\1|p" "$build/compile_commands.json" |
    grep -E '^(base|model|host|tracker|cli|kernels|bench)/' | grep -v '^kernels/cpu/' | sort -u)
[ $# -gt 0 ] || { echo "$build/compile_commands.json names no file"; exit 1; }

status=0
printf '%s\n' "$@" | xargs -n 8 -P "$(nproc)" clang-tidy -quiet -p "$build" 2>/dev/null || status=1

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp .clang-tidy "$scratch"
echo 'int planted(int a); int planted(int a) { if (a > 0); return a; }' >"$scratch/planted.c"
if clang-tidy -quiet "$scratch/planted.c" -- >/dev/null 2>&1; then
    echo "a planted mistake is not noticed"
    status=1
fi
exit $status
