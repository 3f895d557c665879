/* SPDX-License-Identifier: MIT
 *
 * The likelihood of the claims of a shard at many parameter vectors at once: evidence of each count, posterior of its
 * cells, gradient (Fisher's identity) and observed information (Louis 1982, J. R. Stat. Soc. B 44, 226).
 *
 * C11 with the vector extensions of gcc and clang. No libm, no allocation, no global state, no Python: flat arrays in,
 * flat arrays out. `rows.py`, `batches.py`, `messages.py`, `pools.py` and `rising.py` are the same arithmetic in NumPy,
 * operation for operation; the last two, `arrays.py` and `forests.py` describe the arrays. Whoever changes one changes
 * the other: a test compares them to the last bit.
 *
 * Bits do not depend on the width of the vectors. Lanes are cells; what is added up over cells has eight accumulators
 * whatever the width, and products and sums are never contracted (-ffp-contract=off). Where counts add up or rise, lanes
 * are draws, and sums run from the first to the last.
 */
#include <stdint.h>

#ifndef EXPORT
#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif
#endif

#if defined(__AVX2__)
#define WIDTH 4
#else
#define WIDTH 2
#endif
#define LANES 8              /* cells of a count come in multiples of it */
#define FOLDS (LANES / WIDTH) /* vectors that hold one number for each accumulator */

typedef double Vector __attribute__((vector_size(8 * WIDTH), aligned(8)));
typedef int64_t Whole __attribute__((vector_size(8 * WIDTH), aligned(8)));
typedef uint64_t Bits __attribute__((vector_size(8 * WIDTH), aligned(8)));
typedef float Single __attribute__((vector_size(4 * WIDTH), aligned(4)));
#define INLINE static inline __attribute__((always_inline))

#define TINY 1e-290    /* least prior probability of a cell */
#define LEAST 1e-70    /* least probability of a claim: four are multiplied before a logarithm is taken */
#define OUTSIDE -1e290 /* `base` below this marks what only fills up the cells of a count */
#define SLIP 2.302585092994046 /* scale of the logarithm of a gross error: a digit, ln 10 */
#define STEP 3e-5      /* of finite differences of gradients */

enum { BIAS, SPREAD, FIDELITY, SLOPE, DENIAL, GROSS, HEAPING, COPYING, PARAMETERS };

/* A shard; see `arrays.Shard`. The order is that of `arrays.FIELDS`. */
typedef struct {
  const int64_t *cell, *claim; /* counts + 1: where the cells and the claims of each count begin */
  const double *sign;          /* counts */
  const int32_t *outcome;
  const double *log_center, *size, *blur, *base; /* cells */
  const int32_t *left, *right;
  const int64_t *edge, *pair; /* claims + 1: where its edges, and its pairs of claim and cell, begin */
  const double *fixed;        /* claims, 4 */
  const int32_t *voice;
  const double *log_edge, *bound, *plain, *tilt; /* edges */
  const float *exact;                            /* pairs */
  const double *slip, *slip_tilt;                /* pairs */
  const double *shift;                           /* voices, 2 */
  const int32_t *place;                          /* voices, 8 */
  int64_t counts, claims, voices, parameters;
} Shard;

/* ------------------------------------------------------------------------------------------- elementary functions */

INLINE Vector splat(double x) {
  Vector r;
  for (int j = 0; j < WIDTH; j++) r[j] = x;
  return r;
}
INLINE Vector load(const double *p) { return *(const Vector *)p; }
INLINE void store(double *p, Vector x) { *(Vector *)p = x; }
INLINE Vector choose(Whole which, Vector yes, Vector no) { return (Vector)((which & (Whole)yes) | (~which & (Whole)no)); }
INLINE Vector larger(Vector a, Vector b) { return choose(a > b, a, b); }
INLINE Vector smaller(Vector a, Vector b) { return choose(a < b, a, b); }
INLINE Vector root(Vector x) {
  Vector r;
  for (int j = 0; j < WIDTH; j++) r[j] = __builtin_sqrt(x[j]);
  return r;
}

#define MAGIC 6755399441055744.0 /* 1.5 * 2^52: adding it rounds to a whole number, which is then in the low bits */
#define LOG2E 1.4426950408889634
#define LN2_HIGH 6.93147180369123816490e-01
#define LN2_LOW 1.90821492927058770002e-10

/* Taylor's series of degree 13 on [-ln 2 / 2, ln 2 / 2], scaled by a power of two; limits at +-700. */
INLINE Vector exponential(Vector x) {
  static const double series[14] = {1.6059043836821613e-10, 2.08767569878681e-09,  2.505210838544172e-08,
                                    2.755731922398589e-07,  2.755731922398589e-06, 2.48015873015873e-05,
                                    1.984126984126984e-04,  1.388888888888889e-03, 8.333333333333333e-03,
                                    4.1666666666666664e-02, 0.16666666666666666,   0.5,
                                    1.0,                    1.0};
  x = larger(smaller(x, splat(700.0)), splat(-700.0));
  Vector n = x * LOG2E + MAGIC;
  Whole power = (Whole)n;
  n -= MAGIC;
  Vector r = x - n * LN2_HIGH - n * LN2_LOW, p = splat(series[0]);
  for (int i = 1; i < 14; i++) p = p * r + series[i];
  return p * (Vector)((power << 52) + 0x3FF0000000000000LL);
}

/* 2 artanh(f / (2 + f)) of the fraction between 1/sqrt 2 and sqrt 2, by its series; for normal positive numbers. */
INLINE Vector logarithm(Vector x) {
  static const double series[11] = {1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11,
                                    1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3,  1.0};
  Whole bits = (Whole)x, power = (Whole)((Bits)bits >> 52) - 1023;
  Vector m = (Vector)((bits & 0x000FFFFFFFFFFFFFLL) | 0x3FF0000000000000LL);
  Whole big = m > splat(1.4142135623730951);
  m = choose(big, m * 0.5, m);
  power -= big; /* true is -1 */
  Vector n = (Vector)(power + 0x4338000000000000LL) - MAGIC;
  Vector f = m - 1.0, s = f / (m + 1.0), z = s * s, p = splat(series[0]);
  for (int i = 1; i < 11; i++) p = p * z + series[i];
  return n * LN2_HIGH + (2.0 * s * p + n * LN2_LOW);
}
INLINE double exponential_of(double x) { return exponential(splat(x))[0]; }
INLINE double logarithm_of(double x) { return logarithm(splat(x))[0]; }
INLINE double logistic(double x) { return 1.0 / (1.0 + exponential_of(-x)); }

/* The sum of eight accumulators, always in this order. */
INLINE double fold(const double *a) { return ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7])); }

INLINE double sum(const double *a, int64_t cells) {
  double lanes[LANES];
  for (int h = 0; h < FOLDS; h++) {
    Vector total = splat(0.0);
    for (int64_t c = h * WIDTH; c < cells; c += LANES) total += load(a + c);
    store(lanes + h * WIDTH, total);
  }
  return fold(lanes);
}
INLINE double dot(const double *a, const double *b, int64_t cells) {
  double lanes[LANES];
  for (int h = 0; h < FOLDS; h++) {
    Vector total = splat(0.0);
    for (int64_t c = h * WIDTH; c < cells; c += LANES) total += load(a + c) * load(b + c);
    store(lanes + h * WIDTH, total);
  }
  return fold(lanes);
}

/* Whether something is true in any lane. */
INLINE int any(Whole which) {
  int64_t found = 0;
  for (int j = 0; j < WIDTH; j++) found |= which[j];
  return found != 0;
}

/* Logarithm of the upper tail of a standard normal: Cody (1969), Math. Comp. 23, 631, three rational approximations.
 * What no lane needs is left out: neighbours are mostly in one region. */
