/* Command lines: every kind of option, and messages for every slip. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/options.h"

typedef struct values {
    bool dry_run;
    const char *train, *format, *submit;
    ft_option_list grids, ids;
    int64_t threads;
    double temperature;
} values;

static const char *const formats[] = {"table", "csv", "json", NULL}, *const scripts[] = {"script", NULL};

/* Parses the words up to a NULL for a command with one option of each kind. */
static ft_status parse(const char *const *words, values *v, bool *help, ft_error *err, ft_text *help_text)
{
    *v = (values){.format = "table", .threads = 2, .temperature = 1};
    const ft_option options[] = {{.name = "train",
                                  .kind = FT_OPTION_TEXT,
                                  .value = &v->train,
                                  .argument = "FILE",
                                  .help = "training rows",
                                  .required = true},
                                 {.name = "grid",
                                  .kind = FT_OPTION_LIST,
                                  .value = &v->grids,
                                  .argument = "KEY=V1,V2",
                                  .help = "values of a key"},
                                 {.name = "threads",
                                  .kind = FT_OPTION_INTEGER,
                                  .value = &v->threads,
                                  .argument = "N",
                                  .help = "threads to use",
                                  .least = 1,
                                  .most = 64},
                                 {.name = "temperature",
                                  .kind = FT_OPTION_REAL,
                                  .value = &v->temperature,
                                  .argument = "T",
                                  .help = "of sampling"},
                                 {.name = "format",
                                  .kind = FT_OPTION_CHOICE,
                                  .value = &v->format,
                                  .argument = "FORMAT",
                                  .help = "how to print",
                                  .choices = formats},
                                 {.name = "submit",
                                  .kind = FT_OPTION_OPTIONAL,
                                  .value = &v->submit,
                                  .argument = "script",
                                  .help = "leave it to others",
                                  .choices = scripts},
                                 {.name = "dry-run",
                                  .kind = FT_OPTION_FLAG,
                                  .value = &v->dry_run,
                                  .help = "only show the plan, which is a sentence so long that it takes "
                                          "more than a line of a hundred letters"},
                                 {0}};
    const ft_command_line line = {.command = "ftgpu sweep",
                                  .summary = "Trains a grid.",
                                  .usage = "--train FILE [options]",
                                  .example = "ftgpu sweep --train train.csv\n",
                                  .options = options,
                                  .positional = "ID",
                                  .arguments = &v->ids,
                                  .most_arguments = 2};
    int argc = 0;
    while (words[argc]) argc++;
    if (help_text) ft_options_help(&line, help_text);
    return ft_options_parse(&line, argc, words, help, err);
}
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void release(values *v)
{
    ft_option_list_free(&v->grids);
    ft_option_list_free(&v->ids);
}

Test(options, every_kind)
{
    values v;
    bool help;
    ft_error err = {0};
    cr_assert_eq(parse(WORDS("a", "--train", "t.csv", "--grid=lr=1,2", "--grid", "r=3", "--threads=8", "b",
                             "--dry-run", "--temperature", "-0.5", "--format", "json"),
                       &v, &help, &err, NULL),
                 FT_OK, "%s", err.message);
    cr_expect_str_eq(v.train, "t.csv");
    cr_assert(v.grids.count == 2 && v.ids.count == 2 && !help);
    cr_expect_str_eq(v.grids.items[0], "lr=1,2");
    cr_expect_str_eq(v.grids.items[1], "r=3");
    cr_expect_str_eq(v.ids.items[1], "b");
    cr_expect(v.threads == 8 && v.dry_run && v.temperature == -0.5);
    cr_expect_str_eq(v.format, "json");
    release(&v);
}

Test(options, defaults_stay_and_two_dashes_end_options)
{
    values v;
    bool help;
    ft_error err = {0};
    cr_assert_eq(parse(WORDS("--train", "-", "--", "--threads"), &v, &help, &err, NULL), FT_OK, "%s",
                 err.message);
    cr_expect_str_eq(v.train, "-");
    cr_expect(v.threads == 2 && v.temperature == 1 && !v.dry_run);
    cr_assert_eq(v.ids.count, 1);
    cr_expect_str_eq(v.ids.items[0], "--threads");
    release(&v);
}

