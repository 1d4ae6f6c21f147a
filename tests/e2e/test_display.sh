# What stays of a sweep's progress: on a terminal what is no part of the live area (test_live.sh),
# elsewhere lines.
. "$E2E/lib.sh"
prepare_job
command -v script >/dev/null || { echo "no script(1) to make a terminal"; exit 77; }

ran="ftgpu sweep on a terminal"
script -qec "stty cols 60; $FTGPU sweep $(echo $job) --name shown --set epochs=2 --grid learning_rate=1e-4,1e-3" typescript >/dev/null ||
    fail "$ran: exit status $?"
tr -d '\r' <typescript >lines
expect lines 'evaluating the model before tuning .*\(season 5: business days\)$'
expect lines 'shown_002_[0-9_]*  val mae .*[0-9]$'

# Elsewhere all is lines, and none is cut.
must sweep $job --name told --set epochs=2 --grid learning_rate=1e-4,1e-3
[ "$(grep -c '^[12]/2  epoch [12]/2 .* tokens/s$' err)" = 4 ] || fail "$ran: not 4 lines of epochs"
expect_not err "$(printf '\033')"

# So it is where a sweep fails or is stopped: no line that was not there is cleared.
expect_plain_lines() {
    expect_not err '[[:cntrl:]]'
    expect_not err '( {10}|^ *$)'
}
long="--set epochs=100000 --grid learning_rate=1e-4,1e-3"
begin sweep $job $long --name failing
await err ' epoch 1/'
rm results/fine_tuning/.sweeps/failing/lock
end
expect_status 1
expect err '^ftgpu: .*failing/lock was removed or replaced'
expect_plain_lines
begin sweep $job $long --name stopped
await err ' epoch 1/'
kill -INT "$pid"
end
expect_status 130
expect err '^ftgpu: stopping at the end of this epoch'
expect err '^ftgpu: sweep "stopped" stopped with 0 of 2'
expect_plain_lines
finish
