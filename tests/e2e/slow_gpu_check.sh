# bench/gpu_pack.sh, gpu_check.sh and gpu_record.sh, rehearsed without a GPU: the
# simulator runs the kernels, and stand-ins take the place of programs that only a GPU
# has. Then a failure is planted in each stage.
. "$E2E/lib.sh"

root=$(cd "$E2E/../.." && pwd)
if grep -q '^BOOST_CONTEXT_[A-Z]*:.*NOTFOUND$' "$(dirname "$FTGPU")/CMakeCache.txt"; then
    echo "there is no libboost-context-dev"
    exit 77
fi
stages='card tests model steps operations memcheck racecheck sweep pytorch large ncu compiled'

# run COMMAND ARGUMENT...: as ft, for the scripts.
run() {
    status=0
    ran="$*"
    "$@" >out 2>err || status=$?
}

run "$root/bench/gpu_pack.sh" --simulate --ftgpu "$FTGPU" --out "$PWD/pack"
expect_status 0
[ "$status" = 0 ] || finish

# -- stand-ins --

mkdir bin
cat >bin/nvidia-smi <<'EOF'
#!/bin/sh
case $* in
*"-l 1"*) echo 'timestamp, clocks'; exec sleep 600 ;;
*) echo '580.00, 81559 MiB, 9.0, 1980 MHz, 700.00 W' ;;
esac
EOF
# Runs the program that it is given, after its own options.
cat >bin/compute-sanitizer <<'EOF'
#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
    --log-file) : >"$2"; shift ;;
    --tool | --error-exitcode) shift ;;
    *) exec "$@" ;;
    esac
    shift
