#include "runtime/sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/split_mix.h"
#include "kernels/base/status_macros.h"
#include "kernels/interface/token_arithmetic.h"
#include "runtime/sampling/passes.h"

namespace metronome::runtime {
namespace {

constexpr float kRemoved = -std::numeric_limits<float>::infinity();

// A float32 logit of up to 1e8 stays finite when it is divided or multiplied by what lies between these. Beyond them a
// penalty soon is 0 or infinite in float32, and logits infinite or NaN.
constexpr double kLeastPenalty = 1e-30, kMostPenalty = 1e30;

// A draw sums the weights of one block at a time, then walks through the one it falls into.
constexpr size_t kDrawBlock = 512;

absl::Status OutsideRange(absl::string_view field, double value, absl::string_view range) {
  return absl::InvalidArgumentError(absl::StrCat(field, " is ", value, ", not ", range));
}

int64_t FirstIndexOf(absl::Span<const float> logits, float value) {
  return std::find(logits.begin(), logits.end(), value) - logits.begin();
}

// Each as often as it is listed: what is written depends on `logits` alone.
void Penalise(absl::Span<const float> logits, absl::Span<const int32_t> history, float penalty,
              absl::Span<float> penalised) {
  for (const int32_t id : history) {
    if (id < 0 || static_cast<size_t>(id) >= logits.size()) continue;
    penalised[id] = kernels::Penalised(logits[id], penalty);
  }
}

}  // namespace

absl::Status ValidateSamplingOptions(const SamplingOptions& options) {
  // Written so that NaN fails every test.
  if (!(options.repetition_penalty >= kLeastPenalty && options.repetition_penalty <= kMostPenalty))
    return OutsideRange("repetition_penalty", options.repetition_penalty, "in [1e-30, 1e30]");
  if (!(options.temperature >= 0) || std::isinf(options.temperature))
    return OutsideRange("temperature", options.temperature, "a finite number >= 0");
  if (options.top_k < 0) return OutsideRange("top_k", static_cast<double>(options.top_k), ">= 0");
  if (!(options.top_p > 0 && options.top_p <= 1)) return OutsideRange("top_p", options.top_p, "in (0, 1]");
  if (!(options.min_p >= 0 && options.min_p <= 1)) return OutsideRange("min_p", options.min_p, "in [0, 1]");
  return absl::OkStatus();
}

absl::StatusOr<Sampler> Sampler::Create(const SamplingOptions& options) {
  RETURN_IF_ERROR(ValidateSamplingOptions(options));
  return Sampler(options);
}

absl::StatusOr<float> Sampler::Prepare(absl::Span<const float> logits, absl::Span<const int32_t> history) {
  const auto count = static_cast<int64_t>(logits.size());
  if (count > kernels::kMaxWeights) {
    return absl::InvalidArgumentError(absl::StrCat(count, " logits are more than ", kernels::kMaxWeights));
  }
  values_ = logits;
  if (options_.repetition_penalty != 1) {
    penalised_.assign(logits.begin(), logits.end());
    Penalise(logits, history, static_cast<float>(options_.repetition_penalty), absl::MakeSpan(penalised_));
    values_ = penalised_;
  }
  block_largest_.resize(LogitBlocks(count));
  if (!FindBlockLargest(values_, absl::MakeSpan(block_largest_))) {
    const auto is_nan = [](float logit) { return std::isnan(logit); };
    const auto at = std::find_if(values_.begin(), values_.end(), is_nan) - values_.begin();
    return absl::InternalError(absl::StrCat("logit ", at, " is NaN"));
  }
  const auto largest = std::max_element(block_largest_.begin(), block_largest_.end());
  if (largest == block_largest_.end() || *largest == kRemoved) return absl::InternalError("no logit is finite");
  return *largest;
}

absl::Status Sampler::Weigh(float largest) {
  if (std::isinf(largest)) {
    return absl::InternalError(absl::StrCat("logit ", FirstIndexOf(values_, largest), " is infinite"));
  }
  // The rank of a logit does not change with the temperature, and rounding makes no ties before it is applied.
  whole_ = options_.top_k == 0 || options_.top_k >= static_cast<int64_t>(values_.size());
  if (!whole_) {
    const float smallest = selection_.KthLargest(values_, block_largest_, options_.top_k);
    CollectNotSmaller(values_, block_largest_, std::max(smallest, std::numeric_limits<float>::lowest()), positions_,
                      kept_);
    values_ = kept_;
  }
  // Probabilities do not change when all logits shift.
  weights_.resize(values_.size());
  ExpWeights(values_, largest, kernels::InverseTemperature(options_.temperature), absl::MakeSpan(weights_));
  if (options_.top_p < 1) ApplyTopP();
  if (options_.min_p > 0) RemoveLighter(static_cast<float>(options_.min_p), absl::MakeSpan(weights_));
  return absl::OkStatus();
}

void Sampler::ApplyTopP() {
  // A token is removed when those that rank before it reach top_p, so the last one kept is the first to reach it. The
  // largest weighs 1: the total is not 0.
  const int64_t last =
      selection_.Crossing(values_, weights_, kernels::TopPTarget(options_.top_p, SumWeights(weights_)));
  const float threshold = values_[last];
  const auto later = static_cast<size_t>(last + 1);
  RemoveSmaller(values_.first(later), threshold, absl::MakeSpan(weights_).first(later));
  RemoveNotLarger(values_.subspan(later), threshold, absl::MakeSpan(weights_).subspan(later));
}

size_t Sampler::Draw() {
  const absl::Span<const float> weights = weights_;
  block_sums_.clear();
  uint64_t total = 0;
  for (size_t begin = 0; begin < weights.size(); begin += kDrawBlock) {
    block_sums_.push_back(SumWeights(weights.subspan(begin, kDrawBlock)));
    total += block_sums_.back();
  }
  uint64_t remaining = kernels::UniformBelow(total, NextSplitMix64(state_));
  size_t block = 0;
  for (; remaining >= block_sums_[block]; ++block) remaining -= block_sums_[block];
  size_t index = block * kDrawBlock;
  for (; remaining >= kernels::FixedPoint(weights[index]); ++index) remaining -= kernels::FixedPoint(weights[index]);
  return index;
}

void Sampler::Skip(int64_t tokens) {
  if (options_.temperature == 0) return;
  for (int64_t i = 0; i < tokens; ++i) NextSplitMix64(state_);
}

std::optional<int32_t> Sampler::NextWithoutLogits(int32_t most_likely, int64_t vocab) const {
  // 0 is also the first of logits that are all -infinity; any other is larger than that one's.
  if (!options_.takes_most_likely() || most_likely <= 0 || most_likely >= vocab) return std::nullopt;
  return most_likely;
}

absl::StatusOr<int32_t> Sampler::Next(absl::Span<const float> logits, absl::Span<const int32_t> history) {
  ASSIGN_OR_RETURN(const float largest, Prepare(logits, history));
  if (options_.temperature == 0) return static_cast<int32_t>(FirstIndexOf(values_, largest));
  RETURN_IF_ERROR(Weigh(largest));
  return TokenAt(Draw());
}

absl::StatusOr<std::vector<double>> Sampler::Distribution(absl::Span<const float> logits,
                                                          absl::Span<const int32_t> history) {
  ASSIGN_OR_RETURN(const float largest, Prepare(logits, history));
  std::vector<double> probabilities(logits.size());
  if (options_.temperature == 0) {
    probabilities[FirstIndexOf(values_, largest)] = 1;
    return probabilities;
  }
  RETURN_IF_ERROR(Weigh(largest));
  const auto total = static_cast<double>(SumWeights(weights_));
  for (size_t i = 0; i < weights_.size(); ++i) {
    probabilities[TokenAt(i)] = static_cast<double>(kernels::FixedPoint(weights_[i])) / total;
  }
  return probabilities;
}

}  // namespace metronome::runtime
