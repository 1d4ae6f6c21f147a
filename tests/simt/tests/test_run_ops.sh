# run_ops on the simulated GPU: a device that is lost, results that change from run to
# run, and which shapes it takes. $PLANTED plants a mistake in relu_backward in f32
# (planted_ops.cpp).
. "$E2E/../../e2e/lib.sh"

# run_ops ARGUMENTS...: as ft.
run_ops() {
    ft "$@"
    ran="PLANTED=${PLANTED-} run_ops $*"
}
# expect_lines OPERATION/DTYPE...: the table's lines of out are these.
expect_lines() {
    lines=$(cut -f 1,2 out | tr '\t\n' '/ ')
    [ "$lines" = "$* " ] || fail "$ran: the table is of: $lines"
}
operations='relu_forward relu_backward gradient_norm'

# shellcheck disable=SC2086
run_ops --smallest 4 $operations
expect_status 0
expect_lines relu_forward/f32 relu_forward/bf16 relu_backward/f32 relu_backward/bf16 gradient_norm/f32 gradient_norm/bf16
[ "$(cut -f 3,4 out | sort -u)" = "4	4" ] || fail "$ran: not 4 shapes of each passed: $(cat out)"

# A lost device is told by the operation that lost it, and by no other; a new process runs
# those.
export PLANTED=fault
# shellcheck disable=SC2086
run_ops --smallest 4 $operations
expect_status 3
expect_lines relu_forward/f32 relu_forward/bf16 relu_backward/f32
expect out '^relu_backward	f32	3	2	[^	]*	[^	]*	the device was lost, ran 3 of 4: adapters=1 .*: relu_backward: .*cudaErrorLaunchFailure'
expect err 'dying_kernel, block \(0, 0, 0\): not all reach __syncthreads'
# shellcheck disable=SC2086
run_ops --smallest 4 --after relu_backward/f32 $operations
expect_status 0
expect_lines relu_backward/bf16 gradient_norm/f32 gradient_norm/bf16
[ "$(cut -f 3,4 out | sort -u)" = "4	4" ] || fail "$ran: not 4 shapes of each passed: $(cat out)"
# Nothing is left behind the last line of the table.
run_ops --after adamw/bf16
expect_status 0
[ -s out ] && fail "$ran: wrote $(cat out)"

# Only a repeated run shows that the bits change; each of them is within the bound.
export PLANTED=noise
run_ops --smallest 4 --dtype f32 relu_backward
expect_status 0
run_ops --smallest 4 --dtype f32 --repeat 3 relu_backward
expect_status 1
expect out '^relu_backward	f32	4	0	.*	adapters=1 .*: differs from run to run: df\[0, 0\] is [^ ]*, then [^ ]*$'
unset PLANTED
run_ops --smallest 4 --repeat 3 relu_backward lora_backward attention_backward
expect_status 0

# Shapes by the chunks that a block walks along. What is written for racecheck is there:
# two shapes at least of each.
run_ops --smallest 2 --min-chunks 3 attention_forward attention_backward decode_attention lora_forward lora_backward sample
expect_status 0
[ "$(cut -f 3,4 out | sort -u)" = "2	2" ] || fail "$ran: not 2 shapes of each passed: $(cat out)"
run_ops --smallest 3 --max-chunks 2
expect_status 0
run_ops --min-chunks 9000 relu_forward
expect_status 1
expect out '^relu_forward	f32	0	0	0	0	it has no shape of so many chunks$'

wrong() {
    run_ops "$@"
    expect_status 2
    [ -s out ] && fail "$ran: refused, but wrote to stdout"
    expect err '^usage: run_ops '
}
wrong --after relu_forward
wrong --after relu_forward/f16
wrong --after relu/f32
wrong --dtype f16
wrong --smallest 0
wrong --repeat
wrong --fast
wrong no_such_operation
finish
