# Models of the Hugging Face Hub: found in the cache, else fetched; what goes wrong on the
# way is told in one line, and nothing half-written counts as whole. hub_server answers as
# the Hub does.
. "$E2E/lib.sh"
hub_server=$(dirname "$FTGPU")/hub_server
[ -x "$hub_server" ] || { echo "skipped: needs $hub_server"; exit 77; }
ldconfig -p 2>/dev/null | grep -q 'libcurl\(-gnutls\)\?\.so\.4' || { echo "skipped: there is no libcurl"; exit 77; }
for name in http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY no_proxy NO_PROXY; do unset "$name"; done
unset HF_TOKEN HUGGING_FACE_HUB_TOKEN HF_HUB_CACHE HUGGINGFACE_HUB_CACHE HF_TOKEN_PATH HF_HUB_OFFLINE TRANSFORMERS_OFFLINE
export HF_HOME="$PWD/home" HOME="$PWD"

# publish MODEL COMMIT: what lies in the directory site/MODEL gets etags as the Hub's:
# SHA-256 for weights, git's SHA-1 else.
publish() {
    for file in "site/$1"/*; do
        case $file in
        *.etag | */commit | */tags | */token) ;;
        *.safetensors) sha256sum <"$file" | cut -c1-64 >"$file.etag" ;;
        *) { printf 'blob %d\0' "$(wc -c <"$file")"; cat "$file"; } | sha1sum | cut -c1-40 >"$file.etag" ;;
        esac
    done
    echo "$2" >"site/$1/commit"
}
commit() { printf "%040d" "$1"; }
script() { echo "$@" >site/script; : >log; }
no_script() { rm -f site/script; : >log; }
count() { grep -Ec -e "$1" log || true; }
clean() { rm -rf home/hub; : >log; }
nothing_whole() {
    [ -z "$(find home/hub -path '*/snapshots/*' -name 'model.safetensors' 2>/dev/null)" ] || fail "$ran: model.safetensors is in the cache"
}
pull() { ft model pull "$@"; }
# The command ends with the status and one line on stderr (besides those of progress) that
# matches.
says() { # STATUS PATTERN ARGUMENTS...
    wanted=$1 pattern=$2
    shift 2
    ft "$@"
    expect_status "$wanted"
    [ "$(grep -c '^ftgpu: ' err)" = 1 ] || fail "$ran: $(grep -c '^ftgpu: ' err) messages"
    expect err "^ftgpu: $pattern"
    [ -s out ] && fail "$ran: failed, but wrote to stdout"
    true
}

must model init --size nano --out nano
echo '{"_from_model_config": true, "decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}' >nano/generation_config.json
must data demo --out data
data="--data data/train.csv --target Close --horizon 2 --num-samples 2"
mkdir -p site/org
cp -r nano site/org/tiny
echo "# A model" >site/org/tiny/README.md # not needed
publish org/tiny "$(commit 1)"
echo "v1 refs%2Fpr%2F1" >site/org/tiny/tags
"$hub_server" site ports log &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
tries=0
until [ -s ports ]; do tries=$((tries + 1)); [ $tries -lt 600 ] || { fail "the server does not start"; finish; }; sleep 0.1; done
read -r hub_port cdn_port <ports
export HF_ENDPOINT="http://127.0.0.1:$hub_port/"
hub="http://127.0.0.1:$hub_port"

# Nothing in the cache, and no network allowed.
HF_HUB_OFFLINE=1
export HF_HUB_OFFLINE
says 2 "org/tiny: is no directory here and not in the cache $HF_HOME/hub, and HF_HUB_OFFLINE forbids" model pull org/tiny
[ ! -e home/hub ] || fail "a refused pull made a cache"
unset HF_HUB_OFFLINE
must model list
expect err "^$HF_HOME/hub holds no model"
must model list --format json