INLINE Vector log_upper(Vector z) {
  static const double near_p[5] = {2.2352520354606839287, 161.02823106855587881, 1067.6894854603709582,
                                   18154.981253343561249, .065682337918207449113},
                      near_q[4] = {47.20258190468824187, 976.09855173777669322, 10260.932208618978205,
                                   45507.789335026729956},
                      mid_p[9] = {.39894151208813466764, 8.8831497943883759412, 93.506656132177855979,
                                  597.27027639480026226, 2494.5375852903726711, 6848.1904505362823326,
                                  11602.651437647350124, 9842.7148383839780218, 1.0765576773720192317e-8},
                      mid_q[8] = {22.266688044328115691, 235.38790178262499861, 1519.377599407554805,
                                  6485.558298266760755,  18615.571640885098091, 34900.952721145977266,
                                  38912.003286093271411, 19685.429676859990727},
                      far_p[6] = {.21589853405795699,    .1274011611602473639,  .022235277870649807,
                                  .001421619193227893466, 2.9112874951168792e-5, .02307344176494017303},
                      far_q[5] = {1.28426009614491121, .468238212480865118, .0659881378689285515,
                                  .00378239633202758244, 7.29751555083966205e-5};
  const Whole close = larger(z, -z) <= splat(0.67448975), above = z > splat(0.0);
  Vector y = larger(z, -z), n = mid_p[8] * y, m = y;
  for (int i = 0; i < 7; i++) {
    n = (n + mid_p[i]) * y;
    m = (m + mid_q[i]) * y;
  }
  Vector q = (n + mid_p[7]) / (m + mid_q[7]), x;
  Whole distant = y > splat(5.656854249492381);
  if (any(distant)) {
    x = 1.0 / larger(y * y, splat(1.0));
    n = far_p[5] * x;
    m = x;
    for (int i = 0; i < 4; i++) {
      n = (n + far_p[i]) * x;
      m = (m + far_q[i]) * x;
    }
    Vector far = (0.39894228040143267794 - x * (n + far_p[4]) / (m + far_q[4])) / larger(y, splat(1.0));
    q = choose(distant, far, q); /* over the density at y, but for a constant */
  }
  Vector out = logarithm(larger(q, splat(TINY))) - 0.5 * y * y;
  if (any(~above)) out = choose(above, out, logarithm(larger(1.0 - exponential(out), splat(TINY))));
  if (!any(close)) return out;
  x = y * y;
  n = near_p[4] * x;
  m = x;
  for (int i = 0; i < 3; i++) {
    n = (n + near_p[i]) * x;
    m = (m + near_q[i]) * x;
  }
  Vector middle = z * (n + near_p[3]) / (m + near_q[3]);
  return choose(close, logarithm(choose(close, 0.5 - middle, splat(1.0))), out);
}

/* ---------------------------------------------------------------------------------------------------- count priors */

/* Tails of the count priors at the edges of cells, and their slopes; see `batches.CountTable`.
 *   counts (draws, outcomes, 4); log_low, held (places); far (outcomes, places); tail (draws, outcomes, places);
 *   slopes (draws, outcomes, 4, places), or null. `places` is a multiple of LANES. */
EXPORT void reconcile_tails(int64_t draws, int64_t outcomes, int64_t places, const double *counts,
                            const double *log_low, const double *held, const double *far, double *tail,
                            double *slopes) {
  const double density = 0.3989422804014327; /* 1 / sqrt(2 pi) */
  for (int64_t k = 0; k < draws; k++)
    for (int64_t o = 0; o < outcomes; o++) {
      const double *q = counts + 4 * (k * outcomes + o), *broad = far + o * places;
      double none = logistic(q[0]), location = q[1], rate = 1.0 / exponential_of(q[2]), share = logistic(q[3]);
      double some = 1.0 - none, start = (-0.6931471805599453 - location) * rate;
      double every = log_upper(splat(start))[0], first = exponential_of(-0.5 * start * start - every) * density;
      double *out = tail + (k * outcomes + o) * places, *by = slopes ? slopes + 4 * (k * outcomes + o) * places : 0;
      for (int64_t u = 0; u < places; u += WIDTH) {
        Vector h = load(held + u), z = (load(log_low + u) - location) * rate;
        Vector main = exponential(log_upper(z) - every), f = load(broad + u);
        Vector inner = (1.0 - share) * main + share * f;
        store(out + u, h * (some * inner) + (1.0 - h));
        if (!by) continue;
        Vector bell = exponential(-0.5 * z * z - every) * density, scaled = h * some, near = scaled * (1.0 - share);
        store(by + u, -none * scaled * inner);
        store(by + places + u, near * (bell - main * first) * rate);
        store(by + 2 * places + u, near * (bell * z - main * first * start));
        store(by + 3 * places + u, scaled * (share * (1.0 - share)) * (f - main));
      }
    }
}

/* Turn derivatives by tails, prior (draws, outcomes, places), into those by the four parameters of each count prior:
 * out (draws, outcomes, 4). */
EXPORT void reconcile_by_counts(int64_t draws, int64_t outcomes, int64_t places, const double *slopes,
                                const double *prior, double *out) {
  for (int64_t q = 0; q < draws * outcomes; q++)
    for (int a = 0; a < 4; a++) out[4 * q + a] = dot(slopes + (4 * q + a) * places, prior + q * places, places);
}

/* ------------------------------------------------------------------------------------------------------ the claims */

/* What eight parameters of a source become before any cell is looked at; the last two are the derivatives of the bias
 * and of half the variance, by bias and log spread. */
enum { V_HEAP, V_GROSS, V_DENIED, V_COPIED, V_VARIANCE, V_BIAS, V_FIDELITY, V_SLOPE, V_BY_BIAS, V_BY_SPREAD, V_ALL };

static void prepare(const double *theta, const double *shift, double *voice) {
  double spread = theta[SPREAD] + shift[0], bias = theta[BIAS];
  /* A draw may be far out before it is refused; beyond these limits nothing changes any more. */
  int held = !(spread >= -12.0 && spread <= 8.0), far = !(bias >= -60.0 && bias <= 60.0);
  spread = spread < -12.0 ? -12.0 : spread > 8.0 ? 8.0 : spread;
  double chance[LANES] = {theta[HEAPING], theta[GROSS], theta[DENIAL], theta[COPYING]};
  for (int h = 0; h < 4; h += WIDTH) store(chance + h, 1.0 / (1.0 + exponential(-load(chance + h))));
  voice[V_HEAP] = chance[0];
  voice[V_GROSS] = chance[1];
  voice[V_DENIED] = chance[2];
  voice[V_COPIED] = chance[3];
  voice[V_VARIANCE] = exponential_of(2.0 * spread);
  voice[V_BIAS] = bias < -60.0 ? -60.0 : bias > 60.0 ? 60.0 : bias;
  voice[V_FIDELITY] = theta[FIDELITY] + shift[1];
  voice[V_SLOPE] = theta[SLOPE];
  voice[V_BY_BIAS] = far ? 0.0 : 1.0;
  voice[V_BY_SPREAD] = held ? 0.0 : voice[V_VARIANCE];
}

/* For each claim and cell: P(claim | count), and what its slopes are made of. Each stands in an array of its own. */
enum { S_ROW, S_OWN, S_FAITHFUL, S_TO_EXACT, S_TO_GROSS, S_TO_DENIAL, S_RATE, S_TILT, S_BELL, S_SKEW, S_ALL };

/* P(claim i | count in each cell), and with `slopes` the nine others; `out` holds S_ALL arrays of `cells` numbers. */
INLINE void speak(const Shard *s, int64_t i, const double *voice, const double *echo, int64_t at, int64_t cells,
                  double *out, int slopes) {
  const double *fixed = s->fixed + 4 * i, *slip = s->slip + s->pair[i], *slip_tilt = s->slip_tilt + s->pair[i];
  const float *exact = s->exact + s->pair[i];
  double heap = voice[V_HEAP], gross = voice[V_GROSS], denied = voice[V_DENIED], copied = voice[V_COPIED];
  double constant = fixed[0] + heap * (fixed[1] - fixed[0]), holds_zero = fixed[2] + heap * (fixed[3] - fixed[2]);
  double same = copied * echo[0], kept = 1.0 - copied * echo[1];
  for (int64_t c = 0; c < cells; c += WIDTH) {
    Vector rate = 1.0 / root(load(s->blur + at + c) + voice[V_VARIANCE]);
    Vector middle = load(s->log_center + at + c) + voice[V_BIAS];
    Vector below = splat(0.0), tilted = below, bell = below, skew = below;
    for (int64_t e = s->edge[i]; e < s->edge[i + 1]; e++) {
      /* Student's t with 4 degrees of freedom: P(below z) = 1/2 + u (3/8 - u^2 / 32), u = z / sqrt(1 + z^2 / 4). */
      double tilt = s->tilt[e], weight = s->plain[e] + heap * tilt;
      Vector z = (s->log_edge[e] - middle) * rate, r = 1.0 / root(z * z * 0.25 + 1.0), u = z * r;
      Vector under = (0.375 - u * u * 0.03125) * u;
      below += under * weight;
      if (!slopes) continue;
      Vector r2 = r * r, density = r2 * r2 * r * (-0.375 * weight);
      tilted += under * tilt;
      bell += density;
      skew += density * z;
    }
    Vector smooth = larger(below + constant, splat(0.0));
    Vector faithful = 1.0 / (1.0 + exponential(load(s->size + at + c) * voice[V_SLOPE] - voice[V_FIDELITY]));
    Vector to_gross = load(slip + c) + heap * load(slip_tilt + c) - smooth, spoken = smooth + to_gross * gross;
    Vector to_exact = __builtin_convertvector(*(const Single *)(exact + c), Vector) - spoken; /* a known number is not rounded */
    spoken += faithful * to_exact;
    Vector to_denial = holds_zero - spoken;
    if (c == 0) to_denial[0] = 0.0; /* nobody can deny that nobody died */
    Vector own = spoken + to_denial * denied;
    store(out + S_ROW * cells + c, larger(own * kept + same, splat(LEAST)));
    if (!slopes) continue;
    store(out + S_OWN * cells + c, own);
    store(out + S_FAITHFUL * cells + c, faithful);
    store(out + S_TO_EXACT * cells + c, to_exact);
    store(out + S_TO_GROSS * cells + c, to_gross);
    store(out + S_TO_DENIAL * cells + c, to_denial);
    store(out + S_RATE * cells + c, rate);
    store(out + S_TILT * cells + c, tilted * (1.0 - gross) + load(slip_tilt + c) * gross);
    store(out + S_BELL * cells + c, bell);
    store(out + S_SKEW * cells + c, skew);
  }
}

