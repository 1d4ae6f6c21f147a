# A sample of the allocations of a sweep fails; see allocations.sh.
. "$E2E/allocations.sh"
each 0 83 ""
each 0 601 -
each "$first_worker" 163 ""
each "$second_worker" 601 ""
each "$first_worker" 601 -
tell_slowest
finish
