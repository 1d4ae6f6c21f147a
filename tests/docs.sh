#!/bin/sh
# Documents and the code's citations of them hold in this tree (docs.awk), and each kind
# of fault is noticed. usage: docs.sh ROOT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# In the current directory; the sections of this test's own files are planted ones.
check() {
    find . \( -name .git -o -path './build*' -o -name demo-out -o -name seeds -o -path ./tests/docs.sh -o -path ./tests/docs.awk \) -prune -o \
        \( -name '*.md' -o -name '*.[ch]' -o -name '*.cu' -o -name '*.cpp' -o -name '*.sh' -o -name '*.py' -o -name '*.awk' -o -name '*.cmake' \
        -o -name CMakeLists.txt \) -type f -print | sed 's|^\./||' | sort | LC_ALL=C xargs awk -f "$here/docs.awk"
}

(cd "$root" && check) || { echo "documents of the tree are at fault"; exit 1; }

# A small tree in which all is well, then one fault at a time: file, line to add, what the
# message must say.
cd "$scratch"
mkdir -p docs host
printf '# A page\n\n## 1. One\n\n## 2. Two\n' >docs/page.md
echo '[a page](docs/page.md), [its second part](docs/page.md#2-two), [the program](host/a.h)' >README.md
printf '/* docs/page.md §1 and §2, docs/page.md\n * §2 */\n' >host/a.h
check || { echo "a tree without a fault is refused"; exit 1; }

. "$here/planted.sh"
plant host/a.h '/* docs/page.md §3 */' 'host/a.h:3: cites docs/page.md §3'
plant host/a.h '/* docs/page.md §1 and §4 */' '§4'
plant host/a.h "$(printf '/* docs/page.md\n * §5 */')" '§5'
plant host/a.h '/* docs/other.md §1 */' 'docs/other.md, which is not there'
plant host/a.h '/* REFERENCE §1 */' 'not part of this repository'
plant docs/page.md 'see [here](page.md) §7' '§7'
plant README.md '[gone](docs/gone.md)' 'leads nowhere'
plant README.md '[gone](host/gone.h)' 'leads nowhere'
plant README.md '[a part](docs/page.md#3-three)' 'no such heading'
plant docs/page.md "$(printf '%0101d' 0)" '101 characters'
exit $failures
