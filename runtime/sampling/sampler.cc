#include "runtime/sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/hash.h"
#include "runtime/base/status_macros.h"

namespace metronome {
namespace {

constexpr float kRemoved = -std::numeric_limits<float>::infinity();

absl::Status OutsideRange(absl::string_view field, double value, absl::string_view range) {
  return absl::InvalidArgumentError(absl::StrCat(field, " is ", value, ", not ", range));
}

// The first index of the largest logit. Internal for NaN or no finite logit.
absl::StatusOr<int32_t> ArgMax(absl::Span<const float> logits) {
  int32_t best = -1;
  float largest = kRemoved;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i])) return absl::InternalError(absl::StrCat("logit ", i, " is NaN"));
    if (logits[i] > largest) {
      largest = logits[i];
      best = static_cast<int32_t>(i);
    }
  }
  if (best < 0) return absl::InternalError("no logit is finite");
  return best;
}

// Tokens that are not removed, by falling logit and then rising id.
std::vector<int32_t> SortedCandidates(absl::Span<const float> logits) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] != kRemoved) ids.push_back(static_cast<int32_t>(i));
  }
  std::sort(ids.begin(), ids.end(),
            [&](int32_t a, int32_t b) { return std::pair(-logits[a], a) < std::pair(-logits[b], b); });
  return ids;
}

double ExpSum(absl::Span<const float> logits, float largest) {
  double sum = 0;
  for (float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return sum;
}

float Largest(absl::Span<const float> logits) { return *std::max_element(logits.begin(), logits.end()); }

}  // namespace

absl::Status ValidateSamplingOptions(const SamplingOptions& options) {
  // Written so that NaN fails every test.
  if (!(options.repetition_penalty > 0) || std::isinf(options.repetition_penalty)) {
    return OutsideRange("repetition_penalty", options.repetition_penalty, "a finite number > 0");
  }
  if (!(options.temperature >= 0) || std::isinf(options.temperature))
    return OutsideRange("temperature", options.temperature, "a finite number >= 0");
  if (options.top_k < 0) return OutsideRange("top_k", static_cast<double>(options.top_k), ">= 0");
  if (!(options.top_p > 0 && options.top_p <= 1)) return OutsideRange("top_p", options.top_p, "in (0, 1]");
  if (!(options.min_p >= 0 && options.min_p <= 1)) return OutsideRange("min_p", options.min_p, "in [0, 1]");
  return absl::OkStatus();
}

void ApplyRepetitionPenalty(absl::Span<float> logits, absl::Span<const int32_t> history, double penalty) {
  absl::flat_hash_set<int32_t> seen;
  for (int32_t id : history) {
    if (id < 0 || static_cast<size_t>(id) >= logits.size() || !seen.insert(id).second) continue;
    float& logit = logits[id];
    logit = logit < 0 ? logit * static_cast<float>(penalty) : logit / static_cast<float>(penalty);
  }
}

void ApplyTopK(absl::Span<float> logits, int64_t k) {
  if (k <= 0 || k >= static_cast<int64_t>(logits.size())) return;
  std::vector<float> sorted(logits.begin(), logits.end());
  std::nth_element(sorted.begin(), sorted.begin() + (k - 1), sorted.end(), std::greater<float>());
  const float threshold = sorted[k - 1];
  for (float& logit : logits) {
    if (logit < threshold) logit = kRemoved;
  }
}

void ApplyTopP(absl::Span<float> logits, double p) {
  if (p >= 1) return;
  const std::vector<int32_t> ids = SortedCandidates(logits);
  if (ids.empty()) return;
  const float largest = logits[ids[0]];
  const double sum = ExpSum(logits, largest);
  double before = 0;  // Probability of all more likely tokens.
  for (size_t rank = 0; rank < ids.size(); ++rank) {
    const double probability = std::exp(static_cast<double>(logits[ids[rank]]) - largest) / sum;
    if (rank > 0 && before >= p) logits[ids[rank]] = kRemoved;
    before += probability;
  }
}

void ApplyMinP(absl::Span<float> logits, double p) {
  if (p <= 0) return;
  const float threshold = Largest(logits) + static_cast<float>(std::log(p));
  for (float& logit : logits) {
    if (logit < threshold) logit = kRemoved;
  }
}

absl::StatusOr<Sampler> Sampler::Create(const SamplingOptions& options) {
  RETURN_IF_ERROR(ValidateSamplingOptions(options));
  return Sampler(options);
}

double Sampler::Uniform() { return static_cast<double>(NextSplitMix64(state_) >> 11) * 0x1p-53; }

absl::StatusOr<int32_t> Sampler::Next(absl::Span<const float> logits, absl::Span<const int32_t> history,
                                      std::optional<int32_t> most_likely) {
  const bool penalised = options_.repetition_penalty != 1;
  if (options_.temperature == 0 && !penalised) {
    const bool found = most_likely.has_value() && *most_likely >= 0 &&
                       *most_likely < static_cast<int64_t>(logits.size()) && logits[*most_likely] != kRemoved;
    return found ? absl::StatusOr<int32_t>(*most_likely) : ArgMax(logits);
  }

  work_.assign(logits.begin(), logits.end());
  const absl::Span<float> work = absl::MakeSpan(work_);
  if (penalised) ApplyRepetitionPenalty(work, history, options_.repetition_penalty);
  ASSIGN_OR_RETURN(const int32_t best, ArgMax(work));
  if (options_.temperature == 0) return best;

  // Probabilities do not change when all logits shift. Relative to the largest, in double, no temperature overflows or
  // divides by zero: the smallest ones leave only the largest logit.
  const double peak = work[best];
  if (std::isinf(peak)) return absl::InternalError(absl::StrCat("logit ", best, " is infinite"));
  for (float& logit : work) logit = static_cast<float>((logit - peak) / options_.temperature);
  ApplyTopK(work, options_.top_k);
  ApplyTopP(work, options_.top_p);
  ApplyMinP(work, options_.min_p);

  const float largest = Largest(work);
  double remaining = Uniform() * ExpSum(work, largest);
  int32_t last = best;  // What rounding at the end of the sum falls back to.
  for (size_t i = 0; i < work.size(); ++i) {
    if (work[i] == kRemoved) continue;
    last = static_cast<int32_t>(i);
    remaining -= std::exp(static_cast<double>(work[i]) - largest);
    if (remaining < 0) break;
  }
  return last;
}

}  // namespace metronome
