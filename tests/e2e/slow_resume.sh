# A sweep of 12 killed with SIGKILL at 50 random moments ends as an undisturbed one; at 15
# under the sanitizers, where it takes long.
. "$E2E/lib.sh"
. "$E2E/resume.sh"
kills=50
case $(ldd "$FTGPU") in *libasan*) kills=15 ;; esac
resume $kills
finish