# Fetched: Python's layout, files that are whole, only those that are needed; the token to
# the Hub alone.
: >log
export HF_TOKEN=secret
must model pull org/tiny
expect out "^$HF_HOME/hub/models--org--tiny/snapshots/$(commit 1)\$"
repository=home/hub/models--org--tiny
snapshot=$repository/snapshots/$(commit 1)
[ "$(cat $repository/refs/main)" = "$(commit 1)" ] || fail "refs/main is $(cat $repository/refs/main)"
[ "$(wc -c <$repository/refs/main)" = 40 ] || fail "refs/main has more than the commit"
for file in config.json generation_config.json model.safetensors; do
    cmp nano/$file $snapshot/$file || fail "$file is another one"
    [ "$(readlink $snapshot/$file)" = "../../blobs/$(cat site/org/tiny/$file.etag)" ] || fail "$file is no link to its blob"
done

[ "$(ls $snapshot | wc -l)" = 3 ] || fail "more than needed: $(ls $snapshot)"
[ -z "$(find home/hub -name '*incomplete*' -o -name '*.tmp.*')" ] || fail "left over: $(find home/hub -name '*incomplete*')"
[ "$(count '^hub .* token=secret')" -ge 3 ] || fail "the token does not come to the Hub"
[ "$(count '^cdn ')" -ge 1 ] || fail "nothing came from the second host"
[ "$(count '^cdn .* token=[^-]')" = 0 ] || fail "the token came to the second host: $(grep '^cdn' log)"
unset HF_TOKEN

# From the cache: not a word to the network; the same bits as the directory.
: >log
must forecast --model nano $data --out a.csv
must model pull org/tiny
[ "$(count .)" -le 2 ] || fail "a pull of what is there asks $(count .) times"
: >log
HF_HUB_OFFLINE=1 "$FTGPU" model list --format csv >out 2>err || fail "model list fails"
expect out "^org/tiny,main,[0-9]+,true,$HF_HOME/hub/models--org--tiny/snapshots/$(commit 1)\$"

HF_HUB_OFFLINE=1 ft forecast --model org/tiny $data --out b.csv
expect_status 0
cmp a.csv b.csv || fail "a model of the cache forecasts otherwise"
HF_ENDPOINT=http://127.0.0.1:1 ft model info org/tiny --format csv
expect_status 0

# run, its record, and forecasts with what it trained; a whole model has the base's
# config.
job="--train data/train.csv --val data/val.csv --test data/test.csv --target Close --train-last 60 --eval-windows 1 --set epochs=1
    --set batch_size=8 --set context_length=16 --set prediction_length=4"
export HF_HUB_OFFLINE=1
must run --model org/tiny $job --name lora
expect "$(directory_of 'lora_*')/results.json" '"model": "org/tiny"'
expect "$(directory_of 'lora_*')/adapter/adapter_config.json" '"base_model_name_or_path": "org/tiny"'
must forecast --experiment best --data data/train.csv --target Close --num-samples 2
must model merge --model org/tiny --adapter "$(directory_of 'lora_*')/adapter" --out merged
must run --model org/tiny@main $job --name full --set adapter_type=full
must model info "$(directory_of 'full_*')/adapter"
must run --model hf://org/tiny $job --name explicit
expect "$(directory_of 'explicit_*')/adapter/adapter_config.json" "\"base_model_name_or_path\": \"$HF_HOME/hub/"
mkdir org
refuses '^ftgpu: org/tiny: there is no such directory; if the model of that name .*: hf://org/tiny' forecast --model org/tiny $data
must forecast --model hf://org/tiny $data
rmdir org
mv home/hub home/away
refuses 'its base model was org/tiny.* where no model is now' forecast --experiment "$(basename "$(directory_of 'lora_*')")" --data data/train.csv --target Close
mv home/away home/hub
unset HF_HUB_OFFLINE
rm -r results

