/* Whether this processor can run what simt.cmake builds for rounding.h. */
#ifndef FT_TESTS_SIMT_HAS_FMA_H
#define FT_TESTS_SIMT_HAS_FMA_H

#include <stdio.h>

#if defined(__x86_64__)
#define HAS_FMA __builtin_cpu_supports("fma")
#else
#define HAS_FMA 1
#endif

/* Skips the test, in words that simt.cmake looks for in what the program says. */
#define SKIP_WITHOUT_FMA()                                                                                   \
    if (!HAS_FMA) {                                                                                          \
        fputs("this processor has no fused multiply-add\n", stderr);                                         \
        cr_skip("no fused multiply-add");                                                                    \
    }

#endif
