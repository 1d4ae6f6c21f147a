# ftgpu bench: figures of whole jobs, and of every operation by itself against the
# device's limits.
. "$E2E/lib.sh"

small="--size nano --batch-size 2 --context-length 16 --prediction-length 4 --series 2 --num-samples 2 --steps 1"

# shellcheck disable=SC2086
must bench ops $small --device cpu --dtype f32 --format csv
expect_quiet
expect out '^operation,size,place,shape,seconds,gflops,gb_per_s,limit,fraction_of_floor$'
[ "$(cell operation 1)" = copy ] || fail "$ran: the copy's rate does not come first"
[ "$(cell operation 2)" = 'matrix product' ] || fail "$ran: the matrix rate does not come second"
# Each operation is there, with a time and a fraction above 0.
operations=$(sed -n 's/^ *OPERATION(\([a-z_]*\)).*/\1/p' "$E2E/../../kernels/backend.h")
[ "$(echo "$operations" | wc -l)" -ge 19 ] || fail "kernels/backend.h: operations not found: $operations"
for operation in $operations; do
    expect out "^$operation,nano,[a-z]"
done
awk -F, 'NR > 1 { if (!($(NF - 4) > 0 && $NF > 0)) bad = 1 } END { exit bad || NR < 30 }' out || fail "$ran: a time or a fraction is not above 0"

# shellcheck disable=SC2086
must bench ops --op attention_f $small --device cpu --format json
expect out '"operation": "attention_forward"'
expect_not out '"operation": "(attention_backward|adamw)"'
expect out '"shape": "2 x 4 heads x 16, 17 x 17"'

# Attention as in training, and as other libraries have it: without dropout.
expect out '"place": "encoder with dropout"'
expect out '"place": "encoder"'

# What fails (no memory holds a decoding step of four billion paths) has its line, the
# rest its figures, and the status tells.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}allocator_may_return_null=1"
many="--size nano --batch-size 1 --context-length 16 --prediction-length 4 --series 65536 --num-samples 65536 --steps 1 --device cpu"
# shellcheck disable=SC2086
ft bench ops --op linear_forward $many --format csv
expect_status 3
expect out '^operation,size,place,shape,seconds,gflops,gb_per_s,limit,fraction_of_floor,failure$'
[ "$(grep -c '^linear_forward,nano,.*4294967296 x .*,,,,,,.*out of memory' out)" = 3 ] || fail "$ran: not three operations failed"
[ "$(grep -c '^linear_forward,nano,.*,[0-9.e-]*,$' out)" = 5 ] || fail "$ran: not five operations were timed"
# shellcheck disable=SC2086
ft bench gemm $many --format csv
expect_status 3
[ "$(grep -c '^decode step .*,,.*out of memory' out)" = 2 ] || fail "$ran: not two products failed"
[ "$(grep -c '^[a-z ]*,[0-9]*,[0-9]*,[0-9]*,[0-9.]*,[0-9.]*,$' out)" = 6 ] || fail "$ran: not six products were measured"

# shellcheck disable=SC2086
must bench train $small --device cpu --format json
expect out '"fraction_of_peak": [0-9]'
expect out '"attention_backward": [0-9]'
# The share of a step in which the device waits for the host: of training alone.
# shellcheck disable=SC2086
must bench train $small --device cpu --format csv
share=$(cell host_share 1)
awk -v x="$share" 'BEGIN { exit !(x != "" && x >= 0 && x < 1) }' || fail "$ran: \"$share\" is no share"
# shellcheck disable=SC2086
must bench forecast $small --device cpu --format csv
expect_not out host_share
# shellcheck disable=SC2086
must bench forecast $small --device cpu
expect out '^size +device +dtype'
# shellcheck disable=SC2086
must bench gemm $small --device cpu --format csv
[ "$(cell product 8)" = 'decode step head' ] || fail "$ran: not all products are there"

refuses 'not one of train, forecast, gemm, ops' bench opps
refuses 'no operation has "attntion"' bench ops --op attntion --size nano --device cpu
refuses '\-\-op belongs to bench ops' bench train --op adamw
finish
