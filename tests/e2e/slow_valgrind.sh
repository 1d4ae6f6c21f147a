# The program under valgrind's memcheck: what it does on a usual day, and bad input,
# without a fault and without a leak.
if ! command -v valgrind >/dev/null || ldd "$FTGPU" | grep -q libasan; then
    echo "skipped: needs valgrind and a program without AddressSanitizer"
    exit 77
fi
. "$E2E/lib.sh"
must data demo --out data
must model init --size nano --out nano
job="--model nano --train data/train.csv --val data/val.csv --test data/test.csv --target Close --eval-windows 1 --threads 1
    --set context_length=8 --set prediction_length=2 --set epochs=2 --set batch_size=8 --train-last 12"
# valgrind knows no AVX-512, and loses a program that starts itself anew, as one does that
# nobody told how threads wait.
FTGPU_ISA=generic OMP_WAIT_POLICY=passive
export FTGPU_ISA OMP_WAIT_POLICY

# check STATUS ARGUMENTS...
check() {
    wanted=$1
    shift
    status=0
    ran="valgrind ftgpu $*"
    valgrind -q --log-file=valgrind.log --leak-check=full --show-leak-kinds=definite "$FTGPU" "$@" >out 2>err || status=$?
    expect_status "$wanted"
    [ -s valgrind.log ] && fail "$ran: $(head -20 valgrind.log)"
    return 0
}

check 0 run $job --name one
check 0 sweep $job --grid lora_rank=2,4 --set early_stopping_patience=1 --name two
check 0 run $job --set adapter_type=ln_tuning --name three
check 0 run $job --set adapter_type=full --name four
check 0 forecast --experiment one --data data/data.csv --target Close --horizon 3 --num-samples 2 --threads 1
check 0 compare
check 0 best --metric mae
check 0 best --format json
check 0 forecast --experiment best --match 'one_*' --data data/data.csv --target Close --horizon 3 --num-samples 2 --threads 1
check 0 show one
check 0 analyze summary
check 0 data insights --data data/data.csv --split 0.7,0.15,0.15 --target Close
check 0 model merge --model nano --adapter "$(directory_of 'one_*')/adapter" --out merged
check 0 --help
sed '5s/,[^,]*,/,abc,/' data/train.csv >bad.csv
check 2 data insights --train bad.csv --target Close
echo '{"epochs": [1' >bad.json
check 2 sweep $job --grid-file bad.json
head -c 5000 nano/model.safetensors >merged/model.safetensors
check 2 model info merged
check 2 run $job --adapter nano
check 2 compare --fromat csv
finish
