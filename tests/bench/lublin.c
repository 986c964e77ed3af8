/* tests/bench/lublin.c - a trace for benchmarks: lublin JOBS SEED LOAD_PERCENT
 *
 * The workload model of U. Lublin and D. G. Feitelson, "The workload on
 * parallel supercomputers: modeling the characteristics of rigid jobs", JPDC
 * 63(11), 2003, with its published parameters for batch and interactive jobs
 * on 128 nodes: sizes (two-stage uniform of the logarithm, powers of two
 * preferred), runtimes (hyper-gamma of the logarithm, longer for larger jobs)
 * and arrivals (gamma, with a daily cycle). Gamma variates are Marsaglia and
 * Tsang's (ACM TOMS 26(3), 2000).
 *
 * Not of the model: arrivals are stretched for the load that is asked for;
 * users' estimates are the next round time above one to five times the
 * truth. Nor are there users, so there is no history to learn from. */
#include <config.h>

#include <math.h>
#include <stdio.h>

#include "harness/attr.h"
#include "harness/buf.h"
#include "harness/mem.h"
#include "tests/harness/planlab.h"

#define NODES 128
#define BUCKETS 48              /* half hours of a day */
#define BUCKET_S 1800.0
#define DAY_BEGINS 11           /* bucket at which the cycle is cut */
#define LONGEST_LN 12.0         /* of a runtime, ln of seconds */
#define GAP_LN 13.0             /* of the time between two arrivals */

struct kind {
    double serial, power2;              /* their parts */
    double low, middle, high, first;    /* log2 of size */
    double a1, b1, a2, b2, pa, pb;      /* ln of runtime */
    double gap_a, gap_b, cycle_a, cycle_b, rush;        /* arrivals */
};

static const struct kind kinds[] = {
    /* interactive */
    { 0.1541, 0.625, 1, 3, 5.5, 0.705,
      3.8351, 0.6605, 7.073, 0.6856, -0.0118, 0.9156,
      6.5510, 0.6621, 8.9186, 3.6680, 0.9797 },
    /* batch */
    { 0.2927, 0.6686, 1.2, 5, 7, 0.875,
      6.57, 0.823, 639.1, 0.0156, -0.003, 0.6986,
      6.0415, 0.8531, 6.1271, 5.2740, 1.0519 },
};

struct arrivals {
    double weights[BUCKETS], points, rest, at_s;
    int bucket;
};

struct made {
    double at_s;
    int64_t run_s, estimate_s;
    int nodes;
};

static uint64_t rnd;

static double
uniform(void)
{
    return ((double)(planlab_random(&rnd) >> 11) + 0.5) * 0x1p-53;
}

static double
normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

/* Shape at least 1. */
static double
gamma_variate(double shape, double scale)
{
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d), x, v;

    for (;;) {
        x = normal();
        v = 1 + c * x;
        v = v * v * v;
        if (v > 0 && log(uniform()) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v * scale;
    }
}

/* The lower incomplete gamma function, regularised, by its series. */
static double
gamma_part(double x, double shape)
{
    double term = 1 / shape, sum = term;

    for (int n = 1; n < 1000 && term > sum * 1e-12; n++) {
        term *= x / (shape + n);
        sum += term;
    }
    return sum * exp(shape * log(x) - x - lgamma(shape));
}

static void
next_arrival(struct arrivals *arrivals, const struct kind *kind)
{
    double gap, rest;

    do
        gap = gamma_variate(kind->gap_a * kind->rush, kind->gap_b);
    while (gap > GAP_LN);
    arrivals->points += exp(gap) / BUCKET_S;
    while (arrivals->points > arrivals->weights[arrivals->bucket]) {
        arrivals->points -= arrivals->weights[arrivals->bucket];
        arrivals->bucket = (arrivals->bucket + 1) % BUCKETS;
        arrivals->at_s += BUCKET_S;
    }
    rest = arrivals->points / arrivals->weights[arrivals->bucket];
    arrivals->at_s += BUCKET_S * (rest - arrivals->rest);
    arrivals->rest = rest;
}

