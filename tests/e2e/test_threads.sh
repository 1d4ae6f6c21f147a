# OpenMP may grant fewer threads than there are cores: the results are those of fewer
# threads, never others in silence. And what the program's restart with another
# environment must not break.
. "$E2E/lib.sh"
prepare_job
unset OMP_WAIT_POLICY GOMP_SPINCOUNT

# losses NAME: of the one experiment of that name.
losses() {
    sed -n '/"train_loss"/,/]/p; /"val_loss"/,/]/p; /"mae"/p' "$(directory_of "$1_2*")/results.json" | grep -v -e '"seconds"' -e '"tokens_per_second"'
}
ft run $job --dtype f32 --threads 1 --name one
expect_status 0
losses one >expected
[ "$(wc -l <expected)" -gt 3 ] || fail "no losses are recorded: $(cat expected)"
number=0
for limit in OMP_THREAD_LIMIT=1 OMP_MAX_ACTIVE_LEVELS=0; do
    number=$((number + 1))
    status=0
    ran="$limit ftgpu run"
    env $limit "$FTGPU" run $job --dtype f32 --threads 2 --name "limited$number" >out 2>err || status=$?
    expect_status 0
    losses "limited$number" >got
    cmp -s expected got || fail "$limit: other numbers than with one thread: $(diff expected got | head -4)"
done
ft run $job --dtype f32 --threads 2 --name two
losses two >expected
env OMP_DYNAMIC=true "$FTGPU" run $job --dtype f32 --threads 2 --name dynamic >out 2>err || fail "OMP_DYNAMIC=true: $(cat err)"
losses dynamic >got
cmp -s expected got || fail "OMP_DYNAMIC=true: other numbers: $(diff expected got | head -4)"

# Started by the loader, the program is not what /proc/self/exe names. It keeps its name,
# and knows how its children end.
loader=$(ldd "$FTGPU" | sed -n 's/^[[:space:]]*\(\/[^ ]*ld-linux[^ ]*\) .*/\1/p')
if [ "$loader" ] && ! ldd "$FTGPU" | grep -q libasan; then
    "$loader" "$FTGPU" run $job --name loaded >out 2>err || fail "by the loader: $(cat err)"
fi
mkfifo data.fifo
"$FTGPU" forecast --model nano --data data.fifo --target Close --horizon 1 --num-samples 1 >out 2>err &
process=$!
exec 7>data.fifo
tries=0
until [ "$(cat /proc/$process/comm)" = ftgpu ] || [ $tries = 600 ]; do sleep 0.1; tries=$((tries + 1)); done
[ "$(cat /proc/$process/comm)" = ftgpu ] || fail "the process is called $(cat /proc/$process/comm)"
cat data/test.csv >&7
exec 7>&-
wait $process || fail "a forecast from a pipe: $(cat err)"

# A calibration that is no file, or that another process holds, keeps nobody.
mkdir -p cache/ftgpu
mkfifo cache/ftgpu/calibration.json
XDG_CACHE_HOME=$PWD/cache timeout 120 "$FTGPU" devices >out 2>err || fail "a pipe as calibration: status $?: $(cat err)"
rm cache/ftgpu/calibration.json
flock cache/ftgpu/calibration.lock sh -c 'echo $$ >holder; exec sleep 300' &
until [ -s holder ]; do sleep 0.1; done
XDG_CACHE_HOME=$PWD/cache timeout 120 "$FTGPU" devices >out 2>err || fail "a held calibration: status $?: $(cat err)"
kill "$(cat holder)"
wait || :
finish
