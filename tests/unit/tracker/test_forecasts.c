/* forecasts.csv: its columns, numbers that read back, empty cells, and a file that is
 * whole or absent. */
#include "tests/unit/tracker/scratch.h"

#include <math.h>
#include <unistd.h>

#include "tracker/forecasts.h"

TestSuite(forecasts, .init = scratch_enter, .fini = scratch_leave);

Test(forecasts, are_written_line_by_line)
{
    ft_forecasts f;
    ft_error err;
    const char *const times[] = {"2025-01-02", "2025-01-03"};
    const double truth[] = {1.5, NAN};
    const float samples[] = {1, 0.1f, 2, NAN, 3, 0.3f}; /* (3, 2) */
    cr_assert_eq(ft_forecasts_create(&f, scratch_path("forecasts.csv"), &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_forecasts_add_window(&f, "test", "a,b", "2025-01-01", times, truth, samples, 3, 2, &err),
                 FT_OK);
    const float one[] = {0.1f};
    cr_assert_eq(ft_forecasts_add_window(&f, "val", "c", "o", times, truth, one, 1, 1, &err), FT_OK);
    cr_expect_neq(access(scratch_path("forecasts.csv"), F_OK), 0, "not there before it is whole");
    cr_assert_eq(ft_forecasts_commit(&f, &err), FT_OK, "%s", err.message);
    ft_forecasts_close(&f);
    ft_forecasts_close(&f);

    char *text;
    size_t size;
    cr_assert_eq(ft_read_file(scratch_path("forecasts.csv"), 10000, &text, &size, &err), FT_OK);
    cr_expect_str_eq(text,
                     "split,item_id,origin,timestamp,target,mean,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9\n"
                     "test,\"a,b\",2025-01-01,2025-01-02,1.5,2,1.2,1.4,1.6,1.8,2,2.2,2.4,2.6,2.8\n"
                     "test,\"a,b\",2025-01-01,2025-01-03,,,,,,,,,,,\n"
                     "val,c,o,2025-01-02,1.5,0.10000000149011612,0.10000000149011612,0.10000000149011612,"
                     "0.10000000149011612,0.10000000149011612,0.10000000149011612,0.10000000149011612,"
                     "0.10000000149011612,0.10000000149011612,0.10000000149011612\n");
    free(text);
}

Test(forecasts, that_are_given_up_leave_no_file)
{
    ft_forecasts f;
    cr_assert_eq(ft_forecasts_create(&f, scratch_path("forecasts.csv"), NULL), FT_OK);
    ft_forecasts_close(&f);
    cr_expect_eq(rmdir(scratch_directory), 0, "the directory is empty");
}

Test(forecasts, an_unwritable_place_is_an_error)
{
    ft_forecasts f = {0};
    ft_error err;
    cr_expect_neq(ft_forecasts_create(&f, scratch_path("no/such/place"), &err), FT_OK);
    cr_expect(strstr(err.message, "no/such/place"));
    ft_forecasts_close(&f);
}
