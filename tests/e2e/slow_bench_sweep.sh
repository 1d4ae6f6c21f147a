# bench/sweep.sh without its peer, at its smallest: it trains, tells training from
# evaluation and writes its record.
. "$E2E/lib.sh"
root=$(cd "$E2E/../.." && pwd)
status=0
ran='bench/sweep.sh'
"$root/bench/sweep.sh" --ftgpu "$FTGPU" --python none --sizes nano --configs 1 --repetitions 1 --out "$PWD/results" >out 2>err || status=$?
expect_status 0
expect out '^nano +ftgpu +training +[0-9.]+ s, evaluation +[0-9]*[1-9][0-9.]* s|evaluation +0\.[0-9]*[1-9]'
record=$(ls results/sweep-*.json)
expect "$record" '"size": "nano", "who": "ftgpu", "training": [0-9.]+, "evaluation": [0-9.]+, "whole": [0-9.]+, "processor": [0-9.]+}'
expect "${record%.json}.md" '^\| nano \| ftgpu \| [0-9.]+ \| [0-9.]+ \| [0-9.]+ \| [0-9.]+ \|$'
"$root/bench/sweep.sh" --sizes >out 2>err && fail 'an option without its value was taken'
expect err '^usage: bench/sweep.sh'
"$root/bench/sweep.sh" --no-such thing >out 2>err && fail 'an unknown option was taken'
expect err '^bench/sweep.sh: --no-such: no such option'
finish
