# Reads the machine code that cuobjdump prints, demangled. For each kernel it writes two
# lines, "plain" and "dropout": a path through the longest loop (tests/slots.sh) without and
# with dropout, and the path's instructions by kind.

function kind_of(name) {
    if (name ~ /^(HMMA|IMMA)/) return "matrix"
    if (name ~ /^(LDS|LDSM|STS|ATOMS|SHFL)/) return "shared"
    if (name ~ /^(LDG|STG|LD|ST|LDL|STL|LDGSTS|LDC|ATOM|RED)$/) return "global"
    if (name ~ /^MUFU/) return "special"
    if (name ~ /^(F|H)/) return "float"
    if (name ~ /^(BR|EXIT|BAR|BS|WARP|DEPBAR|LDGDEPBAR|CALL|RET|YIELD|NOP|MEMBAR|VOTE)/) return "control"
    return "integer"
}

# The longest loop with loads: from the target of a branch back to the branch. What follows
# the last EXIT is out of line. A kernel without such a loop is taken as a whole.
function find_loop(    i, j, end, longest, loads) {
    for (end = n; end > 1 && !exits[end]; end--) ;
    first = 1; last = end; longest = 0
    for (i = 1; i <= end; i++) {
        if (!(target[i] in at) || at[target[i]] >= i || i - at[target[i]] <= longest) continue
        loads = 0
        for (j = at[target[i]]; j <= i; j++) loads += operation[j] ~ /^(LDG|LDGSTS|LDS|LDSM|LD)$/
        if (loads) { first = at[target[i]]; last = i; longest = last - first }
    }
}

# The shortest of the paths that do the most work: products and copies, and with dropout
# Philox's multiplications.
function report_way(way,    i, work, best, from, slots, all) {
    best[first] = 0
    for (i = first; i < last; i++) {
        if (!(i in best)) continue
        work = operation[i] ~ /^(HMMA|LDGSTS|LDG|STG)/ || way == "dropout" && whole[i] ~ /^IMAD\.(WIDE|HI)\.U32/
        go_on(best[i] + 1e6 * work - 1, i, i + 1, jumps[i] && !predicated[i], best, from)
        if (target[i] in at && at[target[i]] > i) go_on(best[i] + 1e6 * work - 1, i, at[target[i]], 0, best, from)
    }
    for (i = last; i in from || i == first; i = from[i]) {
        slots[kind_of(operation[i])]++
        all++
        if (i == first) break
    }
    printf "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", name, way, slots["matrix"], slots["shared"],
        slots["global"], slots["special"], slots["float"], slots["integer"], slots["control"], all
}
function go_on(value, i, next_one, never, best, from) {
    if (never || next_one > last || next_one in best && best[next_one] >= value) return
    best[next_one] = value
    from[next_one] = i
}

function report() {
    if (name == "") return
    find_loop()
    report_way("plain")
    report_way("dropout")
}

/Function : / {
    report()
    name = $0
    sub(/.*Function : (void )?/, "", name)
    sub(/\(.*/, "", name)
    gsub(/> >/, ">>", name)
    n = 0
    split("", at)
}

/^[ \t]+\/\*[0-9a-f]+\*\/ / {
    n++
    at["0x" sprintf("%x", 16 * n - 16)] = n
    predicated[n] = $2 ~ /^@/
    whole[n] = predicated[n] ? $3 : $2
    operation[n] = whole[n]
    sub(/[.;].*/, "", operation[n])
    exits[n] = operation[n] == "EXIT" && !predicated[n]
    jumps[n] = operation[n] == "BRA" && $0 !~ /BRA U?P[0-9]|BRA\.DIV/ || exits[n]
    target[n] = ""
    if (operation[n] == "BRA" && match($0, /0x[0-9a-f]+ *;/)) {
        target[n] = substr($0, RSTART, RLENGTH - 1)
        sub(/ /, "", target[n])
    }
}
END { report() }
