# Stopping: results are whole or absent after SIGKILL; SIGINT and SIGTERM end with their
# own status.
. "$E2E/lib.sh"
prepare_job

# Everything that lies in the results directory is whole.
check_whole() {
    must compare --format csv
    expect_not err '/results\.json:'
    for found in results/fine_tuning/*/results.json; do
        [ -e "$found" ] || continue
        directory=$(dirname "$found")
        [ "$(tail -c 2 "$found")" = "}" ] || fail "$found is cut off"
        must show "$(basename "$directory")"
        grep -q '^  "error": null' "$found" || continue
        # The record comes last: what it tells of is there.
        must forecast --experiment "$(basename "$directory")" --data data/test.csv --target Close --horizon 1 --num-samples 1
        [ "$(tail -c 1 "$directory/forecasts.csv" | od -An -tx1 | tr -d ' ')" = 0a ] || fail "$directory/forecasts.csv is cut off"
    done
}

mkdir -p results/fine_tuning
for instant in 0.2 0.5 0.9 1.4 2.0; do
    begin sweep $job --grid learning_rate=1e-4,1e-3,1e-2 --grid lora_rank=2,4,8 --name killed
    sleep "$instant"
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" || true
    check_whole
done

# A run of its own that is stopped is recorded with how far it came, and its adapter goes
# on.
check_stopped() { # NAME
    set -- results/fine_tuning/"$1"_*
    must show "$(basename "$1")"
    expect out 'interrupted after epoch [0-9]+ of 100000'
    must forecast --experiment "$(basename "$1")" --data data/test.csv --target Close --horizon 1 --num-samples 1
    expect err 'warning: .*interrupted after epoch'
    must run $job --adapter "$1/adapter" --name continued
}

begin run $job --set epochs=100000 --name interrupted
await err 'epoch 2/'
kill -INT "$pid"
end
expect_status 130
expect err 'interrupted after epoch .* ftgpu run --adapter results/fine_tuning/interrupted_.* continues'
check_stopped interrupted
begin run $job --set epochs=100000 --name terminated
await err 'epoch 2/'
kill -TERM "$pid"
end
expect_status 75
check_stopped terminated
finish