/* Slopes of a row are linear in eleven terms, which are formed for each cell and may first be added up. */
enum { T_WEIGHT, T_OWN, T_ALIVE, T_NOISY, T_BELL, T_SKEW, T_LIFT, T_LEAN, T_DENIAL, T_GROSS, T_TILT, T_ALL };

INLINE void form(const Shard *s, const double *said, const double *voice, int64_t at, int64_t c, int64_t cells,
                 Vector weight, Vector *terms) {
  Vector alive = weight * (1.0 - voice[V_DENIED]);
  if (c == 0) alive[0] = weight[0];
  Vector faithful = load(said + S_FAITHFUL * cells + c), rate = load(said + S_RATE * cells + c);
  Vector trusted = alive * faithful, noisy = alive - trusted;
  Vector lift = (trusted - trusted * faithful) * load(said + S_TO_EXACT * cells + c), bent = noisy * rate;
  terms[T_WEIGHT] = weight;
  terms[T_OWN] = weight * load(said + S_OWN * cells + c);
  terms[T_ALIVE] = alive;
  terms[T_NOISY] = noisy;
  terms[T_BELL] = bent * load(said + S_BELL * cells + c);
  terms[T_SKEW] = bent * rate * load(said + S_SKEW * cells + c);
  terms[T_LIFT] = lift;
  terms[T_LEAN] = lift * load(s->size + at + c);
  terms[T_DENIAL] = weight * load(said + S_TO_DENIAL * cells + c);
  terms[T_GROSS] = noisy * load(said + S_TO_GROSS * cells + c);
  terms[T_TILT] = noisy * load(said + S_TILT * cells + c);
}

/* Turn the eleven terms into derivatives by the eight parameters. */
INLINE void combine(const double *fixed, const double *voice, const double *echo, const Vector *t, Vector *out) {
  double heap = voice[V_HEAP], gross = voice[V_GROSS], denied = voice[V_DENIED], copied = voice[V_COPIED];
  double mine = 1.0 - copied * echo[1], clear = 1.0 - gross, by_noise = mine * clear;
  double by_plain = clear * (fixed[1] - fixed[0]), by_zero = fixed[3] - fixed[2];
  out[BIAS] = t[T_BELL] * (by_noise * voice[V_BY_BIAS]);
  out[SPREAD] = t[T_SKEW] * (by_noise * voice[V_BY_SPREAD]);
  out[FIDELITY] = t[T_LIFT] * mine;
  out[SLOPE] = t[T_LEAN] * -mine;
  out[DENIAL] = t[T_DENIAL] * (mine * (denied * (1.0 - denied)));
  out[GROSS] = t[T_GROSS] * (mine * (gross * clear));
  out[HEAPING] = (t[T_TILT] + t[T_NOISY] * by_plain + (t[T_WEIGHT] - t[T_ALIVE]) * by_zero) *
                 (mine * (heap * (1.0 - heap)));
  out[COPYING] = (t[T_WEIGHT] * echo[0] - t[T_OWN] * echo[1]) * (copied * (1.0 - copied));
}

/* A weight over a row; none where the row is at its floor, where nothing changes it. */
INLINE Vector over(Vector weight, Vector row) { return choose(row > splat(LEAST), weight / row, splat(0.0)); }

/* Sums over cells, by weights over rows, of the derivatives of a row; `copies`, or null, takes two of the sums. */
INLINE void add_slopes(const Shard *s, int64_t i, const double *said, const double *row, const double *voice,
                       const double *echo, int64_t at, int64_t cells, const double *posterior, double *out,
                       double *copies) {
  double lanes[T_ALL][LANES];
  Vector terms[T_ALL], totals[T_ALL], slopes[PARAMETERS];
  for (int h = 0; h < FOLDS; h++) {
    for (int q = 0; q < T_ALL; q++) totals[q] = splat(0.0);
    for (int64_t c = h * WIDTH; c < cells; c += LANES) {
      form(s, said, voice, at, c, cells, over(load(posterior + c), load(row + c)), terms);
      for (int q = 0; q < T_ALL; q++) totals[q] += terms[q];
    }
    for (int q = 0; q < T_ALL; q++) store(lanes[q] + h * WIDTH, totals[q]);
  }
  for (int q = 0; q < T_ALL; q++) totals[q] = splat(fold(lanes[q]));
  combine(s->fixed + 4 * i, voice, echo, totals, slopes);
  for (int a = 0; a < PARAMETERS; a++) out[a] = slopes[a][0];
  if (copies) {
    copies[0] = totals[T_WEIGHT][0];
    copies[1] = totals[T_OWN][0];
  }
}

/* Prior probability of each cell, and its logarithm with `base`. */
INLINE void open_cells(const Shard *s, const double *tail, int64_t at, int64_t cells, double *mass, double *joint) {
  const int32_t *left = s->left + at, *right = s->right + at;
  for (int64_t c = 0; c < cells; c += WIDTH) {
    Vector m;
    for (int j = 0; j < WIDTH; j++) m[j] = tail[left[c + j]] - tail[right[c + j]];
    m = larger(m, splat(TINY));
    store(mass + c, m);
    store(joint + c, logarithm(m) + load(s->base + at + c));
  }
}

/* Turn joint log probabilities into the posterior of cells; give the log evidence. */
INLINE double settle(const double *base, double *joint, int64_t cells) {
  Vector most = load(joint);
  for (int64_t c = WIDTH; c < cells; c += WIDTH) most = larger(load(joint + c), most);
  double peak = most[0];
  for (int j = 1; j < WIDTH; j++) peak = most[j] > peak ? most[j] : peak;
  for (int64_t c = 0; c < cells; c += WIDTH)
    store(joint + c, choose(load(base + c) > splat(OUTSIDE), exponential(load(joint + c) - peak), splat(0.0)));
  double total = sum(joint, cells), part = 1.0 / total;
  for (int64_t c = 0; c < cells; c += WIDTH) store(joint + c, load(joint + c) * part);
  return peak + logarithm_of(total);
}

/* Evidence of the counts of a shard at each draw, with what is asked for.
 *   theta (draws, voices, 8); echo (claims, 2); tail (draws, outcomes, places);
 *   value (draws), each (draws, counts); score (draws, voices, 8) and prior (draws, outcomes, places), or both null;
 *   copies (draws, claims, 2) or null, with score; weight (draws, counts) and mass (cells), or both null.
 * What is summed is added to what `value`, `score`, `prior` and `mass` hold. */