static void
begin_arrivals(struct arrivals *arrivals, const struct kind *kind)
{
    double sum = 0;

    *arrivals = (struct arrivals){ 0 };
    for (int i = DAY_BEGINS; i < BUCKETS + DAY_BEGINS; i++) {
        double weight = gamma_part((i + 0.5) / kind->cycle_b, kind->cycle_a)
            - gamma_part((i - 0.5) / kind->cycle_b, kind->cycle_a);

        arrivals->weights[(i - 1) % BUCKETS] = weight;
        sum += weight;
    }
    for (int i = 0; i < BUCKETS; i++)
        arrivals->weights[i] *= BUCKETS / sum;
    next_arrival(arrivals, kind);
}

static int
nodes_of(const struct kind *kind)
{
    double which = uniform(), size;

    if (which <= kind->serial)
        return 1;
    size = uniform() <= kind->first
        ? kind->low + uniform() * (kind->middle - kind->low)
        : kind->middle + uniform() * (kind->high - kind->middle);
    if (which <= kind->serial + kind->power2)
        size = floor(size + 0.5);
    return (int)(pow(2, size) + 0.5);
}

static int64_t
run_of(const struct kind *kind, int nodes)
{
    double p = kind->pa * nodes + kind->pb, log_s;

    do
        log_s = uniform() <= p ? gamma_variate(kind->a1, kind->b1)
                               : gamma_variate(kind->a2, kind->b2);
    while (log_s > LONGEST_LN);
    return (int64_t)exp(log_s) + 1;
}

static int64_t
estimate_of(int64_t run_s)
{
    static const int minutes[] = { 5, 10, 15, 30, 60, 120, 180, 240, 360,
                                   480, 720, 1080, 1440, 2160, 2880, 5760 };
    double wanted = (double)run_s * (1 + 4 * uniform());

    for (size_t i = 0; i < ARRAY_LEN(minutes); i++)
        if (wanted <= minutes[i] * 60)
            return minutes[i] * 60;
    return (int64_t)wanted;
}

int
main(int argc, char **argv)
{
    struct arrivals arrivals[ARRAY_LEN(kinds)];
    int64_t count, seed, load;
    double work = 0, stretch;
    struct made *made;

    must(argc == 4 && parse_int64(argv[1], 2, 1000000, &count)
         && parse_int64(argv[2], 0, 1000000, &seed)
         && parse_int64(argv[3], 1, 200, &load));
    rnd = (uint64_t)seed;
    made = xcalloc((size_t)count, sizeof *made);
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        begin_arrivals(&arrivals[k], &kinds[k]);
    for (int64_t i = 0; i < count; i++) {
        size_t k = arrivals[1].at_s < arrivals[0].at_s;

        made[i].at_s = arrivals[k].at_s;
        next_arrival(&arrivals[k], &kinds[k]);
        made[i].nodes = nodes_of(&kinds[k]);
        made[i].run_s = run_of(&kinds[k], made[i].nodes);
        made[i].estimate_s = estimate_of(made[i].run_s);
        work += (double)made[i].run_s * made[i].nodes;
    }
    stretch = work / NODES / ((double)load / 100)
        / (made[count - 1].at_s - made[0].at_s);
    printf("; Note: made by a Lublin-Feitelson model, seed %d\n"
           "; MaxProcs: %d\n", (int)seed, NODES);
    for (int64_t i = 0; i < count; i++)
        printf("%lld %lld -1 %lld %d -1 -1 %d %lld -1 1 -1 -1 -1 -1 -1 -1 "
               "-1\n", (long long)i + 1,
               (long long)((made[i].at_s - made[0].at_s) * stretch),
               (long long)made[i].run_s, made[i].nodes, made[i].nodes,
               (long long)made[i].estimate_s);
    free(made);
    return 0;
}
