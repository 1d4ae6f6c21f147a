#!/bin/sh
# One stage of bench/gpu_check.sh: stages.sh NAME. Prints lines of tab-separated values,
# whose columns bench/gpu_check/columns.sh names. A failed line does not end its stage:
# failed_lines in gpu_check.sh says how each stage marks one. In the environment: packed
# (what gpu_pack.sh made), work (a scratch directory). Exit status 77: what it needs is
# not on this machine.
set -u
simulated=$(grep -q simt "$packed/compiler" 2>/dev/null && echo yes)
# batch size, context length, prediction length, series, samples
job() {
    if [ "$simulated" ]; then echo "$1 16 4 2 2"; else echo "$1 512 64 32 20"; fi
}
sizes() { # SIZE...: in the simulator nano alone
    if [ "$simulated" ]; then echo nano; else echo "$@"; fi
}

lacks() {
    echo "$*" >&2
    exit 77
}

stage_card() {
    printf 'commit\t%s\n' "$(cat "$packed/commit")"
    printf 'compiler\t%s\n' "$(cat "$packed/compiler")"
    name=$("$packed/gpu_bench" device) || exit 1
    printf 'card\t%s\n' "$name"
    if command -v nvidia-smi >/dev/null; then
        nvidia-smi --query-gpu=driver_version,memory.total,compute_cap,clocks.max.sm,power.limit --format=csv,noheader -i 0 |
            awk -F ', ' -v OFS='\t' '{ print "driver", $1; print "memory", $2; print "compute capability", $3; print "highest clock", $4; print "power limit", $5 }'
    fi
    "$packed/ftgpu" devices --format csv >"$work/devices.csv" || return 1
    <"$work/devices.csv" tr -d '"' | awk -F , -v OFS='\t' 'NR > 1 { name = $1; sub(/^[^,]*,/, ""); print name, $0 }'
}

# Hands on what a program has written to part.tsv; gpu_check.sh takes what is left there
# when a stage's time is up.
give_part() {
    cat "$work/part.tsv"
    : >"$work/part.tsv"
}

# run_ops [PROGRAM...] RUN_OPS ARGUMENT...: where the device was lost, a new process goes
# on behind the operation that lost it.
run_ops() {
    after='' worst=0
    while :; do
        status=0 before=$after lost=''
        # shellcheck disable=SC2086
        "$@" ${after:+--after} $after >"$work/part.tsv" || status=$?
        # By the line, not by the status alone: compute-sanitizer has one of its own.
        ! tail -n 1 "$work/part.tsv" | grep -q 'the device was lost' || lost=yes
        after=$(tail -n 1 "$work/part.tsv" | awk -F '\t' '{ print $1 "/" $2 }')
        give_part
        [ ! -e "$work/sanitizer.txt" ] || cat "$work/sanitizer.txt" >&2
        [ $status = 0 ] || worst=$status
        [ "$lost" ] && [ "$after" != "$before" ] || return $worst
    done
}

stage_tests() {
    if [ "$simulated" ]; then
        run_ops "$packed/run_ops" --repeat 3 --smallest 4
    else
        run_ops "$packed/run_ops" --repeat 3
    fi
}

# Where f32 lost the device, a new process checks bf16.
stage_model() {
    worst=0
    for size in $(sizes nano small); do
        status=0
        "$packed/gpu_bench" check "$size" >"$work/part.tsv" || status=$?
        bf16_is_left=$(awk -F '\t' '$3 == "bf16" { n++ } END { print !n }' "$work/part.tsv")
        give_part
        [ $status = 0 ] || worst=$status
        [ $status = 3 ] && [ "$bf16_is_left" = 1 ] || continue
        "$packed/gpu_bench" check "$size" bf16 || worst=$?
    done
    return $worst
}

stage_steps() {
    worst=0
    for size in $(sizes nano tiny small base mini); do
        # shellcheck disable=SC2046
        "$packed/gpu_bench" train,forecast "$size" $(job "$(if [ "$simulated" ]; then echo 2; else echo 8,64; fi)") || worst=$?
    done
    return $worst
}