EXPORT void reconcile_evaluate(const Shard *s, int64_t draws, const double *theta, const double *echo,
                               int64_t outcomes, int64_t places, const double *tail, double *value, double *each,
                               double *score, double *prior, double *copies, const double *weight, double *mass,
                               double *scratch) {
  double *voices = scratch, *work = voices + draws * s->voices * V_ALL;
  for (int64_t k = 0; k < draws; k++)
    for (int64_t v = 0; v < s->voices; v++)
      prepare(theta + PARAMETERS * (k * s->voices + v), s->shift + 2 * v, voices + V_ALL * (k * s->voices + v));
  for (int64_t t = 0; t < s->counts; t++) {
    int64_t at = s->cell[t], cells = s->cell[t + 1] - at, first = s->claim[t], last = s->claim[t + 1];
    double sign = s->sign[t], *joint = work, *held = joint + cells, *product = held + cells, *said = product + cells;
    for (int64_t k = 0; k < draws; k++) {
      const double *own = voices + V_ALL * k * s->voices;
      open_cells(s, tail + (k * outcomes + s->outcome[t]) * places, at, cells, held, joint);
      for (int64_t i = first; i < last; i++) {
        double *here = said + (score ? (i - first) * S_ALL * cells : 0);
        const double *voice = own + V_ALL * (int64_t)s->voice[i];
        if (score)
          speak(s, i, voice, echo + 2 * i, at, cells, here, 1);
        else
          speak(s, i, voice, echo + 2 * i, at, cells, here, 0);
        int turn = (int)((i - first) & 3), full = turn == 3 || i == last - 1;
        for (int64_t c = 0; c < cells; c += WIDTH) {
          Vector row = load(here + c);
          if (turn) row *= load(product + c);
          if (full)
            store(joint + c, load(joint + c) + logarithm(row));
          else
            store(product + c, row);
        }
      }
      double evidence = settle(s->base + at, joint, cells);
      each[k * s->counts + t] = evidence;
      value[k] += sign * evidence;
      if (mass) {
        double part = weight[k * s->counts + t];
        for (int64_t c = 0; c < cells; c += WIDTH) store(mass + at + c, load(mass + at + c) + load(joint + c) * part);
      }
      if (!score) continue;
      double *by_tail = prior + (k * outcomes + s->outcome[t]) * places;
      for (int64_t c = 0; c < cells; c += WIDTH) {
        Vector share = load(joint + c) * sign / load(held + c);
        for (int j = 0; j < WIDTH; j++) {
          by_tail[s->left[at + c + j]] += share[j];
          by_tail[s->right[at + c + j]] -= share[j];
        }
      }
      for (int64_t i = first; i < last; i++) {
        double slopes[PARAMETERS], *here = said + (i - first) * S_ALL * cells;
        double *to = score + PARAMETERS * (k * s->voices + s->voice[i]);
        add_slopes(s, i, here, here, own + V_ALL * (int64_t)s->voice[i], echo + 2 * i, at, cells, joint, slopes,
                   copies ? copies + 2 * (k * s->claims + i) : 0);
        for (int a = 0; a < PARAMETERS; a++) to[a] += slopes[a] * sign;
      }
    }
  }
}

/* P(claim | count in each cell) for all pairs of claim and cell: out (draws, pairs). */
EXPORT void reconcile_rows(const Shard *s, int64_t draws, const double *theta, const double *echo, double *out,
                           double *scratch) {
  int64_t pairs = s->pair[s->claims];
  double voice[V_ALL];
  for (int64_t k = 0; k < draws; k++)
    for (int64_t t = 0; t < s->counts; t++)
      for (int64_t i = s->claim[t]; i < s->claim[t + 1]; i++) {
        int64_t at = s->cell[t], cells = s->cell[t + 1] - at;
        prepare(theta + PARAMETERS * (k * s->voices + s->voice[i]), s->shift + 2 * (int64_t)s->voice[i], voice);
        speak(s, i, voice, echo + 2 * i, at, cells, scratch, 0);
        for (int64_t c = 0; c < cells; c += WIDTH) store(out + k * pairs + s->pair[i] + c, load(scratch + c));
      }
}

/* Sums over cells, by weights (draws, pairs), of the derivatives of the logarithm of each row: score (draws, voices, 8),
 * to which they are added. */
EXPORT void reconcile_slopes(const Shard *s, int64_t draws, const double *theta, const double *echo,
                             const double *weight, double *score, double *scratch) {
  int64_t pairs = s->pair[s->claims];
  double voice[V_ALL], slopes[PARAMETERS];
  for (int64_t k = 0; k < draws; k++)
    for (int64_t t = 0; t < s->counts; t++)
      for (int64_t i = s->claim[t]; i < s->claim[t + 1]; i++) {
        int64_t at = s->cell[t], cells = s->cell[t + 1] - at, v = k * s->voices + s->voice[i];
        prepare(theta + PARAMETERS * v, s->shift + 2 * (int64_t)s->voice[i], voice);
        speak(s, i, voice, echo + 2 * i, at, cells, scratch, 1);
        add_slopes(s, i, scratch, scratch, voice, echo + 2 * i, at, cells, weight + k * pairs + s->pair[i], slopes, 0);
        for (int a = 0; a < PARAMETERS; a++) score[PARAMETERS * v + a] += slopes[a];
      }
}

/* Share of each cell that the plain wording of a claim covers, for all pairs: out (pairs). `low` and `width` (cells)
 * are the first count of each cell and how many it holds; `constant` (claims) is what no edge takes away.
 * And P(claim | count) if the figure is grossly off, plain and how much heaping adds: slip, slip_tilt (pairs). */
EXPORT void reconcile_cover(const Shard *s, const double *low, const double *width, const double *constant,
                            float *out, double *slip, double *slip_tilt) {
  for (int64_t t = 0; t < s->counts; t++)
    for (int64_t i = s->claim[t]; i < s->claim[t + 1]; i++)
      for (int64_t c = s->cell[t]; c < s->cell[t + 1]; c += WIDTH) {
        Vector total = splat(0.0);
        for (int64_t e = s->edge[i]; e < s->edge[i + 1]; e++) {
          Vector part = (s->bound[e] - load(low + c)) / load(width + c);
          total += larger(smaller(part, splat(1.0)), splat(0.0)) * s->plain[e];
        }
        total += constant[i];
        *(Single *)(out + s->pair[i] + (c - s->cell[t])) = __builtin_convertvector(total, Single);
        const double *fixed = s->fixed + 4 * i;
        Vector rate = 1.0 / root(load(s->blur + c) + SLIP * SLIP), plain = splat(0.0), tilted = plain;
        for (int64_t e = s->edge[i]; e < s->edge[i + 1]; e++) {
          Vector z = (s->log_edge[e] - load(s->log_center + c)) * rate, u = z * (1.0 / root(z * z * 0.25 + 1.0));
          Vector under = (0.375 - u * u * 0.03125) * u;
          plain += under * s->plain[e];
          tilted += under * s->tilt[e];
        }
        store(slip + s->pair[i] + (c - s->cell[t]), larger(plain + fixed[0], splat(0.0)));
        store(slip_tilt + s->pair[i] + (c - s->cell[t]), tilted + (fixed[1] - fixed[0]));
      }
}

/* ------------------------------------------------------------------------------------------------------- curvature */

/* Observed information of the shard's own parameters and of the count priors at one parameter vector, added to info
 * (size, size), both halves.
 *   theta (voices, 8); echo (claims, 2); size = parameters + 4 outcomes; tail and slopes as of `reconcile_tails` for
 *   five draws: the point itself, then with each of the four count parameters larger by STEP. */
