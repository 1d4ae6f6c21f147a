# Every tenth (or FTGPU_ALLOCATION_STEP-th) allocation of a sweep's first worker fails; of
# the second, which does the same, some. See allocations.sh.
. "$E2E/allocations.sh"
each "$first_worker" "${FTGPU_ALLOCATION_STEP-10}" ""
each "$second_worker" 29 ""
each "$first_worker" 29 -
tell_slowest
finish
