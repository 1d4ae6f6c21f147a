#!/bin/sh
# The ten rows that say the most of what bench/gpu_check.sh found: summary.sh DIR. A row
# without a figure was not measured.
set -eu
results=$1/results.tsv
awk -F '\t' '
    function ratio(a, b) { return a > 0 && b > 0 ? sprintf("%.2f", a / b) : "" }
    function step(job, size, batch,   k) { k = job SUBSEP size SUBSEP batch
        return k in seconds ? sprintf("%.4g s, %.5g tokens/s, %.0f %% of the matrix rate", seconds[k], tokens[k], 100 * fraction[k]) : "" }
    $1 == "card" { fact[$2] = $3 }
    $1 == "tests" { shapes[$3] += $4; passed[$3] += $5 }
    $1 == "model" { n[$5]++ }
    ($1 == "steps" || $1 == "large") && $2 ~ /^(train|forecast)$/ && $5 > 0 { k = $2 SUBSEP $3 SUBSEP $4; seconds[k] = $5; tokens[k] = $6; fraction[k] = $9 }
    $1 == "operations" && $2 == "copy" { copy = $7 }
    $1 == "operations" && $2 == "matrix product" { matrix = $8 }
    $1 == "operations" && $2 == "attention_forward" && $4 == "encoder" { ours[$3] = $6; floor[$3] = $10 }
    $1 == "pytorch" && $3 == "attention_forward cudnn" && $5 == 8 && $6 > 0 { theirs[$4] = $6 * 1e6 }
    $1 == "sweep" { sweep = sweep (sweep == "" ? "" : "; ") $2 " " $3 " " $4 ($5 == "" ? "" : " " $5) ($6 == "failed" ? " FAILED" : "") }
    $1 ~ /^(pytorch|compiled)$/ && $3 ~ /^train/ && $6 > 0 { k = $4 SUBSEP $5; if (!(k in peer) || $6 < peer[k]) peer[k] = $6 }
    $1 == "pytorch" && $3 ~ /^forecast/ && $6 > 0 { k = $4; if (!(k in peer_forecast) || $6 < peer_forecast[k]) peer_forecast[k] = $6 }
    END {
        row("card", fact["card"] (fact["driver"] == "" ? "" : ", driver " fact["driver"]) (copy > 0 ? sprintf(", copy %.0f GB/s, matrix product %.0f TFLOP/s", copy, matrix) : ""))
        row("operations right", shapes["f32"] + shapes["bf16"] ? passed["f32"] + 0 " of " shapes["f32"] + 0 " shapes in f32, " passed["bf16"] + 0 " of " shapes["bf16"] + 0 " in bf16" : "")
        row("model right", n["ok"] + n["failed"] ? n["ok"] + 0 " checks ok, " n["failed"] + 0 " failed" : "")
        row("train small, batch 8", step("train", "small", 8) beside("small", 8))
        row("train small, batch 64", step("train", "small", 64) beside("small", 64))
        row("train base, batch 64", step("train", "base", 64) beside("base", 64))
        k = "forecast" SUBSEP "small" SUBSEP ""
        row("forecast small", step("forecast", "small", "") (peer_forecast["small"] > 0 && k in seconds ? "; PyTorch / ftgpu " ratio(peer_forecast["small"], seconds[k]) : ""))
        row("attention, base", floor["base"] > 0 ? sprintf("%.0f %% of the floor", 100 * floor["base"]) (theirs["base"] > 0 ? "; cuDNN / ftgpu " ratio(theirs["base"], ours["base"]) : "") : "")
        row("train large, batch 8", step("train", "large", 8))
        row("sweep of 18", sweep)
    }
    function beside(size, batch,   k, o) { k = size SUBSEP batch; o = "train" SUBSEP size SUBSEP batch
        return peer[k] > 0 && o in seconds ? "; PyTorch / ftgpu " ratio(peer[k], seconds[o]) : "" }
    function row(name, text) { printf "| %-21s | %s |\n", name, substr(text, 1, 220) }' "$results"
