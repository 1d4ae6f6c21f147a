# Every third allocation of a sweep's coordinator fails; see allocations.sh.
. "$E2E/allocations.sh"
each 0 3 ""
each 0 17 -
tell_slowest
finish