EXPORT void reconcile_curve(const Shard *s, const double *theta, const double *echo, int64_t outcomes, int64_t places,
                            const double *tail, const double *slopes, double *info, double *scratch) {
  int64_t none = s->parameters, size = none + 4 * outcomes;
  for (int64_t t = 0; t < s->counts; t++) {
    int64_t at = s->cell[t], cells = s->cell[t + 1] - at, first = s->claim[t], claims = s->claim[t + 1] - first;
    int64_t o = s->outcome[t], rows = PARAMETERS * claims + 4;
    double sign = s->sign[t], bent[16];
    double *joint = scratch, *held = joint + cells, *said = held + cells, *moved = said + claims * S_ALL * cells;
    double *scores = moved + S_ALL * cells, *scaled = scores + rows * cells, *mean = scaled + cells;
    double *own = mean + rows; /* mean second derivative of each claim's row, over the row: claims, 8, 8 */
    const int32_t *left = s->left + at, *right = s->right + at;
    open_cells(s, tail + o * places, at, cells, held, joint);
    for (int64_t i = 0; i < claims; i++) {
      double voice[V_ALL], *here = said + i * S_ALL * cells;
      int64_t v = s->voice[first + i];
      prepare(theta + PARAMETERS * v, s->shift + 2 * v, voice);
      speak(s, first + i, voice, echo + 2 * (first + i), at, cells, here, 1);
      for (int64_t c = 0; c < cells; c += WIDTH) store(joint + c, load(joint + c) + logarithm(load(here + c)));
    }
    settle(s->base + at, joint, cells);
    for (int64_t i = 0; i < claims; i++) {
      double voice[V_ALL], shifted[PARAMETERS], here_by[PARAMETERS], there_by[PARAMETERS];
      double *here = said + i * S_ALL * cells, *second = own + PARAMETERS * PARAMETERS * i;
      int64_t v = s->voice[first + i];
      const double *heard = echo + 2 * (first + i);
      Vector terms[T_ALL], by[PARAMETERS];
      prepare(theta + PARAMETERS * v, s->shift + 2 * v, voice);
      add_slopes(s, first + i, here, here, voice, heard, at, cells, joint, here_by, 0);
      for (int64_t c = 0; c < cells; c += WIDTH) {
        form(s, here, voice, at, c, cells, over(splat(1.0), load(here + c)), terms);
        combine(s->fixed + 4 * (first + i), voice, heard, terms, by);
        for (int a = 0; a < PARAMETERS; a++) store(scores + (PARAMETERS * i + a) * cells + c, by[a]);
      }
      for (int k = 0; k < PARAMETERS; k++) {
        if (s->place[PARAMETERS * v + k] >= none) {
          for (int a = 0; a < PARAMETERS; a++) second[PARAMETERS * k + a] = 0.0;
          continue;
        }
        for (int a = 0; a < PARAMETERS; a++) shifted[a] = theta[PARAMETERS * v + a];
        shifted[k] += STEP;
        prepare(shifted, s->shift + 2 * v, voice);
        speak(s, first + i, voice, heard, at, cells, moved, 1);
        add_slopes(s, first + i, moved, here, voice, heard, at, cells, joint, there_by, 0);
        for (int a = 0; a < PARAMETERS; a++) second[PARAMETERS * k + a] = (there_by[a] - here_by[a]) / STEP;
      }
    }
    for (int k = 0; k < 4; k++) {
      const double *by = slopes + (4 * o + k) * places;
      double *to = scores + (PARAMETERS * claims + k) * cells;
      for (int64_t c = 0; c < cells; c++) to[c] = (by[left[c]] - by[right[c]]) / held[c];
    }
    for (int q = 0; q < 4; q++)
      for (int k = 0; k < 4; k++) {
        const double *there = tail + ((q + 1) * outcomes + o) * places;
        const double *by = slopes + (4 * ((q + 1) * outcomes + o) + k) * places;
        const double *here = scores + (PARAMETERS * claims + k) * cells;
        for (int64_t c = 0; c < cells; c++) {
          double mass = there[left[c]] - there[right[c]];
          scaled[c] = (by[left[c]] - by[right[c]]) / (mass > TINY ? mass : TINY) - here[c];
        }
        bent[4 * k + q] = dot(joint, scaled, cells) / STEP;
      }
    for (int64_t a = 0; a < rows; a++) mean[a] = dot(joint, scores + a * cells, cells);
    for (int64_t a = 0; a < rows; a++) {
      int prior_a = a >= PARAMETERS * claims;
      int64_t in_a = prior_a ? none + 4 * o + a - PARAMETERS * claims
                             : s->place[PARAMETERS * (int64_t)s->voice[first + a / PARAMETERS] + a % PARAMETERS];
      if (!prior_a && in_a >= none) continue;
      for (int64_t c = 0; c < cells; c += WIDTH) store(scaled + c, load(joint + c) * load(scores + a * cells + c));
      for (int64_t b = 0; b <= a; b++) {
        int prior_b = b >= PARAMETERS * claims;
        int64_t in_b = prior_b ? none + 4 * o + b - PARAMETERS * claims
                               : s->place[PARAMETERS * (int64_t)s->voice[first + b / PARAMETERS] + b % PARAMETERS];
        if (!prior_b && in_b >= none) continue;
        double product = dot(scaled, scores + b * cells, cells), part = mean[a] * mean[b] - product;
        if (!prior_a && a / PARAMETERS == b / PARAMETERS) {
          const double *second = own + PARAMETERS * PARAMETERS * (a / PARAMETERS);
          int64_t x = a % PARAMETERS, y = b % PARAMETERS;
          /* Within a claim, E[-d2 log row] = E[score score'] - E[row''] / row. */
          part += product - 0.5 * (second[PARAMETERS * x + y] + second[PARAMETERS * y + x]);
        }
        if (prior_a && prior_b) {
          int64_t x = a - PARAMETERS * claims, y = b - PARAMETERS * claims;
          part -= 0.5 * (bent[4 * x + y] + bent[4 * y + x]);
        }
        info[in_a * size + in_b] += sign * part;
        if (a != b) info[in_b * size + in_a] += sign * part;
      }
    }
  }
}

/* ------------------------------------------------------------------------------------------ accounts that are trees */

/* Counts that add up; see `forests.Forest`. The order is that of `forests.FIELDS`. A node is a count of the shard. */
typedef struct {
  const int64_t *node, *join, *cell;    /* accounts + 1, accounts + 1, nodes + 1 */
  const int32_t *owns;                  /* nodes: whether it has a count prior of its own */
  const double *width;                  /* cells: how many counts each holds; 1 for what only fills up */
  const int32_t *whole, *left, *right;  /* joins, parts first: nodes; `right` is -1 where the rest is anything */
  const int64_t *couple, *share;        /* joins + 1: where its couples of cells and its factors begin */
  const int32_t *one, *other, *first;   /* couples: cells of left and right, and the first of whole that they add up to */
  const int64_t *run;                   /* couples + 1 */
  const int64_t *slot;                  /* couples: factor of the first number, where the join has factors */
  const double *number;                 /* how many pairs of counts add up to each cell of a run */
  int64_t accounts;
} Forest;

/* Logarithm of what the prior and the claims say of each cell of a node, per count. */
INLINE void weigh(const Shard *s, int64_t n, int owns, const double *tail, const double *rows, const double *power,
                  double *joint) {
  int64_t at = s->cell[n], cells = s->cell[n + 1] - at;
  const int32_t *left = s->left + at, *right = s->right + at;
  for (int64_t c = 0; c < cells; c += WIDTH) {
    Vector said = load(s->base + at + c), held;
    if (owns) {
      for (int j = 0; j < WIDTH; j++) held[j] = tail[left[c + j]] - tail[right[c + j]];
      said += logarithm(larger(held, splat(TINY)));
    }
    store(joint + c, said);
  }
  for (int64_t i = s->claim[n]; i < s->claim[n + 1]; i++)
    for (int64_t c = 0; c < cells; c += WIDTH)
      store(joint + c, load(joint + c) + logarithm(load(rows + s->pair[i] + c)) * power[i]);
}

/* From here on a lane is a draw: a cell has LANES numbers, one for each of as many draws. */
#define EACH for (int h = 0; h < LANES; h += WIDTH)

/* What the parts of a join say of its whole, added to `to`; `factors`, or null, stand at those of the join. */
INLINE void ascend(const Forest *f, int64_t j, const double *left, const double *right, const double *factors,
                   double *to) {
  const int64_t at = f->cell[f->left[j]], with = f->right[j] < 0 ? 0 : f->cell[f->right[j]], in = f->cell[f->whole[j]];
  for (int64_t p = f->couple[j]; p < f->couple[j + 1]; p++) {
    const double *one = left + LANES * (f->one[p] - at), *other = right ? right + LANES * (f->other[p] - with) : 0;
    const double *factor = factors ? factors + LANES * (f->slot[p] - f->share[j]) : 0;
    double *out = to + LANES * (f->first[p] - in);
    Vector both[FOLDS];
    EACH both[h / WIDTH] = other ? load(one + h) * load(other + h) : load(one + h);
    for (int64_t t = f->run[p]; t < f->run[p + 1]; t++, out += LANES) {
      double number = f->number[t];
      if (factor) {
        EACH store(out + h, load(out + h) + number * both[h / WIDTH] * load(factor + h));
        factor += LANES;
      } else {
        EACH store(out + h, load(out + h) + number * both[h / WIDTH]);
      }
    }
  }
}

/* What the rest of the account says of the parts of a join, `whole` being what it says of the whole, added to `to_left`
 * and `to_right`; and the joint probability of left and whole, added to `joint`. */
INLINE void descend(const Forest *f, int64_t j, const double *left, const double *right, const double *whole,
                    const double *factors, double *to_left, double *to_right, double *joint) {
  const int64_t at = f->cell[f->left[j]], with = f->right[j] < 0 ? 0 : f->cell[f->right[j]], in = f->cell[f->whole[j]];
  for (int64_t p = f->couple[j]; p < f->couple[j + 1]; p++) {
    const double *one = left + LANES * (f->one[p] - at), *other = right ? right + LANES * (f->other[p] - with) : 0;
    const double *from = whole + LANES * (f->first[p] - in);
    double *out = to_left + LANES * (f->one[p] - at);
    Vector total[FOLDS], both[FOLDS];
    EACH total[h / WIDTH] = splat(0.0);
    if (factors) {
      int64_t slot = LANES * (f->slot[p] - f->share[j]);
      EACH both[h / WIDTH] = other ? load(one + h) * load(other + h) : load(one + h);
      for (int64_t t = f->run[p]; t < f->run[p + 1]; t++, from += LANES, slot += LANES) {
        double number = f->number[t];
        EACH {
          Vector term = number * load(factors + slot + h) * load(from + h);
          total[h / WIDTH] += term;
          store(joint + slot + h, load(joint + slot + h) + term * both[h / WIDTH]);
        }
      }
    } else {
      for (int64_t t = f->run[p]; t < f->run[p + 1]; t++, from += LANES) {
        double number = f->number[t];
        EACH total[h / WIDTH] += number * load(from + h);
      }
    }
    if (other) {
      double *back = to_right + LANES * (f->other[p] - with);
      EACH store(back + h, load(back + h) + total[h / WIDTH] * load(one + h));
    }
    EACH store(out + h, load(out + h) + (other ? total[h / WIDTH] * load(other + h) : total[h / WIDTH]));
  }
}

