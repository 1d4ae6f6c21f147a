/* How long files take to be read: the least wall and processor time of several readings,
 * in seconds, without the start of a process. bench/peers/read_csv.py compares them with
 * pandas'.
 *
 * usage: ftgpu_read_csv TIMES FILE TARGET [ID] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "host/data/dataset.h"

static double processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: ftgpu_read_csv TIMES FILE TARGET [ID]\n");
        return 2;
    }
    const ft_dataset_source source = {
        .data = argv[2], .target = argv[3], .csv.id = argc > 4 ? argv[4] : NULL};
    double wall = INFINITY, processor = INFINITY;
    for (int i = atoi(argv[1]); i > 0; i--) {
        ft_dataset dataset;
        ft_error err;
        const double began = ft_now_seconds(), began_processor = processor_seconds();
        if (ft_dataset_read(&source, &dataset, &err) != FT_OK) {
            fprintf(stderr, "%s\n", err.message);
            return 1;
        }
        wall = fmin(wall, ft_now_seconds() - began);
        processor = fmin(processor, processor_seconds() - began_processor);
        ft_dataset_free(&dataset);
    }
    printf("%.4f %.4f\n", wall, processor);
    return 0;
}