# A newer commit: pull notices it; a name's commit stays what it is.
sed 's/"architectures"/"new": 1, "architectures"/' nano/config.json >site/org/tiny/config.json
rm site/org/tiny/generation_config.json*
publish org/tiny "$(commit 2)"
must model pull org/tiny
expect out "/snapshots/$(commit 2)\$"
[ "$(count '^cdn GET')" = 0 ] || fail "weights that are there were fetched again"
must model pull org/tiny@v1
[ "$(cat $repository/refs/v1)" = "$(commit 2)" ] || fail "refs/v1 is not noted"
must model pull org/tiny@refs/pr/1
[ "$(cat $repository/refs/refs/pr/1)" = "$(commit 2)" ] || fail "refs/refs/pr/1 is not noted"
must model pull "hf://org/tiny@$(commit 2)"
must model pull org/tiny --format json
expect out "\"commit\": \"$(commit 2)\""
must model list
expect out 'main, refs/pr/1, v1'

# What the Hub refuses.
clean
says 2 "org/none: $hub has no such model, or it is private \\(401\\): .*HF_TOKEN" model pull org/none
HF_TOKEN=secret says 2 "org/none: $hub has no such model \\(404\\): check the name" model pull org/none
says 2 'org/tiny: has no revision "v9" \(404\)' model pull org/tiny@v9
echo right >site/org/tiny/token
says 2 "org/tiny: $hub refuses access \\(401\\): agree to .* $hub/org/tiny, then set HF_TOKEN" model pull org/tiny
HF_TOKEN=wrong says 2 "org/tiny: $hub does not accept the token \\(401\\), which is from HF_TOKEN" model pull org/tiny
expect_not err wrong
HF_TOKEN="$(printf ' right \n')" pull org/tiny
expect_status 0
clean
printf 'right\n' >home/token
pull org/tiny
expect_status 0
rm site/org/tiny/token home/token
clean
script "HEAD config.json 1 status 403"
says 2 "org/tiny: $hub refuses access \\(403\\)" model pull org/tiny
says 2 '"tiny" is no name on the Hugging Face Hub' model pull tiny
says 2 '"org/../tiny" is no name' model pull org/../tiny
says 2 '"org/tiny@../../x" is no name' model pull org/tiny@../../x
nothing_whole

# What passes is tried again.
for fault in "status 503" "status 429 Retry-After: 1" "cut 0"; do
    for what in "HEAD config.json" "GET /blob/" "GET /resolve-cache/"; do
        [ "$what $fault" != "HEAD config.json cut 0" ] || continue # it has no body
        clean
        script "$what 1 $fault"
        pull org/tiny
        expect_status 0
        cmp nano/model.safetensors $repository/snapshots/*/model.safetensors || fail "$what, $fault: model.safetensors is another one"
    done
done
clean
script "GET /blob/ 9 status 503"
says 1 "org/tiny: model.safetensors: $hub answers 503 again and again, a fault of its own: try again later" model pull org/tiny
nothing_whole
clean
script "HEAD config.json 9 status 429 Retry-After: 3000"
says 1 "org/tiny: config.json: $hub answers 429, too many requests: try again in 3000 s" model pull org/tiny
script "HEAD config.json 9 status 418"
says 1 "org/tiny: config.json: $hub answers 418" model pull org/tiny

# Connections that end: what has come is not asked for again, also by the next pull.
clean
script "GET /blob/ 1 cut 100000"
pull org/tiny
expect_status 0
grep -q '^cdn GET .* from=100000 -> 206' log || fail "it is not resumed: $(cat log)"
cmp nano/model.safetensors $repository/snapshots/*/model.safetensors || fail "resumed: model.safetensors is another one"
clean
echo "GET /blob/ 1 cut 200000
GET /blob/ 9 cut 0" >site/script
says 1 'org/tiny: model.safetensors: the connection breaks again and again .*resumed' model pull org/tiny
nothing_whole
[ "$(cat $repository/blobs/*.incomplete | wc -c)" = 200000 ] || fail "what has come is thrown away"
no_script
pull org/tiny
expect_status 0
grep -q '^cdn GET .* from=200000 -> 206' log || fail "the next pull does not resume: $(cat log)"
cmp nano/model.safetensors $repository/snapshots/*/model.safetensors || fail "resumed later: model.safetensors is another one"
[ -z "$(find home/hub -name '*.incomplete')" ] || fail "the incomplete file is left over"

# Ranges that are ignored, or are others than asked for.
for fault in norange "shift 1000"; do
    clean
    echo "GET /blob/ 1 cut 100000
GET /blob/ 1 $fault" >site/script
    pull org/tiny
    expect_status 0
    cmp nano/model.safetensors $repository/snapshots/*/model.safetensors || fail "$fault: model.safetensors is another one"
