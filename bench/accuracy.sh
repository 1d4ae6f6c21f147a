#!/bin/sh
# Accuracy of Chronos-T5 models, without tuning and tuned, on real series: 39 sets from
# PyPI packages, by the protocol of Chronos' evaluation, beside the seasonal naive
# forecast, AutoETS and AutoTheta. docs/pretrained.md says how to read it.
#
#   bench/accuracy.sh --protocol               the check of the protocol
#   bench/accuracy.sh --model DIR --quick      for choices: 200 series a set, development
#   bench/accuracy.sh --model DIR --group all  for claims: all series
#   bench/accuracy.sh --model DIR --quick --no-statistics --tune   tuned on each set
#   bench/accuracy.sh --list                   the sets;  --help: all options
#
# Makes a Python environment with the packages, in $ACCURACY_VENV (/tmp/acc-venv), which
# also keeps the forecasts of AutoETS and AutoTheta.
set -eu
cd "$(dirname "$0")/.."
venv=${ACCURACY_VENV:-/tmp/acc-venv}
here=bench/accuracy
stamp=$(cat $here/tools.txt $here/data.txt | cksum)
if [ "$(cat "$venv/stamp" 2>/dev/null)" != "$stamp" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r $here/tools.txt >&2
    # Only their data files are read: what the packages need is left out.
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r $here/data.txt >&2
    echo "$stamp" >"$venv/stamp"
fi
exec "$venv/bin/python" -B -W ignore $here/evaluate.py --cache "$venv/cache" "$@"
