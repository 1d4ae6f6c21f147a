/* A model for tests that start processes. */
#ifndef FT_TESTS_UNIT_HOST_FRESH_MODEL_H
#define FT_TESTS_UNIT_HOST_FRESH_MODEL_H

/* Writes an untrained nano model into a directory. */
void make_fresh_model(const char *directory);

#endif
