# tests/mutate.sh, over a few mutants: each is listed and tried, survivors are told, and
# what was caught is not tried again.
. "$E2E/lib.sh"

root=$E2E/../..
if grep -q '^BOOST_CONTEXT_[A-Z]*:.*NOTFOUND$' "$(dirname "$FTGPU")/CMakeCache.txt"; then
    echo "there is no libboost-context-dev"
    exit 77
fi
mutate() {
    ran="mutate.sh $*"
    status=0
    copy/tests/mutate.sh --build "$PWD/build" "$@" >out 2>err || status=$?
}

# A tree in which one kernel has a barrier, a mask, a bound and an index, and its own
# mistakes are easy to see.
printf '%s\n' '__global__ void f(int *a, int n)' '{' '    /* i < n */' '    int i = threadIdx.x + 1;' '    __syncthreads();' \
    '    if (i >= n) return;' '    for (int k = 0; k < n; k++) a[i] = i < 3 && k > 0 ? 1 : 2;' '}' \
    'int host(int n)' '{' '    return n + 1 < 3;' '}' \
    '__device__ void g(int n)' '{' '    static_assert(sizeof(int) == 4, "int");' '#ifdef FT_SIMT' '    if (n < 0) return;' \
    '#else' '    if (n < 1) return;' '#endif' '}' >kernel.cu
awk -f "$root/tests/mutate/mutants.awk" kernel.cu | cut -f 1,4- | tr '\t' '|' >listed
cat >wanted <<'END'
4|1|0|index
5|__syncthreads()|(void)0|barrier
6|i >= n|false|mask
7|<|<=|bound
7|i < 3|true|mask
7|k > 0|true|mask
17|n < 0|false|mask
END
cmp -s listed wanted || fail "mutants.awk: $(diff wanted listed)"

# In a copy whose table allows relu any error, mutants survive, and the exit status says
# so.
mkdir copy
for part in CMakeLists.txt base bench host kernels model tests/mutate tests/mutate.sh tests/ops tests/simt; do
    mkdir -p "copy/$(dirname $part)"
    cp -r "$root/$part" "copy/$part"
done
sed -i 's/OP(\(relu_[a-z]*ward\), row, 1e-6, 1e-2)/OP(\1, row, 1e9, 1e9)/' copy/tests/ops/cases.h
grep -q 'OP(relu_forward, row, 1e9, 1e9)' copy/tests/ops/cases.h || fail "the table has another form"
mutate --list kernels/cuda/relu.cu
expect_status 0
mutants=$(wc -l <out)
[ "$mutants" -ge 4 ] || fail "$ran: $mutants mutants"
mutate kernels/cuda/relu.cu
expect_status 1
expect out '^kernels/cuda/relu.cu:[0-9]+: mask: ".* 0" to "true": survived$'
expect out '^    kernels/cuda/relu.cu ! .* -> true ! REASON$'
# With the table as it is they are tried again and caught; the others are not tried again.
cp "$root/tests/ops/cases.h" copy/tests/ops/cases.h
before=$(wc -l <build/mutants.tsv)
survived=$(grep -c "	survived	" build/mutants.tsv)
mutate kernels/cuda/relu.cu
expect_status 0
expect out "^$mutants of $mutants mutants caught, 0 unknown survivors, 0 equivalent ones not counted\$"
[ "$(wc -l <build/mutants.tsv)" = $((before + survived)) ] || fail "$ran: tried others than the survivors"

mutate --list kernels/cuda/none.cu
expect_status 2
expect err 'kernels/cuda/none.cu does not exist'
mutate --list README.md
expect_status 2
mutate --split
expect_status 2
expect err '^usage: tests/mutate.sh'
finish