done
# A beginning that is another one's: noticed by the hash, fetched anew.
clean
no_script
mkdir -p $repository/blobs
head -c 5000 /dev/zero >"$repository/blobs/$(cat site/org/tiny/model.safetensors.etag).incomplete"
pull org/tiny
expect_status 0
cmp nano/model.safetensors $repository/snapshots/*/model.safetensors || fail "model.safetensors has another beginning"

# Wrong bytes and too many of them.
clean
script "GET /blob/ 9 flip"
says 1 'org/tiny: model.safetensors: its hash is [0-9a-f]{64}, but .* says [0-9a-f]{64}: it was damaged' model pull org/tiny
nothing_whole
[ -z "$(find home/hub -name '*.incomplete')" ] || fail "wrong bytes are kept"
[ ! -e $repository/refs/main ] || fail "refs/main leads to what is not whole"
clean
script "GET config.json 9 flip"
says 1 'org/tiny: config.json: its hash is [0-9a-f]{40}, but' model pull org/tiny
clean
script "GET /blob/ 9 endless"
says 1 'org/tiny: model.safetensors: more than the [0-9]+ bytes come that it should have' model pull org/tiny
nothing_whole
clean
script "GET config.json 9 endless"
says 1 'org/tiny: config.json: more than the [0-9]+ bytes come' model pull org/tiny

# No Hub at all.
clean
script "HEAD config.json 9 page"
says 1 'org/tiny: config.json: .* does not answer as the Hub does .no X-Repo-Commit.: check HF_ENDPOINT' model pull org/tiny
script "HEAD config.json 99 circle"
says 1 'org/tiny: .* is sent on without an end' model pull org/tiny
script "GET config.json 99 circle"
says 1 'org/tiny: .* is sent on without an end' model pull org/tiny
script "HEAD config.json 9 silent 9"
HF_HUB_DOWNLOAD_TIMEOUT=1 says 1 'org/tiny: config.json: .* cannot be reached: .*; it is no directory here and not in the cache' model pull org/tiny
no_script
HF_ENDPOINT=http://127.0.0.1:1 says 1 'org/tiny: config.json: http://127.0.0.1:1 cannot be reached: .*; it is no directory here and not in the cache .*: connect, set https_proxy or HF_ENDPOINT, or give the directory of a copy' model pull org/tiny
HF_ENDPOINT=ftp://x says 2 'HF_ENDPOINT: "ftp://x" does not begin with' model pull org/tiny
# Through a proxy, which is asked for another host.
no_proxy=127.0.0.1 HF_ENDPOINT=http://hub.invalid http_proxy=$hub pull org/tiny
expect_status 0
clean

# Models that are not ftgpu's: known before the weights come.
cp -r site/org/tiny site/org/bolt
sed 's/T5ForConditionalGeneration/ChronosBoltModelForForecasting/' nano/config.json >site/org/bolt/config.json
publish org/bolt "$(commit 3)"
says 2 '.*/config.json: ' model pull org/bolt
[ "$(count '^cdn GET')" = 0 ] || fail "weights of a model that is not read were fetched"
mkdir site/org/bin site/org/empty site/org/shards
cp nano/config.json site/org/bin
echo x >site/org/bin/pytorch_model.bin
publish org/bin "$(commit 4)"
says 2 'org/bin: has pytorch_model.bin alone, which is not read: convert it' model pull org/bin
echo x >site/org/empty/README.md
publish org/empty "$(commit 5)"
says 2 'org/empty: has no config.json' model pull org/empty