# Where the device was lost, a new process goes on behind the operation that lost it; the
# first two lines of each are the card's limits.
stage_operations() {
    worst=0
    for size in $(sizes small base); do
        skip='' measured=0
        while :; do
            status=0
            # shellcheck disable=SC2046,SC2086
            "$packed/gpu_bench" ops "$size" $(job 8) $skip >"$work/part.tsv" || status=$?
            done_now=$(($(wc -l <"$work/part.tsv") - 2))
            give_part
            [ $status = 0 ] || worst=$status
            [ $status = 3 ] && [ $done_now -gt 0 ] || break
            measured=$((measured + done_now)) skip=$measured
        done
    done
    return $worst
}

# sanitize TOOL ARGUMENT...: run_ops under one of compute-sanitizer's tools.
sanitize() {
    tool=$1
    shift
    command -v compute-sanitizer >/dev/null || lacks "compute-sanitizer is not installed"
    run_ops compute-sanitizer --tool "$tool" --error-exitcode 9 --log-file "$work/sanitizer.txt" "$packed/run_ops" "$@"
}

# Every operation, its 8 smallest shapes of at most two chunks (ft_op_chunks in
# tests/ops/ops.h).
stage_memcheck() {
    sanitize memcheck --max-chunks 2 --smallest 8
}

# The operations that load a chunk while they compute another: a buffer is used again from
# the third chunk on.
stage_racecheck() {
    sanitize racecheck --min-chunks 3 --smallest 4 attention_forward attention_backward decode_attention lora_forward lora_backward sample
}

# sweep_of DEVICE DTYPE NAME OPTION...: its seconds. The grid of 18: learning rates,
# epochs, weight decays.
sweep_of() {
    device=$1 dtype=$2 name=$3
    shift 3
    begun=$(date +%s.%N)
    "$packed/ftgpu" sweep --model "$work/model" --train "$work/data/train.csv" --val "$work/data/val.csv" --test "$work/data/test.csv" --target Close \
        --name "$name" --results "$work/$name" --season 5 --device "$device" --dtype "$dtype" --grid learning_rate=1e-4,5e-4 --grid weight_decay=0,0.01,0.1 "$@" \
        >/dev/null 2>"$work/program.txt" || {
        tail -n 3 "$work/program.txt" | sed 's/^ *//' >&2
        printf '%s\t%s\t%s\t\tfailed\t%s\n' "$name" "$device" "$dtype" "$(tail -n 1 "$work/program.txt" | tr -d '\r' | sed 's/^ *//' | cut -c 1-150)"
        return 1
    }
    printf '%s\t%s\t%s\t%s\tok\t\n' "$name" "$device" "$dtype" "$(echo "$begun $(date +%s.%N)" | awk '{ printf "%.2f", $2 - $1 }')"
}

# The epochs' losses of all experiments, in their order: "003 2 3.14159 3.2". Shortest
# numbers, so that no digit is lost.
histories() {
    for file in "$work/$1/$1"_*/results.json; do
        number=$(basename "$(dirname "$file")" | sed "s/^$1_\([0-9]*\)_.*/\1/")
        tr -d ' \n\t' <"$file" | grep -o '{"epoch":[^}]*}' | sed 's/[{}"]//g' | awk -F '[:,]' -v n="$number" '{
            for (i = 1; i < NF; i += 2) v[$i] = $(i + 1); print n, v["epoch"], v["loss"], v["val_loss"] }'
    done
}

# The whole program: 18 configurations in bf16 for their time, then 18 short ones in f32,
# whose losses must agree with the CPU's.
stage_sweep() {
    gpu=cuda size=small worst=0
    if [ "$simulated" ]; then
        gpu=cpu size=nano short='--set context_length=16 --set prediction_length=4 --train-last 60 --grid epochs=1'
    else
        short='--set context_length=96 --set prediction_length=16 --train-last 200 --grid epochs=1,2,3'
    fi
    short="$short --set batch_size=16 --eval-windows 4"
    "$packed/ftgpu" data demo --out "$work/data" >&2 && "$packed/ftgpu" model init --size $size --out "$work/model" >&2 || return 1
    [ "$simulated" ] || sweep_of $gpu bf16 whole --grid epochs=3,5,10 || worst=1
    # shellcheck disable=SC2086
    if sweep_of $gpu f32 gpu $short && sweep_of cpu f32 cpu $short; then
        histories gpu >"$work/gpu.txt"
        histories cpu >"$work/cpu.txt"
        # Adam makes rounding grow from step to step: 1e-3 of a loss, where bf16 differs
        # by more than 1e-2 of it.
        paste "$work/gpu.txt" "$work/cpu.txt" | awk -v OFS='\t' '
            function differs(a, b,   x) { x = a - b; x = (x < 0 ? -x : x) / (b == 0 ? 1 : b < 0 ? -b : b); return a == "" || b == "" || a != a + 0 || b != b + 0 ? 1 : x }
            { d = differs($3, $7); e = differs($4, $8); if ($1 != $5 || $2 != $6) d = 1; if (e > d) d = e; if (d > worst) worst = d; n++ }
            END { printf "losses of %d epochs, largest relative difference\tcuda and cpu\tf32\t%.3g\t%s\tbound 1e-3\n", n, worst, (n > 0 && worst <= 1e-3 ? "ok" : "failed") }'
    else
        worst=1
    fi
    return $worst
}