/* Divide by the largest number of each draw, and give it. */
INLINE void rescale(double *x, int64_t cells, double *peak) {
  EACH {
    Vector most = splat(TINY);
    for (int64_t c = 0; c < cells; c++) most = larger(load(x + LANES * c + h), most);
    Vector rate = 1.0 / most;
    for (int64_t c = 0; c < cells; c++) store(x + LANES * c + h, load(x + LANES * c + h) * rate);
    store(peak + h, most);
  }
}

/* Sum-product over trees at each draw (Pearl 1988). The shard has the nodes of the forest as its counts.
 *   rows (draws, pairs); tail (draws, outcomes, places); power (claims); factor (draws, slots); each (draws, accounts);
 *   pull (draws, pairs), prior (draws, outcomes, places) and joint (draws, slots), or all null: derivatives of the log
 *   evidence by the logarithms of rows, by tails, and by the logarithms of factors;
 *   weight (draws, accounts) and mass (cells), or both null.
 * What is summed is added to what `prior` and `mass` hold; cells that only fill up are left as they are in neither. */
EXPORT void reconcile_trees(const Shard *s, const Forest *f, int64_t draws, int64_t outcomes, int64_t places,
                            const double *rows, const double *tail, const double *power, const double *factor,
                            double *each, double *pull, double *prior, double *joint, const double *weight,
                            double *mass, double *scratch) {
  int64_t pairs = s->pair[s->claims], slots = f->share[f->join[f->accounts]];
  for (int64_t a = 0; a < f->accounts; a++) {
    int64_t begin = f->node[a], end = f->node[a + 1], at = s->cell[begin], cells = s->cell[end] - at, most = 0;
    int64_t first = f->join[a], last = f->join[a + 1], slot = f->share[first], here = f->share[last] - slot;
    int64_t root = last > first ? f->whole[last - 1] : begin, size = LANES * cells;
    for (int64_t n = begin; n < end; n++)
      most = s->cell[n + 1] - s->cell[n] > most ? s->cell[n + 1] - s->cell[n] : most;
    double *given = scratch, *inner = given + size, *outer = inner + size, *flat = outer + size, *others = flat + size;
    double *factors = others + LANES * most, *shared = factors + LANES * here, *messages = shared + LANES * here;
#define OF(x, n) ((x) + LANES * (s->cell[n] - at))
#define CELLS(n) (s->cell[(n) + 1] - s->cell[n])
#define MESSAGE(j) (messages + LANES * most * ((j) - first))
    for (int64_t k = 0; k < draws; k += LANES) {
      int64_t some = draws - k < LANES ? draws - k : LANES;
      double scale[LANES] = {0}, peak[LANES];
      for (int64_t c = 0; c < size; c++) given[c] = 0.0;
      for (int64_t n = begin; n < end; n++)
        for (int64_t q = 0; q < some; q++) {
          const double *before = tail + ((k + q) * outcomes + s->outcome[n]) * places, *base = s->base + s->cell[n];
          weigh(s, n, f->owns[n], before, rows + (k + q) * pairs, power, flat);
          double top = flat[0], *to = OF(given, n) + q;
          for (int64_t c = 1; c < CELLS(n); c++) top = flat[c] > top ? flat[c] : top;
          scale[q] += top;
          for (int64_t c = 0; c < CELLS(n); c += WIDTH) {
            Vector x = choose(load(base + c) > splat(OUTSIDE), exponential(load(flat + c) - top), splat(0.0));
            for (int j = 0; j < WIDTH; j++) to[LANES * (c + j)] = x[j];
          }
        }
      for (int64_t t = 0; t < here; t++)
        for (int64_t q = 0; q < LANES; q++)
          factors[LANES * t + q] = q < some ? factor[(k + q) * slots + slot + t] : 0.0;
      for (int64_t c = 0; c < size; c++) inner[c] = given[c];
      for (int64_t j = first; j < last; j++) {
        int64_t w = f->whole[j], r = f->right[j];
        double *message = MESSAGE(j), *to = OF(inner, w);
        const double *mine = f->share[j + 1] > f->share[j] ? factors + LANES * (f->share[j] - slot) : 0;
        for (int64_t c = 0; c < LANES * CELLS(w); c++) message[c] = 0.0;
        if (mine)
          ascend(f, j, OF(inner, f->left[j]), r < 0 ? 0 : OF(inner, r), mine, message);
        else if (r < 0)
          ascend(f, j, OF(inner, f->left[j]), 0, 0, message);
        else
          ascend(f, j, OF(inner, f->left[j]), OF(inner, r), 0, message);
        for (int64_t c = 0; c < CELLS(w); c++)
          EACH {
            Vector x = load(message + LANES * c + h) / f->width[f->cell[w] + c];
            store(message + LANES * c + h, x);
            store(to + LANES * c + h, load(to + LANES * c + h) * x);
          }
        rescale(to, CELLS(w), peak);
        EACH store(scale + h, load(scale + h) + logarithm(load(peak + h)));
      }
      EACH {
        Vector total = splat(0.0);
        for (int64_t c = 0; c < CELLS(root); c++)
          total += load(OF(inner, root) + LANES * c + h) * f->width[f->cell[root] + c];
        store(peak + h, logarithm(larger(total, splat(TINY))) + load(scale + h));
      }
      for (int64_t q = 0; q < some; q++) each[(k + q) * f->accounts + a] = peak[q];
      if (!pull && !mass) continue;
      for (int64_t c = 0; c < size; c++) outer[c] = 0.0;
      for (int64_t t = 0; t < LANES * here; t++) shared[t] = 0.0;
      for (int64_t c = 0; c < LANES * CELLS(root); c++) OF(outer, root)[c] = 1.0;
      for (int64_t j = last - 1; j >= first; j--) {
        int64_t w = f->whole[j], l = f->left[j], r = f->right[j];
        const double *mine = f->share[j + 1] > f->share[j] ? factors + LANES * (f->share[j] - slot) : 0;
        double *both = mine ? shared + LANES * (f->share[j] - slot) : 0;
        for (int64_t c = 0; c < LANES * CELLS(w); c += WIDTH)
          store(others + c, load(OF(given, w) + c) * load(OF(outer, w) + c));
        for (int64_t i = first; i < last; i++)
          if (i != j && f->whole[i] == w)
            for (int64_t c = 0; c < LANES * CELLS(w); c += WIDTH)
              store(others + c, load(others + c) * load(MESSAGE(i) + c));
        if (mine)
          descend(f, j, OF(inner, l), r < 0 ? 0 : OF(inner, r), others, mine, OF(outer, l), r < 0 ? 0 : OF(outer, r),
                  both);
        else if (r < 0)
          descend(f, j, OF(inner, l), 0, others, 0, OF(outer, l), 0, 0);
        else
          descend(f, j, OF(inner, l), OF(inner, r), others, 0, OF(outer, l), OF(outer, r), 0);
        for (int64_t n = l, turn = 0; turn < 2 && n >= 0; n = r, turn++) {
          for (int64_t c = 0; c < CELLS(n); c++)
            EACH store(OF(outer, n) + LANES * c + h, load(OF(outer, n) + LANES * c + h) / f->width[f->cell[n] + c]);
          rescale(OF(outer, n), CELLS(n), peak);
        }
        if (!mine || !joint) continue;
        int64_t number = f->share[j + 1] - f->share[j];
        EACH {
          Vector total = splat(0.0);
          for (int64_t t = 0; t < number; t++) total += load(both + LANES * t + h);
          store(peak + h, 1.0 / larger(total, splat(TINY)));
        }
        for (int64_t q = 0; q < some; q++)
          for (int64_t t = 0; t < number; t++)
            joint[(k + q) * slots + f->share[j] + t] = both[LANES * t + q] * peak[q];
      }
      for (int64_t n = begin; n < end; n++) {
        double *x = OF(inner, n);
        EACH {
          Vector total = splat(0.0);
          for (int64_t c = 0; c < CELLS(n); c++) {
            Vector y = load(x + LANES * c + h) * load(OF(outer, n) + LANES * c + h) * f->width[f->cell[n] + c];
            total += y;
            store(x + LANES * c + h, y);
          }
          store(peak + h, 1.0 / larger(total, splat(TINY)));
        }
        for (int64_t q = 0; q < some; q++) {
          for (int64_t c = 0; c < CELLS(n); c++) flat[c] = x[LANES * c + q] * peak[q];
          if (mass)
            for (int64_t c = 0; c < CELLS(n); c += WIDTH)
              store(mass + s->cell[n] + c,
                    load(mass + s->cell[n] + c) + load(flat + c) * weight[(k + q) * f->accounts + a]);
          if (!pull) continue;
          for (int64_t i = s->claim[n]; i < s->claim[n + 1]; i++)
            for (int64_t c = 0; c < CELLS(n); c += WIDTH)
              store(pull + (k + q) * pairs + s->pair[i] + c, load(flat + c) * power[i]);
          if (!f->owns[n]) continue;
          int64_t line = ((k + q) * outcomes + s->outcome[n]) * places;
          const int32_t *left = s->left + s->cell[n], *right = s->right + s->cell[n];
          for (int64_t c = 0; c < CELLS(n); c++) {
            double held = tail[line + left[c]] - tail[line + right[c]], share = flat[c] / (held > TINY ? held : TINY);
            prior[line + left[c]] += share;
            prior[line + right[c]] -= share;
          }
        }
      }
    }
  }
}

