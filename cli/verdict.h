/* The last lines of a sweep or a run: the best experiment, and whether it beats the
 * baselines. */
#ifndef FT_CLI_VERDICT_H
#define FT_CLI_VERDICT_H

/* Prints to stderr the sweep's best experiment by mae on validation, the verdict on it
 * (tracker/verdict.h) and the next commands to type. Prints nothing if no experiment has
 * a mae, or the records cannot be read: `ftgpu best` then says why. */
void ft_tell_verdict(const char *results, const char *name);

/* The same of a single run's experiment, in its directory: the verdict alone. Prints
 * nothing if it failed. */
void ft_tell_verdict_of_run(const char *directory);

#endif
