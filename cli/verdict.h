/* The last lines of a sweep: its best experiment, and whether it beats the baselines. */
#ifndef FT_CLI_VERDICT_H
#define FT_CLI_VERDICT_H

/* Prints to stderr the sweep's best experiment by mae on validation, the verdict on it
 * (tracker/verdict.h) and the next command to type. Prints nothing if no experiment has a
 * mae, or the records cannot be read: `ftgpu best` then says why. */
void ft_tell_verdict(const char *results, const char *name);

#endif
