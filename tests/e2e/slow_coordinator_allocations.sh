# Every nineteenth (or FTGPU_ALLOCATION_STEP-th) allocation of a sweep's coordinator fails; see
# allocations.sh.
. "$E2E/allocations.sh"
each 0 "${FTGPU_ALLOCATION_STEP-19}" ""
each 0 61 -
tell_slowest
finish