/* -------------------------------------------------------------------------------------- claims that speak together */

/* Which claims look at what; see `pools.Pool`. The order is that of `pools.FIELDS`. */
typedef struct {
  const int64_t *cell, *begin; /* looks + 1: where the cells of each look begin, and its claims in `claim` */
  const int64_t *claim;        /* claims */
  const int64_t *pair;         /* claims + 1 */
  const uint8_t *filled;       /* cells: whether it only fills up */
  int64_t looks, pairs;
} Pool;

/* Take some draws of a cell, and no more than there are; the other lanes are 0. */
INLINE void take(const double *from, int64_t some, double *to) {
  if (some == LANES)
    EACH store(to + h, load(from + h));
  else
    for (int q = 0; q < LANES; q++) to[q] = q < some ? from[q] : 0.0;
}
INLINE void give(const double *from, int64_t some, double *to) {
  if (some == LANES)
    EACH store(to + h, load(from + h));
  else
    for (int q = 0; q < some; q++) to[q] = from[q];
}

/* Multiply the rows of the claims of each look, over the largest product.
 *   rows (draws, pairs); power (claims); given (cells, draws); scale (looks, draws): logarithms of the largest. */
EXPORT void reconcile_pool(const Pool *p, int64_t draws, const double *rows, const double *power, double *given,
                           double *scale, double *scratch) {
  for (int64_t n = 0; n < p->looks; n++) {
    int64_t at = p->cell[n], cells = p->cell[n + 1] - at, whole = cells / WIDTH * WIDTH;
    const uint8_t *filled = p->filled + at;
    double *block = scratch, *flat = block + LANES * (cells + LANES);
    for (int64_t k = 0; k < draws; k += LANES) {
      int64_t some = draws - k < LANES ? draws - k : LANES;
      for (int64_t q = 0; q < some; q++) {
        double top = -__builtin_inf();
        for (int64_t c = 0; c < cells + LANES; c++) flat[c] = 0.0;
        for (int64_t i = p->begin[n]; i < p->begin[n + 1]; i++) {
          const double *row = rows + (k + q) * p->pairs + p->pair[p->claim[i]];
          double times = power[p->claim[i]];
          for (int64_t c = 0; c < whole; c += WIDTH) store(flat + c, load(flat + c) + logarithm(load(row + c)) * times);
          for (int64_t c = whole; c < cells; c++) flat[c] += logarithm_of(row[c]) * times;
        }
        for (int64_t c = 0; c < cells; c++) top = !filled[c] && flat[c] > top ? flat[c] : top;
        for (int64_t c = 0; c < cells; c += WIDTH) {
          Vector x = exponential(load(flat + c) - top);
          for (int j = 0; j < WIDTH; j++) block[LANES * (c + j) + q] = x[j];
        }
        scale[n * draws + k + q] = top;
      }
      for (int64_t c = 0; c < cells; c++) {
        if (filled[c])
          for (int q = 0; q < LANES; q++) block[LANES * c + q] = 0.0;
        give(block + LANES * c, some, given + (at + c) * draws + k);
      }
    }
  }
}

/* --------------------------------------------------------------------------------------------- counts that rise */

#define SHARES 21 /* cells of the known share, as in `rising.py` */
#define ABREAST 3 /* sums that run side by side, since each waits for its last addition */

/* Looks at counts; see `rising.Course`. The order is that of `rising.FIELDS`. */
typedef struct {
  const int64_t *cell, *first, *risen; /* counts + 1: where the cells of each count begin, its looks, and its places */
  const int64_t *line;                 /* counts: where its path begins, -1 where it does not rise */
  const double *chance;                /* lines, SHARES: start, and steps from rows to columns, of each path */
  const double *rate;                  /* SHARES */
  const double *width;                 /* places */
  const int32_t *place;                /* places, SHARES: among the cells of the count */
  const double *part;                  /* places, SHARES */
  int64_t counts;
} Course;

/* What is said of a count of some draws at the looks at which it rises: `said` and its integrals up to each cell,
 * `below` (looks, cells, LANES); and of one cell P(claims at a look | share), `here`, and P(claims at earlier looks,
 * share), `before` (looks, SHARES, LANES). */
typedef struct {
  int64_t looks, cells;
  const double *start, *rate, *width, *part;
  const int32_t *place;
  double *said, *below, *here, *before;
} Rise;

/* Numbers of scratch that `look` takes. */
INLINE int64_t room(int64_t looks, int64_t cells) { return 2 * LANES * looks * (cells + SHARES); }

/* What is said of count n, from `given`, which begins with the cell of the count at its first look and first draw. */
INLINE Rise look(const Course *l, int64_t n, int64_t draws, int64_t some, const double *given, double *scratch) {
  int64_t looks = l->first[n + 1] - l->first[n] - 1, cells = l->cell[n + 1] - l->cell[n], at = l->risen[n];
  Rise r = {looks, cells, l->chance + SHARES * l->line[n], l->rate, l->width + at, l->part + SHARES * at,
            l->place + SHARES * at, scratch, 0, 0, 0};
  r.below = r.said + LANES * looks * cells;
  r.here = r.below + LANES * looks * cells;
  r.before = r.here + LANES * looks * SHARES;
  for (int64_t j = 0, c = 0; j < looks; j++) {
    Vector total[FOLDS];
    EACH total[h / WIDTH] = splat(0.0);
    for (int64_t k = 0; k < cells; k++, c++) {
      take(given + (cells + c) * draws, some, r.said + LANES * c);
      EACH {
        store(r.below + LANES * c + h, total[h / WIDTH]);
        total[h / WIDTH] += load(r.said + LANES * c + h) * r.width[k];
      }
    }
  }
  return r;
}

/* Average what is said at look j over the figures that each share of cell c may be: P(claims | share). */
INLINE void average(const Rise *r, int64_t j, int64_t c, double *to) {
  const double *said = r->said + LANES * r->cells * j, *below = r->below + LANES * r->cells * j;
  const double *part = r->part + SHARES * c;
  const int32_t *place = r->place + SHARES * c;
  Vector last[FOLDS];
  EACH last[h / WIDTH] = load(below + LANES * place[0] + h) + part[0] * load(said + LANES * place[0] + h);
  for (int s = 0; s < SHARES - 1; s++) {
    const double *up = below + LANES * place[s + 1], *mine = said + LANES * place[s + 1];
    EACH {
      Vector next = load(up + h) + part[s + 1] * load(mine + h);
      store(to + LANES * s + h, larger(next - last[h / WIDTH], splat(0.0)) * r->rate[s]);
      last[h / WIDTH] = next;
    }
  }
  EACH store(to + LANES * (SHARES - 1) + h, load(said + LANES * c + h));
  if (c == 0) /* of nobody nobody is known */
    for (int s = 0; s < SHARES - 1; s++) EACH store(to + LANES * s + h, load(said + h));
}

/* Sum over the shares before a step, or after it with `back`; the others have no part in it. */
INLINE void step(const double *chance, const double *x, double *to, int back) {
  _Static_assert(SHARES % ABREAST == 0, "no share is left over");
  for (int s = 0; s < SHARES; s += ABREAST) {
    Vector total[ABREAST][FOLDS];
    for (int b = 0; b < ABREAST; b++) EACH total[b][h / WIDTH] = splat(0.0);
    for (int t = back ? s : 0; t < (back ? SHARES : s + ABREAST); t++)
      for (int b = 0; b < ABREAST; b++) {
        double number = back ? chance[SHARES * (s + b) + t] : chance[SHARES * t + s + b];
        EACH total[b][h / WIDTH] += number * load(x + LANES * t + h);
      }
    for (int b = 0; b < ABREAST; b++) EACH store(to + LANES * (s + b) + h, total[b][h / WIDTH]);
  }
}

