/* What a sweep ends with: the best of its experiments, and whether it is of any use. */
#ifndef FT_CLI_VERDICT_H
#define FT_CLI_VERDICT_H

/* Tells on stderr the best experiment of the sweep `name` in `results` by mae on
 * validation, the verdict on it, and the next commands. Says nothing where there is
 * none, or where it cannot be told: `ftgpu best` says why. */
void ft_tell_verdict(const char *results, const char *name);

#endif
