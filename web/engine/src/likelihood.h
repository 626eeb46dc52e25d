// Distributions over the levels of one sub-pixel; see `pixelcnn/density/likelihood.py`.
#pragma once
#include "model.h"

static int mode(const float *logits) {
  if (!config.categorical) return logits[0] > 0;
  int best = 0;
  for (int k = 1; k < config.levels; k++)
    if (logits[k] > logits[best]) best = k;
  return best;
}

// Inverse CDF: the number of boundaries that `uniform` has reached.
static int draw(const float *logits, float uniform, float temperature) {
  if (temperature == 0) return mode(logits);
  if (!config.categorical) return sigmoid(-logits[0] / temperature) <= uniform;
  const float most = logits[mode(logits)];
  float cumulative[256], sum = 0; // levels are 2 to 256
  for (int k = 0; k < config.levels; k++)
    cumulative[k] = sum += exp_((logits[k] - most) / temperature);
  int level = 0;
  while (level < config.levels - 1 && cumulative[level] / sum <= uniform) level++;
  return level;
}

// In nats, at temperature 1; `expected` is the mean level divided by K-1.
typedef struct {
  double log_prob, entropy, expected;
} Moments;

static Moments moments(const float *logits, int level) {
  if (!config.categorical) {
    const float z = logits[0];
    const double p = sigmoid(z);
    return (Moments){-softplus(level ? -z : z), softplus(z) - z * p, p};
  }
  const float most = logits[mode(logits)];
  double sum = 0, weighted = 0, mean = 0;
  for (int k = 0; k < config.levels; k++) {
    const double e = exp_(logits[k] - most);
    sum += e;
    weighted += e * (logits[k] - most);
    mean += e * k;
  }
  const double log_sum = log_(sum);
  return (Moments){logits[level] - most - log_sum, log_sum - weighted / sum, mean / sum / (config.levels - 1)};
}
