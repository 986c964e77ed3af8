/* results/plot.c - see plot.h. */
#include <config.h>

#include "results/plot.h"

#include <math.h>

#include "harness/buf.h"
#include "harness/html.h"
#include "harness/mem.h"
#include "results/measure.h"
#include "results/stats.h"

#define WIDTH 640.0
#define HEIGHT 160.0
#define LEFT 70.0
#define TOP 24.0
#define BOTTOM 12.0

struct frame {
    double low, high, step;     /* of the values; x of one more value */
};

static double
x_of(const struct frame *frame, double at)
{
    return LEFT + frame->step * (at + 0.5);
}

static double
y_of(const struct frame *frame, double value)
{
    return TOP + (HEIGHT - TOP - BOTTOM) * (frame->high - value)
        / (frame->high - frame->low);
}

static void
frame_make(const struct plot *plot, struct frame *frame)
{
    double room;

    frame->low = INFINITY;
    frame->high = -INFINITY;
    for (size_t i = 0; i < plot->count; i++) {
        frame->low = fmin(frame->low, plot->values[i]);
        frame->high = fmax(frame->high, plot->values[i]);
    }
    if (plot->count == 0)
        frame->low = frame->high = 0;
    room = (frame->high - frame->low) * 0.05;
    if (room <= 0)
        room = fmax(fabs(frame->high) * 0.05, 1e-9);
    frame->low -= room;
    frame->high += room;
    frame->step = (WIDTH - LEFT) / (double)(plot->count > 0 ? plot->count
                                                             : 1);
}

static void
add_tick(const struct frame *frame, double value, const char *unit,
         struct buf *out)
{
    char text[32];

    measure_format(value, text);
    buf_addf(out, "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%s ",
             LEFT - 6, y_of(frame, value) + 4, text);
    html_text(out, unit);
    buf_adds(out, "</text>\n");
}

static void
add_level(const struct plot *plot, const struct frame *frame, size_t from,
          size_t to, struct buf *out)
{
    double *copy, level;

    if (from >= to)
        return;
    copy = xcalloc(to - from, sizeof(*copy));
    memcpy(copy, plot->values + from, (to - from) * sizeof(*copy));
    level = stats_median(copy, to - from);
    free(copy);
    buf_addf(out, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"#d9675d\""
             " stroke-width=\"1.5\"/>\n", x_of(frame, (double)from - 0.5),
             y_of(frame, level), x_of(frame, (double)to - 0.5));
}

void
plot_svg(const struct plot *plot, struct buf *out)
{
    struct frame frame;
    size_t from = 0;

    frame_make(plot, &frame);
    buf_addf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 "
             "%.0f %.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\" "
             "font-family=\"sans-serif\" font-size=\"11\" "
             "fill=\"currentColor\">\n<title>", WIDTH, HEIGHT, WIDTH, HEIGHT);
    html_text(out, plot->title);
    buf_addf(out, "</title>\n<text x=\"%.0f\" y=\"14\">", LEFT);
    html_text(out, plot->title);
    buf_adds(out, "</text>\n");
    if (plot->count > 0) {
        add_tick(&frame, frame.high, plot->unit, out);
        add_tick(&frame, frame.low, plot->unit, out);
    }
    for (size_t i = 0; i <= plot->change_count; i++) {
        size_t to = i < plot->change_count ? plot->changes[i] : plot->count;

        add_level(plot, &frame, from, to, out);
        from = to;
    }
    for (size_t i = 0; i < plot->count; i++)
        buf_addf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2\"/>\n",
                 x_of(&frame, (double)i), y_of(&frame, plot->values[i]));
    buf_adds(out, "</svg>\n");
}