done
EOF
cat >bin/ncu <<'EOF'
#!/bin/sh
echo '==PROF== Connected'
echo '"ID","Process ID","Process Name","Host Name","Kernel Name","Context","Stream","Block Size","Grid Size","Device","CC","Section Name","Metric Name","Metric Unit","Metric Value"'
echo '"0","1","ftgpu","127.0.0.1","kernel<(int)64>","1","7","(128, 1, 1)","(8, 1, 1)","0","9.0","Command line profiler metrics","gpu__time_duration.sum","ns","1234"'
EOF
cat >bin/python3 <<'EOF'
#!/bin/sh
case $* in
*torch_gpu.py*) printf 'torch 2\ttrain eager\tsmall\t8\t0.5\t1000\t\ntorch 2\ttrain compiled\tsmall\t8\t0.4\t1250\t\n' ;;
esac
EOF
chmod +x bin/*

# -- everything goes well --

check() {
    rm -rf results
    PATH=$PWD/bin:$PATH run "$root/bench/gpu_check.sh" --packed pack --out results "$@"
}
check --seconds 1200
expect_status 0
for stage in $stages; do expect out "^$stage +ok "; done
[ "$(find results -type f | wc -l)" -le 8 ] || fail "$ran: $(find results -type f | wc -l) files instead of 8 at most"
[ -s results/failures.txt ] && fail "$ran: failures.txt is not empty: $(head -n 1 results/failures.txt)"
[ "$(wc -c <out)" -lt 12000 ] || fail "$ran: its output has $(wc -c <out) bytes"
expect results/results.tsv '^card	card	simulated GPU 0$'
lacking=$(awk -F '\t' '$1 == "steps" && $2 == "train" && $10 == ""' results/results.tsv)
[ -z "$lacking" ] || fail "$ran: no host_share: $lacking"
awk -F '\t' '$1 == "tests" { print $2 }' results/results.tsv | sort -u >operations
[ "$(wc -l <operations)" = 19 ] || fail "$ran: $(wc -l <operations) operations were tested"
while read -r operation; do
    expect results/results.tsv "^tests	$operation	bf16	4	4	"
    expect results/results.tsv "^operations	$operation	nano	"
done <operations
expect results/results.tsv '^steps	train	nano	2	[0-9.e-]+	'
expect results/results.tsv '^steps	forecast	nano		[0-9.e-]+	'
expect results/results.tsv '^sweep	losses of 6 epochs.*	ok	'
expect results/results.tsv '^ncu	attention_forward	kernel<\(int\)64>	gpu__time_duration.sum	ns	1234$'
expect results/clocks.csv '^timestamp'
expect out '^\| operations right +\| 76 of 76 shapes in f32, 76 of 76 in bf16 \|$'
expect out '^\| model right +\| [0-9]+ checks ok, 0 failed \|$'
[ "$(grep -c '^| ' out)" = 10 ] || fail "$ran: a table of $(grep -c '^| ' out) rows instead of 10"

# -- the record --

mkdir -p root/kernels
cp "$root/kernels/README.md" root/kernels
run "$root/bench/gpu_record.sh" results --root "$PWD/root"
expect_status 0
record=root/bench/results/simulated-gpu-0
expect $record.md '^\| attention_forward \| nano \|'
expect $record.json '"operation": "adamw", "dtype": "bf16", "shapes": 4, "passed": 4, '
if PATH=/usr/local/bin:/usr/bin:/bin command -v python3 >/dev/null; then python3 -m json.tool $record.json >/dev/null || fail "$ran: its JSON is none"; fi
cmp -s "$root/kernels/README.md" root/kernels/README.md || fail "$ran: figures of another size went into the table of floors"
# The column takes what size base reached: the least and the most over its shapes.
printf 'operations\tattention_forward\tbase\tencoder\ts\t1\t1\t1\tflops\t0.41\t\noperations\tattention_forward\tbase\tcross\ts\t1\t1\t1\tflops\t0.235\t\n' >>results/results.tsv
run "$root/bench/gpu_record.sh" results --root "$PWD/root"
expect_status 0
expect root/kernels/README.md '^\| `attention_forward` \|.*\| 0\.23 to 0\.41 \|$'
expect root/kernels/README.md '^\| operation \|.*\| measured: fraction of the floor, size base, simulated GPU 0, [0-9-]* \|$'
expect root/kernels/README.md '^\| `adamw` \|.* \| \|$'
[ "$(diff "$root/kernels/README.md" root/kernels/README.md | grep '^>' | grep -vc '^> | ')" = 0 ] || fail "$ran: it changed more than the table"
run "$root/bench/gpu_record.sh" bin --root "$PWD/root"
expect_status 1
expect err '^gpu_record.sh: bin: no stages.tsv'

# -- a failure planted in each stage: it is named, the others go on --

# plant PROGRAM WHEN: in the pack's place of a program one that fails where its arguments
# match the pattern, as a shell's `case` has it.
plant() {
    [ -e "pack/$1.real" ] || mv "pack/$1" "pack/$1.real"
    printf '#!/bin/sh\ncase $* in\n%s) echo "%s: planted" >&2; exit 1 ;;\nesac\nexec "$0.real" "$@"\n' "$2" "$1" >"pack/$1"
    chmod +x "pack/$1"
}
restore() {
    for program in pack/*.real; do mv "$program" "${program%.real}"; done
}
# fails STAGE DETAIL: alone and after another stage, which goes well.
fails() {
    check --only "$1,card"
    expect_status 1
    expect out "^$1 +failed .*$2"
    expect out '^card +ok '
    restore
}
plant gpu_bench device
check --only card,operations
expect_status 1
expect out '^card +failed .*planted'
expect out '^operations +ok '
restore
plant gpu_bench '"check nano"'
fails model planted
# f32 loses the device: bf16 is checked in a new process.
mv pack/gpu_bench pack/gpu_bench.real
printf '#!/bin/sh\n[ "$*" != "check nano" ] || { printf "lora_loss\\tnano\\tf32\\tfailed\\t\\t\\tthe device was lost: planted\\n"; exit 3; }\nexec "$0.real" "$@"\n' >pack/gpu_bench
chmod +x pack/gpu_bench
check --only model
expect_status 1
expect results/failures.txt '^model	lora_loss	nano	f32	failed	.*the device was lost: planted$'
expect results/results.tsv '^model	lora_loss	nano	bf16	ok	'
restore
# Two runs do not write into one directory.
if command -v flock >/dev/null; then
    exec 8>results/lock
    flock 8
    run "$root/bench/gpu_check.sh" --packed pack --out results --only card
    expect_status 2
    expect err '^gpu_check.sh: .*results: another run writes there; choose another --out$'
    exec 8>&-
fi
plant gpu_bench '"train,forecast nano 2 "*'
fails steps planted
plant gpu_bench '"ops nano"*'
fails operations planted
plant gpu_bench '"train,forecast nano 8 "*'
fails large planted
plant ftgpu '*--results*/gpu*'
fails sweep planted
cp bin/ncu ncu.good
printf '#!/bin/sh\necho "==ERROR== planted"\nexit 9\n' >bin/ncu
check --only ncu,card
expect_status 1
expect out '^ncu +failed .*5 of 5 lines failed'
expect results/failures.txt '^ncu	attention_forward	failed	==ERROR== planted$'
mv ncu.good bin/ncu
cp bin/python3 python3.good
sed -i 's/0\.4\\t1250\\t/\\t\\tno compiler/' bin/python3
check --only pytorch,card
expect_status 1
expect out '^pytorch +failed .*1 of 2 lines failed'
mv python3.good bin/python3
sed -i 's/^while/[ $# = 0 ] || case "$*" in *memcheck* | *racecheck*) echo hazard >"$(echo "$*" | sed "s!.*--log-file !!; s! .*!!")"; exit 9 ;; esac\nwhile/' bin/compute-sanitizer
check --only memcheck,racecheck,card
expect_status 1
expect out '^memcheck +failed '
expect out '^racecheck +failed '
expect out '^card +ok '
expect results/log.txt '^hazard$'

