// The networks row by row and the fixed-point sampler, for WebAssembly: `pixelcnn/sampling`, a second time.
//
// One instance holds one model. JavaScript lays down config and tensors, calls `load`, and from then on asks
// for one row at a time, so that it may drop a task between two rows. What the rows of a drawing are to the
// network, as each class in each hand, is kept until the drawing changes above them. See `sweep.py` for the
// sampler's idea, `engine.js` for the calls.
#include "gated_rows.h"
#include "likelihood.h"
#include "random.h"
#include "residual_rows.h"

// An image whose rows are read in order, as each condition. There are two: what a visitor has drawn, and a
// blank one, whose rows every digit shares above its first ink.
typedef struct {
  Image image;
  Rows shared; // of all conditions (gated)
  Rows **rows; // by condition; NULL until it is asked for
} Drawing;

enum { GIVEN, BLANK };
static Drawing drawings[2];
static uint8_t *incoming; // (channels, height, width): a drawing, for `give`
static int *asked;        // conditions, for `read`

// The image being drawn.
static Image image;
static Rows sweep;
static Rows *source;      // the drawing that it has followed so far; NULL: it has left it
static float **own;       // feature rows of the sweep itself
static float *uniforms;   // (channels, height, width)
static uint8_t *guess;    // (channels, height, width)
static float temperature;
static int guessed, next_row;
static int settled;       // columns of the next row that are final
static int computed;      // columns so far, each as often as it was computed

static void above(Rows *const *images, int n, int i) {
  if (!config.residual) gated_above(images, n, i);
}

static void begin(Rows *r, int i) {
  if (config.residual) residual_begin(r, i); else gated_begin(r, i);
}

static void row(const Rows *r, int i, int from, int to) {
  if (config.residual) residual_row(r, i, from, to); else gated_row(r, i, from, to);
}

static const float *logits_at(int column, int channel) {
  return line.logits + column * net.out.out + channel * parameters();
}

// Put down what the logits of row i say of its pixels.
static void trace(Rows *r, int i) {
  for (int c = 0; c < config.channels; c++)
    for (int j = 0; j < config.width; j++) {
      const int at = (c * config.height + i) * config.width + j;
      const Moments m = moments(logits_at(j, c), r->image->levels[at]);
      r->log_prob[at] = (float)m.log_prob;
      r->entropy[at] = (float)m.entropy;
      r->expected[at] = (float)m.expected;
    }
}

// Where JavaScript writes the fields of `Config`, and then so many floats: the tensors.
EXPORT(config) int *config_address(void) { return (int *)&config; }
EXPORT(tensors) float *tensors_address(int count) { return take_floats(count); }

static void make_drawing(Drawing *d) {
  d->image = make_image();
  for (int c = 0; c < config.channels; c++)
    for (int i = 0; i < config.height; i++)
      for (int j = 0; j < config.width; j++) set_level(&d->image, c, i, j, 0);
  if (!config.residual) {
    make_rows(&d->shared, &d->image, 0, NULL);
    d->shared.convolved = take((size_t)config.height * sizeof(float *));
    for (int i = 0; i < config.height; i++) d->shared.convolved[i] = take_floats(config.width * 2 * D);
  }
  d->rows = take((size_t)config.conditions * sizeof(Rows *));
}

// Take config and tensors as they have been laid down.
EXPORT(load) void load(const float *tensors) {
  take_network(tensors);
  make_line();
  make_drawing(&drawings[GIVEN]);
  make_drawing(&drawings[BLANK]);
  image = make_image();
  make_rows(&sweep, &image, 0, NULL);
  own = take((size_t)table_size() * sizeof(float *));
  __builtin_memcpy(own, sweep.feature, (size_t)table_size() * sizeof(float *));
  asked = take((size_t)config.conditions * sizeof(int));
  incoming = take((size_t)sub_pixels());
  guess = take((size_t)sub_pixels());
  uniforms = take_floats(sub_pixels());
}

static Rows *rows_of(int which, int condition) {
  Drawing *d = &drawings[which];
  if (!d->rows[condition]) {
    d->rows[condition] = take(sizeof(Rows));
    make_rows(d->rows[condition], &d->image, condition, config.residual ? NULL : &d->shared);
  }
  return d->rows[condition];
}

static int row_differs(const uint8_t *a, const uint8_t *b, int i) {
  for (int c = 0; c < config.channels; c++)
    for (int j = 0; j < config.width; j++) {
      const int at = (c * config.height + i) * config.width + j;
      if (a[at] != b[at]) return 1;
    }
  return 0;
}

static void forget_below(Rows *r, int first) {
  if (r->known > first) r->known = first;
  if (r->above > first + 1) r->above = first + 1; // row `first` knows the rows above it only
}

// Take the drawing in `incoming`, and forget what was known below its first row that has changed. A digit that
// is being drawn below the drawing before is to be dropped.
EXPORT(give) void give(void) {
  Drawing *d = &drawings[GIVEN];
  int first = 0;
  while (first < config.height && !row_differs(incoming, d->image.levels, first)) first++;
  for (int c = 0; c < config.channels; c++)
    for (int i = first; i < config.height; i++)
      for (int j = 0; j < config.width; j++)
        set_level(&d->image, c, i, j, *level_at(incoming, c, i, j));
  forget_below(&d->shared, first);
  for (int k = 0; k < config.conditions; k++)
    if (d->rows[k]) forget_below(d->rows[k], first);
}

static void read_row(Rows *const *some, int n, int i) {
  above(some, n, i);
  for (int k = 0; k < n; k++) {
    Rows *r = some[k];
    begin(r, i);
    row(r, i, 0, config.width);
    trace(r, i);
    r->known++;
  }
}

