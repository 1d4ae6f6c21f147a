/* The library that test_cuda_library.c plants. */
int planted(void);

int planted(void)
{
    return 13;
}