# The losses of the GPU's sweep are others than the CPU's.
mv pack/ftgpu pack/ftgpu.real
printf '#!/bin/sh\ncase $* in\n*--results*/gpu*) set -- "$@" --set lora_alpha=4000 ;;\nesac\nexec "$0.real" "$@"\n' >pack/ftgpu
chmod +x pack/ftgpu
fails sweep '1 of 3 lines failed'
expect results/failures.txt '^sweep	losses of 6 epochs.*	failed	'

# An operation that loses the device is one failed line; a new process does the rest.
mv pack/run_ops pack/run_ops.real
cat >pack/run_ops <<'EOF'
#!/bin/sh
case $* in
*--after*) exec "$0.real" "$@" ;;
esac
"$0.real" --dtype f32 --smallest 1 linear_forward
printf 'linear_forward\tbf16\t1\t0\t0\t0.01\tthe device was lost\n'
exit 3
EOF
chmod +x pack/run_ops
check --only tests
expect_status 1
expect out '^tests +failed '
[ "$(wc -l <results/failures.txt)" = 1 ] || fail "$ran: $(wc -l <results/failures.txt) failed lines instead of 1"
expect results/results.tsv '^tests	adamw	bf16	4	4	'
restore

# What hangs is ended at its limit, and by then nothing else has the time that it took.
mv pack/run_ops pack/run_ops.real
printf '#!/bin/sh\nprintf "linear_forward\\tf32\\t1\\t1\\t0\\t0.01\\t\\n"\nexec sleep 600\n' >pack/run_ops
chmod +x pack/run_ops
check --only tests,model --seconds 5
expect_status 1
expect out '^tests +timed out '
expect results/results.tsv '^tests	linear_forward	f32	1	1	'
expect out '^model +timed out +[0-2] s'
restore

# -- stages whose tool is missing; wrong usage --

mkdir few
for program in sh awk sed grep cut date timeout mktemp mkdir rm cat tr printf head tail wc dirname sort paste basename git nproc sleep kill touch cp; do
    at=$(command -v $program) && case $at in /*) ln -s "$at" few/ ;; esac
done
rm -rf results
CUDA_HOME=$PWD/none PATH=$PWD/few run sh "$root/bench/gpu_check.sh" --packed pack --out results --only memcheck,racecheck,pytorch,compiled,ncu
expect_status 0
for stage in memcheck racecheck pytorch compiled ncu; do expect out "^$stage +missing "; done
run "$root/bench/gpu_check.sh" --packed pack --only nothing
expect_status 2
expect err '^gpu_check.sh: nothing: no such stage; there are: card tests '
run "$root/bench/gpu_check.sh" --packed bin
expect_status 2
expect err 'bench/gpu_pack.sh'
run "$root/bench/gpu_pack.sh" --simulate --out "$PWD/root"
expect_status 1
expect err 'root holds something else than a pack'
# A part that is run again leaves the others' results.
restored=$PWD/bin:$PATH
PATH=$restored run "$root/bench/gpu_check.sh" --packed pack --out again --only card
PATH=$restored run "$root/bench/gpu_check.sh" --packed pack --out again --only ncu,ncu
expect_status 0
[ "$(cut -f 1 again/stages.tsv | tr '\n' ' ')" = 'card ncu ' ] || fail "$ran: stages.tsv has: $(cut -f 1 again/stages.tsv | tr '\n' ' ')"
expect again/results.tsv '^card	card	'
run "$root/bench/gpu_check.sh" --packed pack --out again --after compiled
expect_status 2
expect err 'no stage is left'
[ -e root/kernels/README.md ] || fail "$ran: it removed a directory that was none of its own"
finish
