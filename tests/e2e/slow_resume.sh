# A sweep of 12 killed with SIGKILL at 50 random moments ends as an undisturbed one.
. "$E2E/lib.sh"
. "$E2E/resume.sh"
resume 50
finish
