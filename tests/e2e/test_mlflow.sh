# Experiments at an MLflow server: sent as trials finish, completed after a fault, nothing
# twice; a server that is down or none stops no sweep. mlflow_server answers as MLflow does;
# tests/oracle/check_mlflow.py asks a real one.
. "$E2E/lib.sh"
server=$(dirname "$FTGPU")/mlflow_server
[ -x "$server" ] || { echo "skipped: needs $server"; exit 77; }
ldconfig -p 2>/dev/null | grep -q 'libcurl\(-gnutls\)\?\.so\.4' || { echo "skipped: there is no libcurl"; exit 77; }
for name in http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY no_proxy NO_PROXY; do unset "$name"; done
for name in $(env | sed -n 's/^\(MLFLOW_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
prepare_job
"$server" port log &
server_pid=$!
trap 'kill $server_pid' EXIT
while [ ! -s port ]; do sleep 0.05; done
uri=http://127.0.0.1:$(cat port)
count() { grep -Ec -e "$1" log || true; }

# A fault on the way: said once, the sweep goes on; export sends the rest, and nothing twice.
touch log.fault
must sweep $job --grid lora_rank=2,4 --name lr --mlflow "$uri/"
[ "$(grep -c "^warning: MLflow at $uri: the disk is full" err)" = 1 ] || fail "warnings: $(cat err)"
expect err "^2 experiments are not at MLflow: ftgpu export --mlflow $uri/? sends what it lacks"
expect err '2 of 2 experiments done, 0 of them failed'
rm log.fault
must export --match 'lr_*' --mlflow "$uri"
expect out '^sent 2 of 2 experiments to MLflow$'
[ "$(count 'POST .*/runs/create .*"run_name":"lr_00[12]_')" = 2 ] || fail "$(count /runs/create) runs were created"
[ "$(count 'POST .*/experiments/create .*"name":"lr"')" = 1 ] || fail "experiments: $(grep experiments log)"
expect log 'log-batch .*"params":\[.*\{"key":"lora_rank","value":"4"\}'
expect log 'log-batch .*"metrics":\[\{"key":"loss","value":[0-9.]+,"timestamp":[0-9]+,"step":1\}'
[ "$(count 'PUT /api/2.0/mlflow-artifacts/artifacts/1/run[01]/artifacts/adapter/adapter_model.safetensors ')" = 2 ] || fail "adapters: $(grep PUT log)"
[ "$(count 'POST .*/runs/update .*"status":"FINISHED"')" = 2 ] || fail "ends: $(grep update log)"
lines=$(wc -l <log)
must export --match 'lr_*' --mlflow "$uri"
expect out '^sent 0 of 2 experiments to MLflow; the others were there$'
[ "$(tail -n +$((lines + 1)) log | grep -c 'create\|log-batch\|PUT')" = 0 ] || fail "sent twice: $(tail -n +$((lines + 1)) log)"

# A server that makes a run, and then answers a byte a second: the sweep does not wait for it, and
# export completes the run instead of making it again.
touch log.slow
must sweep $job --grid lora_rank=2,4 --name slow --mlflow "$uri"
expect err "^warning: MLflow at $uri cannot be reached: Operation timed out after 5[0-9]* milliseconds"
expect err '^2 experiments are not at MLflow'
rm log.slow
must export --match 'slow_*' --mlflow "$uri"
expect out '^sent 2 of 2 experiments to MLflow$'
[ "$(count 'POST .*/runs/create .*"run_name":"slow_00[12]_')" = 2 ] || fail "$(grep /runs/create log)"

# A server that makes a run and closes the connection, which was kept from the request before:
# libcurl would send the request again.
touch log.cut
must sweep $job --grid lora_rank=2,4 --name cut --mlflow "$uri"
expect err '^2 experiments are not at MLflow'
rm log.cut
must export --match 'cut_*' --mlflow "$uri"
expect out '^sent 2 of 2 experiments to MLflow$'
[ "$(count 'POST .*/runs/create .*"run_name":"cut_00[12]_')" = 2 ] || fail "$(grep /runs/create log)"

# By the variable, and into the experiment that another one names.
export MLFLOW_TRACKING_URI="$uri" MLFLOW_EXPERIMENT_NAME="my trials/5"
must run $job --name single
expect err "^note: experiments are sent to MLflow at $uri \(MLFLOW_TRACKING_URI\)"
[ "$(count 'GET .*get-by-name\?experiment_name=my%20trials%2F5 ')" = 1 ] || fail "name: $(grep get-by-name log)"
[ "$(count '"run_name":"single_')" = 1 ] || fail "a run was created $(count '"run_name":"single_') times"
MLFLOW_TRACKING_URI=sqlite:///mlflow.db
must run $job --name local
expect err '^warning: MLFLOW_TRACKING_URI: MLflow: "sqlite:///mlflow.db" is no server'
unset MLFLOW_TRACKING_URI

# Down, or no MLflow at all.
must sweep $job --grid lora_rank=2,4 --name down --mlflow http://127.0.0.1:1
[ "$(grep -c '^warning: MLflow at http://127.0.0.1:1 cannot be reached' err)" = 1 ] || fail "warnings: $(cat err)"
expect err '^2 experiments are not at MLflow'
refuses '^ftgpu: --mlflow: MLflow: "here" is no server.s address' run $job --mlflow here
ft export --mlflow http://127.0.0.1:1
expect_status 1
refuses 'leave out --csv' export --mlflow "$uri" --csv table.csv
finish
