/* Under sanitizers the simulator is ten times as slow. Tests whose plain run is the whole
 * proof are smaller there: what they still run is enough to touch each kernel and each
 * call. */
#ifndef FT_TESTS_SIMT_SANITIZED_H
#define FT_TESTS_SIMT_SANITIZED_H

#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

#endif
