/* A model for tests that start processes. */
#ifndef FT_TESTS_UNIT_HOST_FRESH_MODEL_H
#define FT_TESTS_UNIT_HOST_FRESH_MODEL_H

/* Writes an untrained nano model into a directory. A process of its own draws it: the threads that do would
 * not survive the forks of the test. */
void make_fresh_model(const char *directory);

#endif
