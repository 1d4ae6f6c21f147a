/* The page of a report; see report_page.h. */
#include "tracker/report/report_page.h"

#include <stdbool.h>
#include <string.h>

#include "base/embed.h"
#include "tracker/report/report.h"

/* The build says where the files are. */
FT_EMBED(page_html, FT_REPORT_DIRECTORY "/page.html");
FT_EMBED(page_css, FT_REPORT_DIRECTORY "/page.css");
FT_EMBED(page_js, FT_REPORT_DIRECTORY "/page.js");
FT_EMBED(tables_js, FT_REPORT_DIRECTORY "/tables.js");
FT_EMBED(charts_js, FT_REPORT_DIRECTORY "/charts.js");
FT_EMBED(parallel_js, FT_REPORT_DIRECTORY "/parallel.js");
#ifdef FT_CHART_JS
FT_EMBED(chart_licence, FT_REPORT_DIRECTORY "/chart_licence.txt");
FT_EMBED(chart_js, FT_CHART_JS);
#endif

bool ft_report_has_charts(void)
{
#ifdef FT_CHART_JS
    return true;
#else
    return false;
#endif
}

static void add(ft_text *page, const char *first, const char *end)
{
    ft_text_add_bytes(page, first, (size_t)(end - first));
}

static void add_chart_js(ft_text *page)
{
#ifdef FT_CHART_JS
    ft_text_add(page, "/*\n");
    add(page, chart_licence, chart_licence_end);
    ft_text_add(page, "*/\n");
    add(page, chart_js, chart_js_end);
#else
    (void)page;
#endif
}

static void add_scripts(ft_text *page)
{
    add(page, tables_js, tables_js_end);
    add(page, charts_js, charts_js_end);
    add(page, parallel_js, parallel_js_end);
    add(page, page_js, page_js_end);
}

static void add_data(ft_text *page, const char *json)
{
    for (size_t length; *json; json += length) {
        if (*json == '<') {
            ft_text_add(page, "\\u003c");
            length = 1;
        } else {
            length = strcspn(json, "<");
            ft_text_add_bytes(page, json, length);
        }
    }
}

/* page.html says by {{NAME}} what stands where. */
void ft_report_fill_page(const char *json, ft_text *page)
{
    const char *at = page_html;
    while (at < page_html_end) {
        const char *mark = strstr(at, "{{");
        add(page, at, mark ? mark : page_html_end);
        if (!mark) return;
        const char *name = mark + 2, *close = strstr(name, "}}");
        const size_t length = (size_t)(close - name);
        if (strncmp(name, "style", length) == 0)
            add(page, page_css, page_css_end);
        else if (strncmp(name, "data", length) == 0)
            add_data(page, json);
        else if (strncmp(name, "chart.js", length) == 0)
            add_chart_js(page);
        else
            add_scripts(page);
        at = close + 2;
    }
}
