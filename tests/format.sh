#!/bin/sh
# Every C, C++ and CUDA file is laid out as .clang-format says, and a file that is not is noticed. usage: format.sh ROOT
# Versions of clang-format differ in details: skipped (77) without version 14, which Debian 12 has.
# To mend what it finds: git ls-files '*.[ch]' '*.cpp' '*.cu' | xargs clang-format -i
set -eu
format=clang-format
command -v $format >/dev/null || { echo "skipped: no clang-format"; exit 77; }
$format --version | grep -q 'version 14\.' || { echo "skipped: not clang-format 14"; exit 77; }
cd "$1"

find . \( -name .git -o -path './build*' \) -prune -o \( -name '*.[ch]' -o -name '*.cpp' -o -name '*.cu' \) -type f -print0 |
    xargs -0 $format --dry-run -Werror

planted=$(printf 'int  planted;\n' | $format --assume-filename=planted.c)
[ "$planted" = 'int planted;' ] || { echo ".clang-format is not used"; exit 1; }