# Shards: all that the index names, and none but them.
cp nano/config.json site/org/shards
echo one >site/org/shards/model-00001-of-00002.safetensors
echo two >site/org/shards/model-00002-of-00002.safetensors
echo '{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors", "c": "model-00001-of-00002.safetensors"}}' \
    >site/org/shards/model.safetensors.index.json
publish org/shards "$(commit 6)"
script "GET model-00002 9 status 418"
says 1 'org/shards: model-00002-of-00002.safetensors: .* answers 418' model pull org/shards
must model list --format csv
expect out '^org/shards,0*6,[0-9]+,false,'
no_script
must model pull org/shards
[ "$(cat home/hub/models--org--shards/snapshots/*/model-0000?-of-*)" = "$(printf 'one\ntwo')" ] || fail "the shards are others"
must model list --format csv
expect out '^org/shards,main,[0-9]+,true,'
echo '{"weight_map": {"a": "../../../../x.safetensors"}}' >site/org/shards/model.safetensors.index.json
publish org/shards "$(commit 7)"
says 2 '.*index.json: "weight_map": "a" names no file beside it' model pull org/shards

# Two at a time: one fetches, the other waits for it.
clean
script "GET /blob/ 99 slow 60"
"$FTGPU" model pull org/tiny >out1 2>err1 &
first=$!
"$FTGPU" model pull org/tiny >out2 2>err2 &
second=$!
wait $first || fail "the first of two pulls fails: $(cat err1)"
wait $second || fail "the second of two pulls fails: $(cat err2)"
[ "$(count '^cdn GET')" = 1 ] || fail "two pulls fetch the weights $(count '^cdn GET') times"
# One that is killed: what it had is resumed, and nobody waits for it.
clean
: >log
script "GET /blob/ 1 slow 200"
"$FTGPU" model pull org/tiny >out 2>err &
first=$!
tries=0
until [ -n "$(find home/hub -name '*.incomplete' -size +100k 2>/dev/null)" ] || [ $tries = 1200 ]; do sleep 0.05; tries=$((tries + 1)); done
kill -9 $first
wait $first 2>/dev/null || true
nothing_whole
pull org/tiny
expect_status 0
grep -Eq '^cdn GET .* from=[1-9][0-9]* -> 206' log || fail "what a killed pull had is not resumed: $(cat log)"
cmp nano/model.safetensors $repository/snapshots/*/model.safetensors || fail "after a kill: model.safetensors is another one"

# --model fetches by itself, workers and all.
clean
no_script
ft sweep --model org/tiny $job --grid seed=1,2 --name fetched
expect_status 0
expect err '^fetching org/tiny, model.safetensors \(2.0 MB\), from http'
rm -r home/hub
ft forecast --model org/tiny@v1 $data
expect_status 0
expect err '^ftgpu: fetching org/tiny@v1, model.safetensors'
ft forecast --model org/none $data
expect_status 2
[ "$(wc -l <err)" = 1 ] || fail "not one line: $(cat err)"
# Stopped by SIGTERM meanwhile.
clean
script "GET /blob/ 1 slow 300"
begin run --model org/tiny $job
await err '^fetching'
sleep 0.5
kill "$pid"
end
case $status in 75 | 130) ;; *) fail "a run that is stopped while it fetches ends with $status: $(cat err)" ;; esac
nothing_whole

# Places: HF_HUB_CACHE before HF_HOME before XDG_CACHE_HOME.
HF_HUB_CACHE=$PWD/elsewhere pull org/tiny
expect out "^$PWD/elsewhere/models--org--tiny/"
(unset HF_HOME; XDG_CACHE_HOME="$PWD/xdg" "$FTGPU" model pull org/tiny >out 2>err) || fail "XDG_CACHE_HOME: $(cat err)"
expect out "^$PWD/xdg/huggingface/hub/models--org--tiny/"
touch file
HF_HUB_CACHE=$PWD/file says 2 '.*/file' model pull org/tiny
finish
