#!/bin/sh
# Every C, C++ and CUDA file is laid out as .clang-format says, with comments of at most
# 90 columns; comments of shell scripts and Python, with docstrings, have at most 100. A
# file that is not so is noticed. usage: format.sh ROOT
#
# Versions of clang-format differ in details: layout is checked by version 14 alone, which
# Debian 12 has; without it the test counts as skipped (77). To mend what clang-format
# finds: git ls-files '*.[ch]' '*.cpp' '*.cu' | xargs clang-format -i
set -eu
cd "$1"

sources() {
    find . \( -name .git -o -path './build*' \) -prune -o \( -name '*.[ch]' -o -name '*.cpp' -o -name '*.cu' \) -type f -print0
}
wide() { LC_ALL=C awk -f tests/comments.awk "$@"; }

found=$(sources | LC_ALL=C xargs -0 awk -f tests/comments.awk)
[ -z "$found" ] || { echo "$found"; exit 1; }
long=$(printf '%091d' 0)
for planted in "/* $long */" "int a; /* $long" "/* a
 * $long */" "int a; // $long" "int a; /* b */ int c; /* $long */"; do
    [ -n "$(echo "$planted" | wide)" ] || { echo "not noticed: $planted"; exit 1; }
done
for planted in "char *a = \"/* $long */\";" "/* a */ int x$long;" "/* a */ char *b = \"// $long\";"; do
    [ -z "$(echo "$planted" | wide)" ] || { echo "taken for a comment: $planted"; exit 1; }
done

scripts() {
    find . \( -name .git -o -path './build*' \) -prune -o \( -name '*.sh' -o -name '*.py' \) -type f -print0
}
found=$(scripts | LC_ALL=C xargs -0 awk -f tests/script_comments.awk)
[ -z "$found" ] || { echo "$found"; exit 1; }
long=$(printf '%0101d' 0)
for planted in "# $long" "    # $long" "    \"\"\"$long\"\"\"" "\"\"\"a
$long\"\"\""; do
    [ -n "$(echo "$planted" | awk -f tests/script_comments.awk)" ] || { echo "not noticed: $planted"; exit 1; }
done

format=clang-format
command -v $format >/dev/null || { echo "skipped: no clang-format"; exit 77; }
$format --version | grep -q 'version 14\.' || { echo "skipped: not clang-format 14"; exit 77; }

sources | xargs -0 $format --dry-run -Werror

planted=$(printf 'int  planted;\n' | $format --assume-filename=planted.c)
[ "$planted" = 'int planted;' ] || { echo ".clang-format is not used"; exit 1; }
