# Lists the mutants of one CUDA file: a line each, tab-separated: line, first byte (from
# 1), bytes, what stands there, what replaces it, kind. Only code that runs on the device,
# and in the simulator, is changed, and no static_assert:
#
#   barrier  __syncthreads, __syncwarp or a wait for cp.async is taken away (of
#            __syncthreads_or(x) and the like x stays)
#   mask     a comparison becomes true, or false where it guards a return, continue or
#            break, so that nothing is left out any more
#   bound    in a loop that runs to a size known when it runs, "<" becomes "<=" and so on:
#            one step too far
#   index    + N or - N becomes + 0 or - 0
{ text = text $0 "\n" }

function emit(at, bytes, replacement, kind,    shown) {
    shown = substr(text, at, bytes)
    gsub(/[ \t\n]+/, " ", shown)
    print line_of[at] "\t" at "\t" bytes "\t" shown "\t" replacement "\t" kind
}

# Blanks comments, texts, preprocessor lines and what the simulator does not compile, byte
# by byte, so that places stay.
function strip(    at, c, two, mode, made, start_of_line, line, directive, real) {
    mode = ""
    real = 0 # 1: in the first part of an #ifdef FT_SIMT, 2: in its #else
    start_of_line = 1
    line = 1
    made = ""
    for (at = 1; at <= size; at++) {
        c = substr(text, at, 1)
        two = substr(text, at, 2)
        line_of[at] = line
        if (mode == "" && two == "/*") mode = "comment"
        else if (mode == "" && two == "//") mode = "line"
        else if (mode == "" && c == "#" && start_of_line) {
            mode = "preprocessor"
            directive = substr(text, at, 14)
            if (directive == "#ifdef FT_SIMT") real = 1
            else if (directive ~ /^#else/ && real) real = 2
            else if (directive ~ /^#endif/) real = 0
        }
        else if (mode == "" && (c == "\"" || c == "'")) { mode = c; made = made " "; continue }
        if (c == "\n") {
            line++
            if (mode == "line" || (mode == "preprocessor" && substr(text, at - 1, 1) != "\\")) mode = ""
            start_of_line = 1
        } else if (c != " ") start_of_line = 0
        if (mode == "" && real < 2) made = made c
        else made = made (c == "\n" ? c : " ")
        if (mode == "comment" && substr(text, at - 1, 2) == "*/" && substr(made, at - 2, 1) != "/") mode = ""
        else if ((mode == "\"" || mode == "'") && c == mode && substr(text, at - 1, 1) != "\\") mode = ""
    }
    return made
}

# The place of the parenthesis that closes the one at `at`, or opens it, going in the
# direction of `step`.
function partner(at, step,    depth, c) {
    for (depth = 0; at >= 1 && at <= size; at += step) {
        c = substr(code, at, 1)
        if (c == "(" || c == "[" || c == "{") depth += step
        if (c == ")" || c == "]" || c == "}") depth -= step
        if (depth == 0) return at
    }
    return 0
}

# How far the operand of a comparison reaches from `at` in the direction of `step`.
function reach(at, step,    c, two, depth) {
    for (depth = 0; at >= 1 && at <= size; at += step) {
        c = substr(code, at, 1)
        if (c == (step > 0 ? "(" : ")") || c == (step > 0 ? "[" : "]")) { at = partner(at, step); continue }
        if (c ~ /[][(){},;?:]/) break
        two = substr(code, at, 2)
        if (two == "&&" || two == "||") break
        if (step < 0 && (substr(code, at - 1, 2) == "&&" || substr(code, at - 1, 2) == "||")) break
        if (c == "=" && substr(code, at - 1, 3) !~ /[=!<>]=|==/) break
        if (step < 0 && c == " " && substr(code, at - 6, 6) == "return") break
    }
    at -= step
    while (substr(code, at, 1) ~ /[ \n\t]/) at -= step
    return at
}

# The word before the open parenthesis around `at`; sets `opened`.
function around(at,    c) {
    for (opened = at; opened > 0; opened--) {
        c = substr(code, opened, 1)
        if (c == ")" || c == "]" || c == "}") { opened = partner(opened, -1); continue }
        if (c == "(") break
        if (c == "{" || c == "}") { opened = 0; break }
    }
    return opened ? substr(code, opened - 4, 4) : ""
}

function comparison(at, operator,    from, to, right, rest, close_at) {
    if (around(at) == "sert") return
    from = reach(at - 1, -1)
    to = reach(at + length(operator), 1)
    right = substr(code, at + length(operator), to - at - length(operator) + 1)
    if (around(at) == "for ") {
        # A loop to a constant hides nothing.
        if (right !~ /[a-z]/ || operator !~ /[<>]/) return
        emit(at, length(operator), operator ~ /=/ ? substr(operator, 1, 1) : operator "=", "bound")
        return
    }
    rest = ""
    if (opened) {
        close_at = partner(opened, 1)
        if (around(at) ~ /if $/) rest = substr(code, close_at + 1, 60)
    }
    sub(/^[ \n\t{]+/, "", rest)
    emit(from, to - from + 1, rest ~ /^(return|continue|break)/ ? "false" : "true", "mask")
}

END {
    size = length(text)
    code = strip()
    depth = 0
    device = 0
    declaration = ""
    for (at = 1; at <= size; at++) {
        c = substr(code, at, 1)
        if (c == "{") {
            if (depth == 0) {
                # "extern "C" {" and namespaces hold declarations, not code.
                if (declaration ~ /namespace|extern/) { declaration = ""; continue }
                device = declaration ~ /__(global|device)__/
            }
            depth++
            continue
        }
        if (c == "}") {
            if (depth > 0) depth--
            if (depth == 0) declaration = device = ""
            continue
        }
        if (depth == 0) { declaration = c == ";" ? "" : declaration c; continue }
        if (!device) continue
        if (c ~ /[A-Za-z_]/) {
            match(substr(code, at, 80), /^[A-Za-z_0-9]+/)
            name = substr(code, at, RLENGTH)
            after = at + RLENGTH
            if (match(substr(code, after, 40), /^<[A-Za-z_0-9 ,]*>\(/)) after += RLENGTH - 1
            if (substr(code, after, 1) == "(" && name ~ /^__sync(threads|warp)|async_wait|wait_group|wait_all|_async_fence/) {
                if (name ~ /_(or|and|count)$/) emit(at, length(name), "", "barrier")
                else emit(at, partner(after, 1) - at + 1, "(void)0", "barrier")
            }
            at = after - 1
            continue
        }
        if (c ~ /[0-9]/) { match(substr(code, at, 40), /^[0-9a-zA-Z_.]+/); at += RLENGTH - 1; continue }
        four = substr(code, at - 1, 4)
        if (four ~ /^ [-+] [0-9]/) {
            match(substr(code, at + 2, 40), /^[0-9a-zA-Z_.]+/)
            number = substr(code, at + 2, RLENGTH)
            if (number ~ /^[0-9]+u?$/ && number != "0") emit(at + 2, length(number), "0", "index")
            at++
            continue
        }
        if (four ~ /^ [<>] /) comparison(at, c)
        else if (four ~ /^ ([<>=!]=) /) { comparison(at, substr(code, at, 2)); at++ }
    }
}
