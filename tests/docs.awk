# Checks what documents and code say about documents: each cited section is there, each
# relative link leads somewhere, lines of docs/ (code blocks left out) are at most 100
# characters. Prints a line for each fault and exits with 1 if there was one. Input: all
# text files, named from the repository's root; -v pages="docs/a.md docs/b.md". Runs under
# LC_ALL=C.

function tell(what) { print FILENAME ":" FNR ": " what; n_faults++ }

# "8-glossary" of "## 8. Glossary", as GitHub names a heading.
function anchor_of(heading) {
    heading = tolower(heading)
    sub(/^#+ +/, "", heading)
    gsub(/[^a-z0-9 _\200-\377-]/, "", heading)
    gsub(/ /, "-", heading)
    return heading
}

# Learns the numbers and anchors of a page's headings. False: there is no such file.
function read_page(path,    line, fence, number, status) {
    if (path in is_read) return is_read[path]
    while ((status = (getline line < path)) > 0) {
        if (line ~ /^ *```/) fence = !fence
        if (fence || line !~ /^#+ /) continue
        has_anchor[path, anchor_of(line)] = 1
        number = line
        if (sub(/^#+ /, "", number) && sub(/\. .*/, "", number) && number ~ /^[0-9]+$/) has_section[path, number] = 1
    }
    close(path)
    return is_read[path] = status == 0
}

# "docs/reference.md §4", "docs/reference.md) §4 and §6"
function check_citations(text,    cite, name, number) {
    while (match(text, /(docs\/)?[A-Za-z_-]+\.md\)? §[0-9]+((,| and) §[0-9]+)*/)) {
        cite = substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
        name = cite
        sub(/\.md.*/, ".md", name)
        sub(/^docs\//, "", name)
        name = "docs/" name
        if (!read_page(name)) { tell("cites " name ", which is not there"); continue }
        while (match(cite, /§[0-9]+/)) {
            number = substr(cite, RSTART + 2, RLENGTH - 2) # the sign has two bytes
            cite = substr(cite, RSTART + RLENGTH)
            if (!((name, number) in has_section)) tell("cites " name " §" number ", but it has no such section")
        }
    }
}

# Where a link of this file leads, from the root: "docs/a.md" of "../docs/a.md" in
# kernels/README.md.
function resolve(target,    directory) {
    directory = FILENAME
    if (!sub(/\/[^\/]*$/, "", directory)) directory = ""
    while (sub(/^\.\.\//, "", target))
        if (!sub(/\/?[^\/]+$/, "", directory)) return "outside of the repository"
    return directory == "" ? target : directory "/" target
}

function check_link(target,    anchor, path) {
    if (target ~ /^[a-z]+:/) return
    anchor = target
    if (!sub(/^[^#]*#/, "", anchor)) anchor = ""
    sub(/#.*/, "", target)
    path = target == "" ? FILENAME : resolve(target)
    if (path !~ /\.md$/) {
        if (!(path in exists)) exists[path] = system("test -e '" path "'") == 0
        if (!exists[path]) tell("the link to " target " leads nowhere")
    } else if (!read_page(path))
        tell("the link to " target " leads nowhere")
    else if (anchor != "" && !((path, anchor) in has_anchor))
        tell("the link to " target "#" anchor ": there is no such heading")
}

function check_links(text) {
    gsub(/`[^`]*`/, "", text)
    while (match(text, /\]\([^) ]*\)/)) {
        check_link(substr(text, RSTART + 2, RLENGTH - 3))
        text = substr(text, RSTART + RLENGTH)
    }
}

FNR == 1 { held = ""; fence = 0; is_page = FILENAME ~ /\.md$/ }

{
    # A citation may be cut after the page's name.
    text = $0
    if (held != "") {
        sub(/^[ \t*#\/]+/, "", text)
        text = held " " text
    }
    held = ""
    if (text ~ /[a-z_-]+\.md\)?$/) held = substr(text, length(text) > 200 ? length(text) - 200 : 1)
    else if (text ~ /§/) check_citations(text)
    if (text ~ /(REFERENCE|DESIGN|INTERFACE|STYLE|GUIDE)(\.md)? §/)
        tell("cites a page that is not part of this repository: say docs/<page>.md §<number>")
}

is_page {
    if ($0 ~ /^ *```/) fence = !fence
    else if (!fence) check_links($0)
    if (FILENAME ~ /^docs\// && $0 !~ /^\|/ && $0 !~ /\]\(/) {
        text = $0
        gsub(/[\200-\277]/, "", text) # each character is one byte then
        if (!fence && length(text) > 100) tell("is " length(text) " characters long, more than 100")
    }
}

END { exit n_faults > 0 }
