/* The last lines of a sweep or a run: whether its best experiment beats the baselines. */
#ifndef FT_CLI_VERDICT_H
#define FT_CLI_VERDICT_H

/* Prints to stderr the sweep's best experiment by mae on validation, the verdict on it
 * (tracker/verdict.h) and the next commands to type. Prints nothing if no experiment has
 * a mae, or the records cannot be read: `ftgpu best` then says why. */
void ft_tell_verdict(const char *results, const char *name);

/* Prints to stderr the verdict on the experiment of a single run, by mae, and no next
 * commands. Prints nothing if the record cannot be read or has no baselines. */
void ft_tell_verdict_of_run(const char *directory);

#endif
