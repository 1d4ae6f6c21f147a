/* Shows and times artificial series.
 *
 * ftgpu_synthetic picture SEED LENGTH > x.svg   64 series with the names of their
 *                                               families
 * ftgpu_synthetic speed LENGTH                  how many a second one thread draws
 * ftgpu_synthetic values SEED INDEX LENGTH      the values of one series, one a line */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/synthetic/families.h"
#include "model/synthetic/synthetic.h"

enum { COLUMNS = 4, SHOWN = 64, WIDTH = 230, HEIGHT = 64, PLOT = 44 };

static void plot(uint32_t seed, uint64_t index, int32_t length, int place, float *values, void *scratch)
{
    int32_t n;
    const ft_family *family = &ft_families(&n)[ft_family_of(seed, index)];
    ft_synthetic_draw(seed, index, length, values, scratch);
    float low = INFINITY, high = -INFINITY;
    for (int t = 0; t < length; t++) {
        low = fminf(low, values[t]); /* fminf ignores NaN */
        high = fmaxf(high, values[t]);
    }
    float scale = high > low ? (float)PLOT / (high - low) : 0.0f;
    int left = 8 + place % COLUMNS * (WIDTH + 8), top = 4 + place / COLUMNS * HEIGHT;
    printf("<text x=\"%d\" y=\"%d\">%s</text>\n<path d=\"", left, top + 10, family->name);
    bool is_drawing = false;
    for (int t = 0; t < length; t++) {
        if (isnan(values[t])) {
            is_drawing = false;
            continue;
        }
        printf("%c%.1f %.1f", is_drawing ? 'L' : 'M', (double)left + t * (double)WIDTH / length,
               (double)(top + 14) + (double)((high - values[t]) * scale));
        is_drawing = true;
    }
    printf("\"/>\n");
}

/* Every family at least once, else as often as its weight asks: 64 together. */
static void draw_picture(uint32_t seed, int32_t length, float *values, void *scratch)
{
    int32_t n, shown = 0, counts[64] = {0};
    const ft_family *families = ft_families(&n);
    printf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
           "font-size=\"9\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
           "<g fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"0.8\">\n",
           COLUMNS * (WIDTH + 8) + 8, SHOWN / COLUMNS * HEIGHT + 8);
    printf("<style>text{fill:#555;stroke:none}</style>\n");
    for (int32_t f = 0; f < n; f++) {
        int32_t wanted = (int32_t)(families[f].weight * 0.6f + 0.5f);
        for (uint64_t index = 0; (counts[f] < wanted || counts[f] == 0) && shown < SHOWN; index++) {
            if (ft_family_of(seed, index) != f) continue;
            plot(seed, index, length, shown, values, scratch);
            counts[f]++;
            shown++;
        }
    }
    printf("</g>\n</svg>\n");
}

/* Of this process alone: others on the machine do not count. */
static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void measure(int32_t length, void *scratch, float *values)
{
    enum { DRAWN = 20000 };
    static double seconds[64];
    static int drawn[64];
    int32_t n;
    const ft_family *families = ft_families(&n);
    double total = 0.0;
    for (uint64_t index = 0; index < DRAWN; index++) {
        int32_t family = ft_family_of(1, index);
        double start = cpu_seconds();
        ft_synthetic_draw(1, index, length, values, scratch);
        double taken = cpu_seconds() - start;
        seconds[family] += taken;
        total += taken;
        drawn[family]++;
    }
    for (int32_t f = 0; f < n; f++)
        if (drawn[f] > 0)
            printf("%-24s %5.1f us, %4.1f %% of the time\n", families[f].name, 1e6 * seconds[f] / drawn[f],
                   100.0 * seconds[f] / total);
    printf("all: %.1f us, %.0f series of %d a second and thread\n", 1e6 * total / DRAWN, DRAWN / total,
           (int)length);
}

int main(int argc, char **argv)
{
    bool is_picture = argc == 4 && strcmp(argv[1], "picture") == 0;
    bool is_speed = argc == 3 && strcmp(argv[1], "speed") == 0;
    bool is_values = argc == 5 && strcmp(argv[1], "values") == 0;
    if (!is_picture && !is_speed && !is_values) {
        fprintf(stderr,
                "usage: ftgpu_synthetic picture SEED LENGTH | speed LENGTH | values SEED INDEX LENGTH\n");
        return 2;
    }
    int32_t length = (int32_t)atoi(argv[argc - 1]);
    uint32_t seed = (uint32_t)strtoul(argv[2], NULL, 10);
    float *values = malloc(sizeof *values * (size_t)(length > 0 ? length : 1));
    void *scratch = malloc(ft_synthetic_scratch(length > 0 ? length : 1));
    if (!values || !scratch || length < 1) return 1;
    if (is_picture) draw_picture(seed, length, values, scratch);
    if (is_speed) measure(length, scratch, values);
    if (is_values) {
        ft_synthetic_draw(seed, strtoull(argv[3], NULL, 10), length, values, scratch);
        for (int32_t t = 0; t < length; t++) printf("%.9g\n", (double)values[t]);
    }
    free(values);
    free(scratch);
    return 0;
}
