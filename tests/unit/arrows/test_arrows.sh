#!/bin/sh
# The arrows between the rooms hold in this tree, and each kind of breach is noticed. usage: test_arrows.sh ROOT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

check() { # in the current directory
    find base kernels model tracker host -name '*.[ch]' -o -name '*.cu' | sort | xargs awk -f "$here/arrows.awk"
}

(cd "$root" && check) || { echo "the tree breaks its arrows"; exit 1; }

# A small tree in which all is well, then one breach at a time: file, line, what the message must say.
cd "$scratch"
mkdir -p base kernels/ref kernels/cpu model tracker host/program
echo '#include <stdio.h>' > base/error.h
echo '#include "base/error.h"' > kernels/backend.h
echo '#include "kernels/backend.h"' > kernels/ref/ref.h
echo '#include "kernels/backend.h"' > model/pass.h
echo '#include "base/error.h"' > tracker/table.h
printf '#include "model/pass.h"\n#include "kernels/backend.h"\n#include "tracker/table.h"\n' > host/engine.h
echo '#include "host/engine.h"' > host/program/command.h
check || { echo "a tree without a breach is refused"; exit 1; }

. "$here/../../planted.sh"
breach() { # FILE INCLUDE MESSAGE
    plant "$1" "#include $2" "$3"
}
breach base/error.h '"kernels/backend.h"' 'base/ may not include'
breach kernels/backend.h '"model/pass.h"' 'kernels/ may not include'
breach kernels/backend.h '"base/json.h"' 'no JSON'
breach kernels/backend.h '<cjson/cJSON.h>' 'no JSON'
breach kernels/backend.h '"kernels/ref/ref.h"' "a backend's inside"
breach model/pass.h '"tracker/table.h"' 'model/ may not include'
breach model/pass.h '"host/engine.h"' 'model/ may not include'
breach model/pass.h '"kernels/ref/ref.h"' 'only through'
breach model/pass.h '<dnnl.h>' 'oneDNN'
breach host/engine.h '<curl/curl.h>' 'host/hub alone'
breach model/pass.h '<gcrypt.h>' 'host/hub alone'
breach tracker/table.h '"model/pass.h"' 'tracker/ may not include'
breach tracker/table.h '"kernels/backend.h"' 'tracker/ may not include'
breach host/engine.h '"kernels/ref/ref.h"' 'only through'
breach host/engine.h '"host/program/command.h"' 'nothing of the program'
breach host/engine.h '"tests/helper.h"' 'host/ may not include'
breach host/engine.h '"engine.h"' 'from the root'
breach base/error.h '"base/error.h"' 'a circle'
echo '#include "base/b.h"' > base/a.h
breach base/a.h '"base/a.h"' 'a circle'
echo '#include "base/c.h"' > base/b.h
echo '' > base/c.h
breach base/c.h '"base/a.h"' 'a circle.*base/a.h -> base/b.h'
exit $failures