// The first row of a drawing that one of the `count` conditions `asked` does not know yet; `rows` at most.
static int next_to_read(int which, int count, int rows) {
  for (int k = 0; k < count; k++)
    if (rows_of(which, asked[k])->known < rows) rows = rows_of(which, asked[k])->known;
  return rows;
}

// Read the next of the first `rows` rows of a drawing, as the conditions `asked`. Returns whether there are more.
EXPORT(read) int read_next(int which, int count, int rows) {
  const int i = next_to_read(which, count, rows);
  Rows *some[BATCH];
  int n = 0;
  for (int k = 0; k < count && n < BATCH && i < rows; k++)
    if (rows_of(which, asked[k])->known == i) some[n++] = rows_of(which, asked[k]);
  if (n) read_row(some, n, i);
  return next_to_read(which, count, rows) < rows;
}

// Sum of log p of the first `rows` rows of a drawing, which were read as this condition. In nats.
EXPORT(log_prob) double log_prob(int which, int condition, int rows) {
  const Rows *r = rows_of(which, condition);
  double sum = 0;
  for (int c = 0; c < config.channels; c++)
    for (int k = 0; k < rows * config.width; k++) sum += r->log_prob[c * pixels() + k];
  return sum;
}

// Start to draw the rows below the first `rows` of a drawing, from `uniforms`.
EXPORT(start) void start(int which, int condition, int rows, float at_temperature, int from_guess) {
  asked[0] = condition;
  while (read_next(which, 1, rows)) {}
  source = rows_of(which, condition);
  sweep.condition = condition;
  sweep.above = next_row = rows;
  temperature = at_temperature;
  guessed = from_guess;
  computed = 0;
  for (int k = 0; k < table_size(); k++)
    sweep.feature[k] = (k % config.height < rows ? source->feature : own)[k];
  for (int c = 0; c < config.channels; c++)
    for (int i = 0; i < rows; i++)
      for (int j = 0; j < config.width; j++) {
        const int at = (c * config.height + i) * config.width + j, level = source->image->levels[at];
        set_level(&image, c, i, j, level);
        sweep.log_prob[at] = sweep.entropy[at] = 0;
        sweep.expected[at] = (float)level / (float)(config.levels - 1);
      }
}

static int first_guess(int channel, int i, int column) {
  if (guessed) return *level_at(guess, channel, i, column);
  return i ? *level_at(image.levels, channel, i - 1, column) : 0;
}

enum { WINDOW = 8 }; // columns that are computed at once: a change costs no more than what is left of them

// One pass over row i on its way to its fixed point, where every pixel is the draw for its uniform, given the pixels
// before it. Up to the first change of a pass everything is final; only what lies right of it is computed again.
static void correct(int i) {
  const int W = config.width, from = settled, to = from + WINDOW < W ? from + WINDOW : W;
  row(&sweep, i, from, to);
  computed += to - from;
  settled = to;
  for (int j = to - 1; j >= from; j--)
    for (int c = 0; c < config.channels; c++) {
      const int at = (c * config.height + i) * W + j;
      const int level = draw(logits_at(j, c), uniforms[at], temperature);
      if (level == image.levels[at]) continue;
      set_level(&image, c, i, j, level);
      settled = j + 1;
    }
}

static int is_blank(const uint8_t *levels, int i) { return !row_differs(levels, drawings[BLANK].image.levels, i); }

// Begin the next row: read the rows above it, and guess it.
EXPORT(open_row) void open_row(void) {
  const int i = next_row, H = config.height;
  if (source && !config.residual) {
    above(&source, 1, i);
    for (int k = i; k < table_size(); k += H) sweep.feature[k] = source->feature[k];
    sweep.above = i + 1;
  }
  Rows *drawn = &sweep;
  above(&drawn, 1, i);
  begin(&sweep, i);
  for (int c = 0; c < config.channels; c++)
    for (int j = 0; j < config.width; j++) set_level(&image, c, i, j, first_guess(c, i, j));
  settled = 0;
}

// One pass over the row that was begun. Returns how many of its columns are not final yet.
EXPORT(pass) int pass(void) {
  correct(next_row);
  return config.width - settled;
}

// End the row, all of whose columns are final. Returns how many rows are left.
EXPORT(close_row) int close_row(void) {
  const int i = next_row;
  trace(&sweep, i);
  // Below a blank row the digit still is what a blank image is.
  if (source && (source->image != &drawings[BLANK].image || !is_blank(image.levels, i))) source = NULL;
  return config.height - ++next_row;
}

// Draw the next row. Returns how many are left.
EXPORT(step) int step(void) {
  if (next_row >= config.height) return 0;
  open_row();
  while (pass()) {}
  return close_row();
}

// Numbers skip, skip + 1, ... of a seed's stream; `uniforms` is where a digit takes them from.
EXPORT(rand) void rand_to(uint32_t seed, int skip, int count, float *to) { rand_floats(seed, skip, count, to); }

EXPORT(asked) int *asked_address(void) { return asked; }
EXPORT(incoming) uint8_t *incoming_address(void) { return incoming; }
EXPORT(guess) uint8_t *guess_address(void) { return guess; }
EXPORT(uniforms) float *uniforms_address(void) { return uniforms; }
EXPORT(levels) uint8_t *levels_address(void) { return image.levels; }
EXPORT(computed) int columns_computed(void) { return computed; }
// Log-probability, entropy and expected level of every sub-pixel, one after the other: of the digit drawn,
// and of a drawing's rows as read.
EXPORT(drawn_trace) float *drawn_trace(void) { return sweep.log_prob; }
EXPORT(read_trace) float *read_trace(int which, int condition) { return rows_of(which, condition)->log_prob; }
// Logits of the row computed last, (width, channels * parameters padded to eights).
EXPORT(logits) float *logits_address(void) { return line.logits; }
