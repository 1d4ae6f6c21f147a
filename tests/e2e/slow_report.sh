# report in a browser: Debian's chromium, headless, opens the page, sorts and brushes. Of
# a real sweep, of texts that would be HTML, and of 1,000 experiments.
. "$E2E/lib.sh"
command -v chromium >/dev/null || { echo "skipped: needs chromium"; exit 77; }

# open PAGE WIDTH LEAST_CANVASES: drives the page in a window of that width.
open() {
    awk -v least="$3" -v driver="$E2E/report_driver.js" '
        /^<title>/ { print "<script>const seenErrors = []; const leastCanvases = " least ";"
            print "window.addEventListener(\"error\", (e) => seenErrors.push(e.message));"
            print "window.addEventListener(\"securitypolicyviolation\", (e) => seenErrors.push(e.violatedDirective));"
            print "for (const name of [\"error\", \"warn\"]) console[name] = (...words) => seenErrors.push(words.join(\" \"));"
            print "</script>" }
        /^<\/body>/ { print "<script>"; while ((getline line <driver) > 0) print line; print "</script>" }
        { print }' "$1" >driven.html
    timeout 120 chromium --headless=new --no-sandbox --disable-gpu --user-data-dir="$PWD/browser" --window-size="$2,900" \
        --virtual-time-budget=20000 --dump-dom "file://$PWD/driven.html" >dom 2>chromium.log || true
    sed -n '/<pre>/,/^end/p' dom | sed 's/<[a-z/]*>//g' >found
    echo "$1, $2 wide: $(grep -c '^ok' found) checks, $(sed -n 's/^ok \(drawn in\)/\1/p' found)"
    ran="the browser with $1, $2 wide"
    expect found '^end'
    [ -s found ] || { tail -5 chromium.log; tail -c 2000 dom; }
    expect_not found '^FAILED'
}

prepare_job
must sweep --model nano $files --train-last 120 --eval-windows 15 --set context_length=16 --set prediction_length=14 \
    --set batch_size=8 --set epochs=3 --season 5 --name tiny --grid learning_rate=1e-4,1e-2 --grid lora_rank=2,4 --grid adapter_type=lora,ln_tuning
must report --out report.html
if grep -q 'built without Chart.js' err; then echo "skipped: ftgpu was built without Chart.js"; exit 77; fi
open report.html 1200 14
open report.html 380 14

# Names that would be HTML.
mkdir hostile
for directory in results/fine_tuning/tiny_*; do
    name=${directory##*/}
    mkdir hostile/$name
    sed "s/$name/<img src=x onerror=hacked=1>$name/; s/\"lora_rank\"/\"<b onclick='hacked=1'>\"/; s/\"lora\"/\"<\\/script><script>hacked=1<\\/script>\"/" \
        $directory/results.json >hostile/$name/results.json
    sed 's/,Close,/,<\/script><script>hacked=1<\/script>,/' $directory/forecasts.csv >hostile/$name/forecasts.csv
done
# ... and of two data sets, which the page itself says.
sed -i 's/"rows_hash": "[^"]*"/"rows_hash": "crc32:00000002"/' hostile/tiny_001*/results.json
must report --out hostile.html --results hostile
open hostile.html 600 14
expect found '^ok several data sets are told of: Careful: experiments of 2 data sets \(7 as .*, 1 as .*\): their metrics do not compare'

# 1,000 experiments of 30 epochs.
directory=$(directory_of 'tiny_001_*')
awk -v id="${directory##*/}" '{ text = text $0 "\n" }
    END {
        history = "\"training_history\": ["
        for (e = 1; e <= 30; e++) history = history (e > 1 ? ", " : "") sprintf("{\"epoch\": %d, \"loss\": %.15g, \"val_loss\": %.15g}", e, 5 + 3.1 / e, 5.3 + 2.7 / e)
        before = substr(text, 1, index(text, "\"training_history\"") - 1)
        after = substr(text, index(text, "\"notes\""))
        for (i = 1; i <= 1000; i++) {
            name = sprintf("grid_%05d_20250101_120000", i)
            head = before
            gsub(id, name, head)
            sub(/"learning_rate": [^,]*/, "\"learning_rate\": " (1 + i % 97) / 100000, head)
            sub(/"lora_rank": [^,]*/, "\"lora_rank\": " 1 + i % 64, head)
            sub(/"val_metrics": \{ *\n *"mae": [^,]*/, "\"val_metrics\": {\n\"mae\": " 3 + i % 101 / 17, head)
            system("mkdir -p many/" name)
            file = "many/" name "/results.json"
            printf "%s%s],\n  %s", head, history, after >file
            close(file)
        }
    }' "$directory/results.json"
for directory in many/grid_0000* many/grid_0010*; do cp results/fine_tuning/tiny_001_*/forecasts.csv $directory; done
ft_timed report --out many.html --results many
expect_status 0
echo "1,000 experiments: $milliseconds ms of processor time, $(wc -c <many.html) bytes"
[ "$(wc -c <many.html)" -lt 5000000 ] || fail "the page is large: $(wc -c <many.html) bytes"
# In under 3 s, on a machine that does nothing else: the best of three counts.
for try in 1 2 3; do
    open many.html 1200 9
    drawn=$(sed -n 's/^ok drawn in \([0-9]*\) ms/\1/p' found)
    [ "${drawn:-9999}" -ge 3000 ] || break
done
[ "${drawn:-9999}" -lt 3000 ] || fail "1,000 experiments are drawn in $drawn ms"
finish