has_torch() {
    command -v python3 >/dev/null || lacks "there is no python3"
    PYTHONPATH=$(echo "$packed"/chronos_forecasting-*.whl)${PYTHONPATH:+:$PYTHONPATH}
    export PYTHONPATH HF_HUB_OFFLINE=1
    python3 -c 'import torch, transformers, peft' 2>&1 || lacks "python3 has no torch, transformers and peft"
}

stage_pytorch() {
    has_torch >&2
    python3 bench/peers/torch_gpu.py --sizes small,base --batches 8,64 --seconds $((stage_end - $(date +%s) - 5))
}

# torch.compile takes a minute and more for a model: by itself, and last.
stage_compiled() {
    has_torch >&2
    python3 bench/peers/torch_gpu.py --compiled --sizes small,base --batches 64,8 --seconds $((stage_end - $(date +%s) - 5))
}

stage_large() {
    # shellcheck disable=SC2046
    "$packed/gpu_bench" train,forecast "$(sizes large)" $(job 8)
}

# kernels_of OPERATION: a pattern of its kernels' names.
kernels_of() {
    case $1 in
    attention_*) echo attention ;;
    lora_*) echo lora ;;
    add_norm_*) echo norm ;;
    decode_attention) echo 'decode|attention' ;;
    esac
}

stage_ncu() {
    command -v ncu >/dev/null || lacks "ncu is not installed"
    metrics=gpu__time_duration.sum,sm__throughput.avg.pct_of_peak_sustained_elapsed,dram__throughput.avg.pct_of_peak_sustained_elapsed
    metrics=$metrics,sm__warps_active.avg.pct_of_peak_sustained_active,smsp__inst_executed.sum,launch__registers_per_thread
    metrics=$metrics,sm__inst_executed_pipe_tensor.sum,l1tex__data_bank_conflicts_pipe_lsu.sum,lts__t_sector_hit_rate.pct
    : >"$work/ncu.csv"
    for operation in attention_forward attention_backward lora_forward add_norm_forward decode_attention; do
        # Before the operation itself the limits are measured, by other kernels.
        ncu --clock-control none --csv --print-units base --metrics $metrics --launch-count 4 --target-processes all \
            --kernel-name-base function --kernel-name "regex:$(kernels_of $operation)" \
            "$packed/ftgpu" bench ops --op $operation --size base --steps 1 --dtype bf16 >"$work/one.csv" 2>"$work/program.txt" || {
            printf '%s\tfailed\t%s\n' $operation "$(cat "$work/one.csv" "$work/program.txt" | grep -v '^$' | tail -n 1 | cut -c 1-150)"
            continue
        }
        grep '^"' "$work/one.csv" >>"$work/ncu.csv"
        grep -q '^"[0-9]' "$work/one.csv" || printf '%s\tfailed\tno kernel was profiled: %s\n' $operation "$(tail -n 1 "$work/one.csv" | cut -c 1-150)"
        # Of each kernel the first launch.
        grep '^"[0-9]' "$work/one.csv" | sed 's/^"//; s/"$//; s/","/\t/g' | awk -F '\t' -v OFS='\t' -v operation=$operation '
            { key = $5 $(NF - 2); if (!(key in seen)) { seen[key] = 1; gsub(/,/, "", $NF); print operation, $5, $(NF - 2), $(NF - 1), $NF } }'
    done
}

"stage_$1"
