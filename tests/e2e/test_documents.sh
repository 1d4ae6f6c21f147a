# The documents against the program and the tree: links lead somewhere, commands and
# options exist, and each command has its place.
. "$E2E/lib.sh"
root=$(cd "$E2E/../.." && pwd)
(cd "$root" && ls ./*.md docs/*.md bench/results/*.md bench/sweep_sim/*.md kernels/*.md tests/*.md tests/*/*.md) >documents
ran="reading the documents"

# anchors FILE: what #names its headings have, as GitHub makes them.
anchors() {
    sed -n '/^```/,/^```/d; s/^##* *//p' "$1" | tr 'A-Z' 'a-z' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}

# "file target" of each link in the tree.
while read -r document; do
    sed '/^```/,/^```/d' "$root/$document" | grep -o '](\([^)]*\))' | sed "s|^](\(.*\))\$|$document \1|" || true
done <documents | grep -v ' https\{0,1\}://' >links
[ "$(wc -l <links)" -ge 50 ] || fail "only $(wc -l <links) links are found"
while read -r document target; do
    file=$root/$(dirname "$document")/${target%%#*}
    case $target in '#'*) file=$root/$document ;; esac
    if [ ! -e "$file" ]; then
        fail "$document: the link $target leads nowhere"
    elif [ "${target#*#}" != "$target" ]; then
        anchors "$file" | grep -qxF "${target#*#}" || fail "$document: the link $target leads to no heading"
    fi
done <links

# "file command option" of each command in a block of code; a line that ends with \ goes
# on. A command of two words has a dot between.
must --help
sed -n 's/^  ftgpu \([a-z]*\) \{0,1\}\([a-z]*\)  .*/\1 \2/p' out >commands
while read -r document; do
    awk -v document="$document" '
        /^```/ { code = !code }
        code && (again || /(^|[ \$;])ftgpu [a-z]/) {
            line = $0
            sub(/^ +/, "", line)
            text = again ? text line : line
            again = sub(/\\$/, "", text)
            if (again) next
            sub(/(   #|   | \{|>).*/, "", text)
            n = split(text, word, / +/)
            for (i = 1; i < n && word[i] != "ftgpu"; i++) ;
            if (word[i] != "ftgpu") next
            command = word[i + 1]
            if (command ~ /^(data|model|analyze)$/) command = command "." word[i + 2]
            print document, command, "--help"
            for (i += 2; i <= n; i++)
                if (word[i] ~ /^\[*--[a-z]/) { gsub(/^\[*|[^a-z-].*$/, "", word[i]); print document, command, word[i] }
        }' "$root/$document"
done <documents | sort -u >uses
[ "$(wc -l <uses)" -ge 100 ] || fail "only $(wc -l <uses) uses of the program are found"
for command in $(cut -d' ' -f2 uses | sort -u); do
    ft $(echo "$command" | tr . ' ') --help
    if [ "$status" != 0 ]; then
        fail "there is no command $command, which is used in $(grep " $command " uses | cut -d' ' -f1 | sort -u)"
        continue
    fi
    grep " $command " uses | while read -r document _ option; do
        grep -Eq -e "^ +$option( |=|\[|\$)" out || echo "$document: $command has no option $option"
    done >wrong
    [ ! -s wrong ] || fail "$(cat wrong)"
done

# Each metric is in the table of results.md.
must best --help
tr -s '\n ' '  ' <out | sed 's/.*one of \([a-z_0-9, ]*\) (default mae).*/\1/' | tr -d , | xargs -n 1 >metrics
[ "$(wc -l <metrics)" -ge 7 ] || fail "$ran: the metrics are not found"
while read -r metric; do
    grep -qF "| \`$metric\` | " "$root/docs/results.md" || fail "docs/results.md: no $metric in the table of metrics"
done <metrics

# Each command is in the table of README.md, and on a page.
while read -r first second; do
    grep -E '^\|' "$root/README.md" | grep -qE "\`($first|.*\`$first )" || fail "README.md: no $first in the table of commands"
    grep -qE "ftgpu $first${second:+ $second}\b" "$root"/docs/*.md || fail "no page has ftgpu $first $second"
done <commands
finish