Test(options, an_optional_argument_stands_behind_its_equals_sign)
{
    values v;
    bool help;
    ft_error err = {0};
    cr_assert_eq(parse(WORDS("--train", "t.csv"), &v, &help, &err, NULL), FT_OK);
    cr_expect_null(v.submit);
    cr_assert_eq(parse(WORDS("--submit", "--train", "t.csv"), &v, &help, &err, NULL), FT_OK);
    cr_expect_str_eq(v.submit, "");
    cr_assert_eq(parse(WORDS("--train", "t.csv", "--submit", "script"), &v, &help, &err, NULL), FT_OK);
    cr_expect_str_eq(v.submit, "");
    cr_assert_eq(v.ids.count, 1);
    release(&v);
    cr_assert_eq(parse(WORDS("--submit=script", "--train", "t.csv"), &v, &help, &err, NULL), FT_OK);
    cr_expect_str_eq(v.submit, "script");
}

static void refuses(const char *const *words, const char *message)
{
    values v;
    bool help;
    ft_error err = {0};
    cr_expect_eq(parse(words, &v, &help, &err, NULL), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, message, "%s", err.message);
    release(&v);
}

Test(options, slips)
{
    refuses(WORDS("--trian", "x"), "ftgpu sweep: unknown option --trian (did you mean --train?)");
    refuses(WORDS("--banana=1"), "ftgpu sweep: unknown option --banana (see ftgpu sweep --help)");
    refuses(WORDS("-x"),
            "ftgpu sweep: unknown option -x (options begin with two dashes, see ftgpu sweep --help)");
    refuses(WORDS("--train"), "ftgpu sweep: --train needs an argument: --train FILE");
    refuses(WORDS("--train="), "ftgpu sweep: --train needs an argument: --train FILE");
    refuses(WORDS("--train", "--dry-run"), "ftgpu sweep: --train needs an argument: --train FILE");
    refuses(WORDS("--train", "a", "--train", "b"), "ftgpu sweep: --train is given twice");
    refuses(WORDS("--dry-run=yes"), "ftgpu sweep: --dry-run takes no argument");
    refuses(WORDS("--train", "a", "--threads", "0"),
            "ftgpu sweep: --threads: \"0\" is not a whole number from 1 to 64");
    refuses(WORDS("--train", "a", "--threads", "2.5"),
            "ftgpu sweep: --threads: \"2.5\" is not a whole number from 1 to 64");
    refuses(WORDS("--train", "a", "--temperature", "hot"),
            "ftgpu sweep: --temperature: \"hot\" is not a number");
    refuses(WORDS("--train", "a", "--format", "xml"),
            "ftgpu sweep: --format: \"xml\" is not table, csv or json");
    refuses(WORDS("--train", "a", "--submit=now"), "ftgpu sweep: --submit: \"now\" is not script");
    refuses(WORDS("--train", "a", "--submit", "--submit"), "ftgpu sweep: --submit is given twice");
    refuses(WORDS("--dry-run"), "ftgpu sweep: --train FILE is needed");
    refuses(WORDS("--train", "a", "b", "c", "d"),
            "ftgpu sweep: unexpected argument \"d\" (it takes at most 2 ID)");
}

Test(options, help)
{
    values v;
    bool help;
    ft_error err = {0};
    ft_text out = FT_TEXT_EMPTY;
    cr_expect_eq(parse(WORDS("--threads", "-h"), &v, &help, &err, NULL), FT_OK);
    cr_expect(help);
    cr_expect_eq(parse(WORDS("--what", "--help"), &v, &help, &err, &out), FT_OK);
    cr_expect(help);
    cr_expect_str_eq(out.data,
                     "Trains a grid.\n\nUsage: ftgpu sweep --train FILE [options]\n\nOptions:\n"
                     "  --train FILE              training rows\n"
                     "  --grid KEY=V1,V2          values of a key\n"
                     "  --threads N               threads to use\n"
                     "  --temperature T           of sampling\n"
                     "  --format FORMAT           how to print\n"
                     "  --submit[=script]         leave it to others\n"
                     "  --dry-run                 only show the plan, which is a sentence so long that it "
                     "takes more than\n"
                     "                            a line of a hundred letters\n"
                     "  --help                    this text\n"
                     "\nExample:\n  ftgpu sweep --train train.csv\n",
                     "%s", out.data);
    ft_text_free(&out);
    release(&v);
}
