/* Which ftgpu this is; recorded with every experiment. */
#ifndef FT_BASE_VERSION_H
#define FT_BASE_VERSION_H

/* "0.1.0" */
const char *ft_version(void);
/* The git commit it was built from, 12 digits, "-dirty" after it when files differed
 * from the commit; "unknown" outside a git checkout. */
const char *ft_commit(void);

#endif
