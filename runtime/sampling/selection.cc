#include "runtime/sampling/selection.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "kernels/interface/token_arithmetic.h"
#include "runtime/sampling/passes.h"

namespace metronome::runtime {
namespace {

// Neighbours go to different copies of the sums, so that equal digits do not wait for each other's additions.
constexpr int64_t kCopies = 2;
constexpr int64_t kBins = 1 << kLeadingBits;

// Sorting so few costs less than another digit, or than looking at blocks.
constexpr size_t kFew = 1024;

// Logits taken at a time, so that what is computed for them stays in the nearest cache.
constexpr int64_t kChunk = 512;

// What each token weighs, by its position.
struct FixedPointWeights {
  absl::Span<const float> weights;

  uint64_t At(int32_t position) const { return kernels::FixedPoint(weights[position]); }
  void Get(size_t begin, absl::Span<uint64_t> values) const {
    ToFixedPoint(weights.subspan(begin, values.size()), values);
  }
};

struct EqualWeights {
  uint64_t At(int32_t) const { return 1; }
  void Get(size_t, absl::Span<uint64_t> values) const { std::fill(values.begin(), values.end(), 1); }
};

// Appends those of [begin, end) that pass. Without a branch on it, which half of the logits would mispredict.
template <typename Passes>
void AppendIf(int64_t begin, int64_t end, Passes passes, std::vector<int32_t>& positions) {
  std::array<int32_t, kChunk> found;
  for (; begin < end; begin += kChunk) {
    size_t size = 0;
    const int64_t chunk_end = std::min(begin + kChunk, end);
    for (int64_t i = begin; i < chunk_end; ++i) {
      found[size] = static_cast<int32_t>(i);
      size += passes(i) ? 1 : 0;
    }
    positions.insert(positions.end(), found.begin(), found.begin() + static_cast<int64_t>(size));
  }
}

float KthLargestOf(std::vector<float>& values, int64_t k) {
  std::nth_element(values.begin(), values.begin() + (k - 1), values.end(), std::greater<float>());
  return values[k - 1];
}

}  // namespace

uint32_t Selection::DigitReaching(uint64_t target, uint64_t& before) const {
  for (uint32_t digit = 0;; ++digit) {
    uint64_t sum = 0;
    for (int64_t copy = 0; copy < kCopies; ++copy) sum += sums_[copy * kBins + digit];
    if (before + sum >= target) return digit;
    before += sum;
  }
}

template <typename Weights>
uint64_t Selection::SelectLeadingDigit(absl::Span<const float> logits, const Weights& weights, uint64_t target) {
  sums_.assign(kCopies * kBins, 0);
  digits_.resize(logits.size());
  std::array<uint64_t, kChunk> values;
  uint64_t* const sums = sums_.data();
  for (size_t begin = 0; begin < logits.size(); begin += kChunk) {
    const absl::Span<uint16_t> digits = absl::MakeSpan(digits_).subspan(begin, kChunk);
    LeadingDigits(logits.subspan(begin, kChunk), digits);
    weights.Get(begin, absl::MakeSpan(values).first(digits.size()));
    for (size_t i = 0; i < digits.size(); ++i) sums[(i % kCopies) * kBins + digits[i]] += values[i];
  }
  uint64_t before = 0;
  const uint32_t digit = DigitReaching(target, before);
  positions_.clear();
  const auto passes = [digits = digits_.data(), digit](int64_t at) { return digits[at] == digit; };
  AppendIf(0, static_cast<int64_t>(logits.size()), passes, positions_);
  return before;
}

template <typename Weights>
uint64_t Selection::SelectDigit(absl::Span<const float> logits, const Weights& weights, uint64_t target, int shift,
                                int bits) {
  const uint32_t mask = (uint32_t{1} << bits) - 1;
  const auto digit_of = [&](int32_t at) { return (kernels::RankKey(logits[at]) >> shift) & mask; };
  sums_.assign(kCopies * kBins, 0);
  for (size_t i = 0; i < positions_.size(); ++i) {
    sums_[(i % kCopies) * kBins + digit_of(positions_[i])] += weights.At(positions_[i]);
  }
  uint64_t before = 0;
  const uint32_t digit = DigitReaching(target, before);
  const auto fails = [&](int32_t at) { return digit_of(at) != digit; };
  positions_.erase(std::remove_if(positions_.begin(), positions_.end(), fails), positions_.end());
  return before;
}

template <typename Weights>
int64_t Selection::FirstReaching(absl::Span<const float> logits, const Weights& weights, uint64_t target) {
  constexpr int kBits[] = {kLeadingBits, 11, 10};  // Of each digit of a key.
  target -= SelectLeadingDigit(logits, weights, target);
  int shift = 32 - kBits[0];
  for (const int bits : {kBits[1], kBits[2]}) {
    const auto is_first = [&](int32_t at) { return logits[at] == logits[positions_[0]]; };
    if (positions_.size() <= kFew || std::all_of(positions_.begin(), positions_.end(), is_first)) break;
    shift -= bits;
    target -= SelectDigit(logits, weights, target, shift, bits);
  }
  // The many that are left are equal, and in order.
  if (positions_.size() > kFew) return positions_[(target - 1) / weights.At(positions_[0])];
  std::sort(positions_.begin(), positions_.end(), [&](int32_t a, int32_t b) {
    return std::pair(kernels::RankKey(logits[a]), a) < std::pair(kernels::RankKey(logits[b]), b);
  });
  auto at = positions_.begin();
  for (; weights.At(*at) < target; ++at) target -= weights.At(*at);
  return *at;
}

int64_t Selection::Crossing(absl::Span<const float> logits, absl::Span<const float> weights, uint64_t target) {
  return FirstReaching(logits, FixedPointWeights{weights}, target);
}

float Selection::KthLargest(absl::Span<const float> logits, absl::Span<const float> block_largest, int64_t k) {
  const auto by_radix = [this, k](absl::Span<const float> values) {
    return values[FirstReaching(values, EqualWeights(), static_cast<uint64_t>(k))];
  };
  // The k-th largest of the blocks' own largest is a bound: k logits are not smaller. It is tight, and few blocks reach
  // it, when k is much less than the number of blocks.
  if (k * 8 > static_cast<int64_t>(block_largest.size())) {
    if (logits.size() > kFew) return by_radix(logits);
    candidates_.assign(logits.begin(), logits.end());
    return KthLargestOf(candidates_, k);
  }
  candidates_.assign(block_largest.begin(), block_largest.end());
  const float bound = KthLargestOf(candidates_, k);
  candidates_.clear();
  for (size_t block = 0; block < block_largest.size(); ++block) {
    if (block_largest[block] <= bound) continue;
    for (const float logit : logits.subspan(block * kLogitBlock, kLogitBlock)) {
      if (logit > bound) candidates_.push_back(logit);
    }
  }
  if (static_cast<int64_t>(candidates_.size()) < k) return bound;
  return candidates_.size() > kFew ? by_radix(candidates_) : KthLargestOf(candidates_, k);
}

void CollectNotSmaller(absl::Span<const float> logits, absl::Span<const float> block_largest, float threshold,
                       std::vector<int32_t>& positions, std::vector<float>& values) {
  positions.clear();
  const auto stays = [data = logits.data(), threshold](int64_t at) { return data[at] >= threshold; };
  const auto count = static_cast<int64_t>(logits.size());
  for (int64_t begin = 0; begin < count; begin += kLogitBlock) {
    if (block_largest[begin / kLogitBlock] < threshold) continue;
    AppendIf(begin, std::min(begin + kLogitBlock, count), stays, positions);
  }
  values.resize(positions.size());
  for (size_t i = 0; i < values.size(); ++i) values[i] = logits[positions[i]];
}

}  // namespace metronome::runtime