/* Sum out the paths of cell c: P(claims | count), into `total`. */
INLINE void go(const Rise *r, int64_t c, double *total) {
  double joint[LANES * SHARES];
  for (int s = 0; s < SHARES; s++) EACH store(r->before + LANES * s + h, splat(r->start[s]));
  for (int64_t j = 0; j < r->looks; j++) {
    double *here = r->here + LANES * SHARES * j, *before = r->before + LANES * SHARES * j;
    average(r, j, c, here);
    for (int s = 0; s < LANES * SHARES; s += WIDTH) store(joint + s, load(before + s) * load(here + s));
    if (j + 1 < r->looks) step(r->start + SHARES + SHARES * SHARES * j, joint, before + LANES * SHARES, 0);
  }
  EACH {
    Vector sum = load(joint + h);
    for (int s = 1; s < SHARES; s++) sum += load(joint + LANES * s + h);
    store(total + h, sum);
  }
}

/* Go back along the paths of cell c. `pull` is the weight of the cell, by what is said at its first look; to `by_below`
 * and `by_said` the derivatives by integrals and by what is said in a part of a cell are added, and `own` takes those
 * by what is said of the cell itself. */
INLINE void go_back(const Rise *r, int64_t c, const double *pull, double *by_below, double *by_said, double *own) {
  const double *part = r->part + SHARES * c;
  const int32_t *place = r->place + SHARES * c;
  double after[LANES * SHARES], joint[LANES * SHARES], moved[LANES * SHARES];
  for (int s = 0; s < LANES * SHARES; s += WIDTH) store(after + s, splat(1.0));
  for (int64_t j = r->looks - 1; j >= 0; j--) {
    const double *here = r->here + LANES * SHARES * j, *before = r->before + LANES * SHARES * j;
    double *below = by_below + LANES * r->cells * j, *said = by_said + LANES * r->cells * j;
    double *mine = own + LANES * (r->cells * j + c);
    for (int s = 0; s < SHARES; s++)
      EACH store(moved + LANES * s + h, load(pull + h) * load(before + LANES * s + h) * load(after + LANES * s + h));
    EACH store(mine + h, load(moved + (c ? LANES * (SHARES - 1) : 0) + h));
    if (c == 0) {
      for (int s = 1; s < SHARES; s++) EACH store(mine + h, load(mine + h) + load(moved + LANES * s + h));
    } else {
      Vector last[FOLDS];
      EACH last[h / WIDTH] = splat(0.0);
      for (int s = 0; s < SHARES; s++) {
        double *to = below + LANES * place[s], *into = said + LANES * place[s], rate = r->rate[s];
        EACH {
          Vector next = load(moved + LANES * s + h) * rate, by = last[h / WIDTH] - next;
          store(to + h, load(to + h) + by);
          store(into + h, load(into + h) + by * part[s]);
          last[h / WIDTH] = next;
        }
      }
    }
    if (j == 0) break;
    for (int s = 0; s < LANES * SHARES; s += WIDTH) store(joint + s, load(after + s) * load(here + s));
    step(r->start + SHARES + SHARES * SHARES * (j - 1), joint, after, 1);
  }
}

/* Sum out which share of counts is known at the times at which claims look at them.
 *   given (cells of all looks, draws); found (cells, draws). */
EXPORT void reconcile_merge_looks(const Course *l, int64_t draws, const double *given, double *found,
                                  double *scratch) {
  for (int64_t n = 0; n < l->counts; n++) {
    int64_t cells = l->cell[n + 1] - l->cell[n], looks = l->first[n + 1] - l->first[n];
    double *out = found + draws * l->cell[n];
    if (l->line[n] < 0)
      for (int64_t c = 0; c < cells * draws; c++) out[c] = given[c];
    else
      for (int64_t k = 0; k < draws; k += LANES) {
        int64_t some = draws - k < LANES ? draws - k : LANES;
        Rise r = look(l, n, draws, some, given + k, scratch);
        double total[LANES], first[LANES];
        for (int64_t c = 0; c < cells; c++) {
          go(&r, c, total);
          take(given + c * draws + k, some, first);
          EACH store(total + h, load(first + h) * load(total + h));
          give(total, some, out + c * draws + k);
        }
      }
    given += draws * cells * looks;
  }
}

/* Turn derivatives by what is found, weight (cells, draws), into those by the logarithms of what is given, which
 * `shared` takes (cells of all looks, draws). */
EXPORT void reconcile_share_looks(const Course *l, int64_t draws, const double *given, const double *weight,
                                  double *shared, double *scratch) {
  for (int64_t n = 0; n < l->counts; n++) {
    int64_t cells = l->cell[n + 1] - l->cell[n], looks = l->first[n + 1] - l->first[n];
    const double *from = weight + draws * l->cell[n];
    if (l->line[n] < 0)
      for (int64_t c = 0; c < cells * draws; c++) shared[c] = given[c] * from[c];
    else
      for (int64_t k = 0; k < draws; k += LANES) {
        int64_t some = draws - k < LANES ? draws - k : LANES, size = LANES * cells * (looks - 1);
        Rise r = look(l, n, draws, some, given + k, scratch);
        double *by_below = scratch + room(looks - 1, cells), *by_said = by_below + size, *own = by_said + size;
        double total[LANES], first[LANES], pull[LANES];
        for (int64_t c = 0; c < 2 * size; c++) by_below[c] = 0.0;
        for (int64_t c = 0; c < cells; c++) {
          go(&r, c, total);
          take(given + c * draws + k, some, first);
          take(from + c * draws + k, some, pull);
          EACH {
            Vector x = load(pull + h) * load(first + h);
            store(pull + h, x);
            store(total + h, x * load(total + h));
          }
          give(total, some, shared + c * draws + k);
          go_back(&r, c, pull, by_below, by_said, own);
        }
        for (int64_t j = 0; j < looks - 1; j++) {
          Vector above[FOLDS];
          EACH above[h / WIDTH] = splat(0.0);
          for (int64_t c = cells - 1, at = cells * (j + 1) - 1; c >= 0; c--, at--) {
            EACH {
              Vector by = load(by_said + LANES * at + h) + above[h / WIDTH] * r.width[c] + load(own + LANES * at + h);
              store(total + h, load(r.said + LANES * at + h) * by);
              above[h / WIDTH] += load(by_below + LANES * at + h);
            }
            give(total, some, shared + (cells + at) * draws + k);
          }
        }
      }
    given += draws * cells * looks;
    shared += draws * cells * looks;
  }
}

/* ------------------------------------------------------------------------------------------------- the machine */

/* Of the arguments of all functions here, and of all structures; it grows with every change of these. */
EXPORT int reconcile_version(void) { return 6; }

/* What was compiled: how many cells are computed at once. */
EXPORT int reconcile_width(void) { return WIDTH; }

/* What it was compiled for, and by what. */
EXPORT const char *reconcile_built_for(void) {
  return
#if defined(__x86_64__)
      "x86-64"
#elif defined(__aarch64__)
      "aarch64"
#else
      "another processor"
#endif
#if defined(_WIN32)
      ", Windows"
#elif defined(__APPLE__)
      ", macOS"
#elif defined(__linux__)
      ", Linux"
#endif
#if defined(__clang__)
      ", clang " __clang_version__;
#else
      ", gcc " __VERSION__;
#endif
}

/* Level of the processor and its system: 3 for x86-64-v3 (AVX2 and what belongs to it), else 1. Read from cpuid and
 * xgetbv, since a compiler's own check depends on a run-time library that need not be there. */
EXPORT int reconcile_level(void) {
#if defined(__x86_64__)
  uint32_t a, b, c, d, low, high, ecx, ebx, more;
#define CPUID(leaf, sub) __asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(leaf), "c"(sub))
  CPUID(0u, 0u);
  if (a < 7) return 1;
  CPUID(1u, 0u);
  ecx = c;
  CPUID(7u, 0u);
  ebx = b;
  CPUID(0x80000000u, 0u);
  if (a < 0x80000001u) return 1;
  CPUID(0x80000001u, 0u);
  more = c;
  const uint32_t first = 1u << 12 | 1u << 22 | 1u << 23 | 1u << 27 | 1u << 28 | 1u << 29; /* FMA MOVBE POPCNT OSXSAVE AVX F16C */
  const uint32_t second = 1u << 3 | 1u << 5 | 1u << 8;                                    /* BMI1 AVX2 BMI2 */
  if ((ecx & first) != first || (ebx & second) != second || !(more & 1u << 5)) return 1;  /* LZCNT */
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0u));
  return (low & 6u) == 6u ? 3 : 1; /* the system saves the wide registers */
#else
  return 1;
#endif
}
