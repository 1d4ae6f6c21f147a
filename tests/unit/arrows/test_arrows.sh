#!/bin/sh
# The arrows between the rooms hold in this tree and in the libraries built from it, and
# each kind of breach is noticed.
# usage: test_arrows.sh ROOT BUILD
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$1
build=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

check() { # in the current directory
    find base kernels model tracker host cli -name '*.[ch]' -o -name '*.cu' | sort |
        xargs awk -f "$here/rooms.awk" -f "$here/arrows.awk"
}
check_calls() { # nm's lines on stdin
    awk -f "$here/rooms.awk" -f "$here/calls.awk" -
}

(cd "$root" && check) || { echo "the tree breaks its arrows"; exit 1; }
nm -A -P -g "$build"/libft_*.a 2>/dev/null | check_calls || { echo "the libraries break the arrows"; exit 1; }

# A small tree in which all is well, then one breach at a time: file, line, what the
# message must say.
cd "$scratch"
mkdir -p base kernels/ref kernels/cpu model tracker cli
mkdir -p host/data host/bench host/search host/experiment host/sweep host/workers
echo '#include <stdio.h>' > base/error.h
echo '#include "base/error.h"' > kernels/backend.h
echo '#include "kernels/backend.h"' > kernels/ref/ref.h
echo '#include "kernels/backend.h"' > model/pass.h
echo '#include "base/error.h"' > tracker/table.h
echo '#include "base/error.h"' > host/ftgpu.h
printf '#include "%s"\n' host/ftgpu.h tracker/table.h > host/data/csv.h
printf '#include "%s"\n' model/pass.h kernels/backend.h > host/bench/bench.h
printf '#include "%s"\n' host/ftgpu.h model/pass.h tracker/table.h > host/search/grid.h
printf '#include "%s"\n' model/pass.h kernels/backend.h tracker/table.h host/data/csv.h host/bench/bench.h host/search/grid.h \
    > host/experiment/engine.h
echo '#include "host/experiment/engine.h"' > host/sweep/plan.h
echo '#include "host/sweep/plan.h"' > host/workers/worker.h
echo '#include "host/workers/worker.h"' > host/dry_run.h
echo '#include "host/dry_run.h"' > cli/command.h
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
breach model/pass.h '"host/ftgpu.h"' 'model/ may not include'
breach model/pass.h '"host/experiment/engine.h"' 'model/ may not include'
breach model/pass.h '"kernels/ref/ref.h"' 'only through'
breach model/pass.h '<dnnl.h>' 'oneDNN'
breach host/dry_run.h '<curl/curl.h>' 'host/hub alone'
breach model/pass.h '<gcrypt.h>' 'host/hub alone'
breach tracker/table.h '"model/pass.h"' 'tracker/ may not include'
breach tracker/table.h '"kernels/backend.h"' 'tracker/ may not include'
breach host/ftgpu.h '"host/search/grid.h"' 'the public header may not include'
breach host/data/csv.h '"host/search/grid.h"' 'host/data/ may not include'
breach host/data/csv.h '"model/pass.h"' 'host/data/ may not include'
breach host/bench/bench.h '"host/experiment/engine.h"' 'host/bench/ may not include'
breach host/search/grid.h '"host/data/csv.h"' 'host/search/ may not include'
breach host/search/grid.h '"host/experiment/engine.h"' 'host/search/ may not include'
breach host/experiment/engine.h '"kernels/ref/ref.h"' 'only through'
breach host/experiment/engine.h '"host/sweep/plan.h"' 'host/experiment/ may not include'
breach host/experiment/engine.h '"tests/helper.h"' 'host/experiment/ may not include'
breach host/experiment/engine.h '"engine.h"' 'from the root'
breach host/sweep/plan.h '"host/workers/worker.h"' 'host/sweep/ may not include'
breach host/sweep/plan.h '"host/dry_run.h"' 'host/sweep/ may not include'
breach host/workers/worker.h '"host/dry_run.h"' 'host/workers/ may not include'
breach host/dry_run.h '"cli/command.h"' 'host/ may not include'
breach base/error.h '"base/error.h"' 'a circle'
echo '#include "base/b.h"' > base/a.h
breach base/a.h '"base/a.h"' 'a circle'
echo '#include "base/c.h"' > base/b.h
echo '' > base/c.h
breach base/c.h '"base/a.h"' 'a circle.*base/a.h -> base/b.h'

# Libraries in which all is well, then one symbol more.
check() {
    check_calls < symbols
}
cat > symbols <<'END'
libft_base.a[error.c.o]: ft_fail T 0 1b
libft_search.a[grid.c.o]: ft_grid_expand T 0 1b
libft_search.a[grid.c.o]: ft_fail U
libft_sweep.a[plan.c.o]: ft_plan_make T 0 1b
libft_sweep.a[plan.c.o]: ft_grid_expand U
libft_sweep.a[plan.c.o]: printf U
libft_sweep.a[run.c.o]: ft_sweep_open T 0 1b
libft_sweep.a[run.c.o]: ft_plan_make U
libft_host.a[sweep.c.o]: ft_run_sweep T 0 1b
libft_host.a[sweep.c.o]: ft_sweep_open U
END
check || { echo "libraries without a breach are refused"; exit 1; }
plant symbols 'libft_search.a[grid.c.o]: ft_plan_make U' 'host/search/grid.c may not call ft_plan_make of host/sweep/plan.c'
plant symbols 'libft_sweep.a[plan.c.o]: ft_run_sweep U' 'host/sweep/plan.c may not call ft_run_sweep of host/sweep.c'
plant symbols 'libft_sweep.a[plan.c.o]: ft_sweep_open U' 'a circle.*plan.c'
exit $failures
