# On a machine that others use as well a sweep gets its fair share: beside as many busy
# processes as there are cores it takes at most 3.5 times as long as alone. Threads that
# wait by turning a loop would make that 15 to 40 times.
. "$E2E/lib.sh"
prepare_job
unset OMP_WAIT_POLICY GOMP_SPINCOUNT

# seconds: the least that three sweeps take.
seconds() {
    least=
    for turn in 1 2 3; do
        rm -rf results
        begun=$(date +%s.%N)
        ft sweep $job --grid learning_rate=1e-4,1e-3 --set epochs=100 --results results
        expect_status 0
        least=$(date +%s.%N | awk -v begun="$begun" -v least="$least" '{ s = $1 - begun; print least == "" || s < least ? s : least }')
    done
}
seconds
alone=$least
busy=
for core in $(seq "$(nproc)"); do
    sh -c 'while :; do :; done' &
    busy="$busy $!"
done
trap 'kill $busy 2>/dev/null || :' EXIT
seconds
kill $busy; wait
echo "a sweep takes $alone s alone, $least s beside $(nproc) busy processes"
awk -v alone="$alone" -v busy="$least" 'BEGIN { exit !(busy <= 3.5 * alone) }' || fail "it takes more than 3.5 times as long"
finish
