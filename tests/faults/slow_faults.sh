# The faults of a sweep's disk, every tenth, or every FTGPU_FAULT_STEP-th; see faults.sh.
. "$E2E/faults.sh"
faults "${FTGPU_FAULT_STEP-10}"
finish
