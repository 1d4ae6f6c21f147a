# A sample of the faults of a sweep's disk; see faults.sh.
. "$E2E/faults.sh"
faults 101
finish
