# Commands, help and wrong usage.
. "$E2E/lib.sh"

must --help
expect_quiet
expect out '^Usage: ftgpu COMMAND'
expect out '^Example:'
commands=$(sed -n 's/^  ftgpu \([a-z]* \{0,1\}[a-z]*\)  .*/\1/p' out)
[ "$(echo "$commands" | wc -l)" -ge 9 ] || fail "--help lists too few commands: $commands"

# Each command has a help with an example of itself, which stdout gets.
echo "$commands" | while read -r first second; do
    ft "$first" ${second:+"$second"} --help
    [ "$status" = 0 ] && sed '1,/^Example:/d' out | grep -Eq "^ +ftgpu $first" && [ ! -s err ] || echo "$first $second"
done >bad
[ -s bad ] && fail "no help with an example: $(cat bad)"
echo "$commands" | while read -r first second; do
    "$FTGPU" "$first" ${second:+"$second"} --help | awk -v c="$first $second" 'length > 100 { print c ": " $0 }'
done >bad
[ -s bad ] && fail "wider than 100 columns: $(cat bad)"

must --version
expect out '^ftgpu [0-9]+\.[0-9]+\.[0-9]+ \(([0-9a-f]{12}(-dirty)?|unknown)\)$'
must data --help
expect out 'ftgpu data demo'
expect_not out 'ftgpu model'

refuses 'which command'
refuses 'no command "comapre"; did you mean "compare"\?$' comapre
refuses 'no command "xyzzyplugh"; .ftgpu --help. lists them$' xyzzyplugh
refuses 'data needs a second word' data
refuses 'no command "data demi"; did you mean "data demo"\?$' data demi
refuses 'no command "no.thing"' 'no
thing'
refuses '--format' compare --format xml
refuses '--fromat.*--format' compare --fromat csv
refuses '--results' compare --results
refuses 'maee' best --metric maee
refuses 'ID' show
refuses '--out' data demo
refuses '--seed' data demo --out d --seed -1
refuses '--seed' data demo --out d --seed 1.5
refuses '--size' model init --size gigantic --out d
refuses 'devices' devices everything
[ -e d ] && fail "a refused command left something behind"

# Output that cannot be written is a failure, not a success.
if [ -e /dev/full ]; then
    for arguments in --help --version 'compare --help' devices; do
        status=0
        ran="ftgpu $arguments >/dev/full"
        # shellcheck disable=SC2086
        "$FTGPU" $arguments >/dev/full 2>err || status=$?
        expect_status 1
        expect err 'cannot write to standard output'
    done
fi
finish
