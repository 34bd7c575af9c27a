#include "server/store/sample_blocks.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/base/status_macros.h"

namespace metronome::server {
namespace {

static_assert(std::endian::native == std::endian::little, "values are copied as they are in memory");

constexpr size_t kMaxMetrics = 255, kMaxNameBytes = 255;
constexpr int kVarintBits = 7;

void AppendVarint(int64_t value, std::string& out) {
  uint64_t zigzag = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  while (zigzag >= 0x80) {
    out.push_back(static_cast<char>(zigzag | 0x80));
    zigzag >>= kVarintBits;
  }
  out.push_back(static_cast<char>(zigzag));
}

// The last index or position of each metric, from which the next differs by little.
class Deltas {
 public:
  // Wraps around, as unsigned numbers do: any two values differ by some delta.
  int64_t Take(size_t metric, int64_t value) {
    const auto delta = static_cast<int64_t>(static_cast<uint64_t>(value) - static_cast<uint64_t>(last_[metric]));
    last_[metric] = value;
    return delta;
  }
  int64_t Restore(size_t metric, int64_t delta) {
    last_[metric] = static_cast<int64_t>(static_cast<uint64_t>(last_[metric]) + static_cast<uint64_t>(delta));
    return last_[metric];
  }

 private:
  int64_t last_[kMaxMetrics] = {};
};

class BlockEncoder {
 public:
  // False when the sample begins another block.
  bool Add(const v1::Sample& sample) {
    if (count_ == kSamplesPerBlock) return false;
    const absl::string_view name = absl::string_view(sample.metric()).substr(0, kMaxNameBytes);
    const size_t metric = static_cast<size_t>(std::find(metrics_.begin(), metrics_.end(), name) - metrics_.begin());
    if (metric == metrics_.size()) {
      if (metric == kMaxMetrics) return false;
      metrics_.emplace_back(name);
    }
    series_.push_back(static_cast<char>(metric));
    AppendVarint(index_.Take(metric, sample.index()), indices_);
    AppendVarint(position_.Take(metric, sample.position()), positions_);
    const double value = sample.value();
    values_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    ++count_;
    return true;
  }

  SampleBlock Finish(int64_t first) {
    SampleBlock block = {.first = first, .count = count_};
    block.data.push_back(static_cast<char>(metrics_.size()));
    for (const std::string& name : metrics_) {
      block.data.push_back(static_cast<char>(name.size()));
      block.data += name;
    }
    block.data += series_ + indices_ + positions_ + values_;
    return block;
  }

 private:
  std::vector<std::string> metrics_;
  std::string series_, indices_, positions_, values_;
  Deltas index_, position_;
  int64_t count_ = 0;
};

// Reads a blob from its beginning; past the end it gives zeros and is no longer ok.
class Reader {
 public:
  explicit Reader(absl::string_view data) : data_(data) {}

  bool ok() const { return ok_; }
  size_t left() const { return data_.size(); }
  uint8_t Byte() { return static_cast<uint8_t>(Bytes(1)[0]); }
  absl::string_view Bytes(size_t count) {
    if (count > data_.size()) {
      ok_ = false;
      data_ = {};
      static constexpr char kZeros[kMaxNameBytes] = {};
      return absl::string_view(kZeros, std::min(count, kMaxNameBytes));
    }
    const absl::string_view bytes = data_.substr(0, count);
    data_.remove_prefix(count);
    return bytes;
  }
  int64_t Varint() {
    uint64_t zigzag = 0;
    for (int shift = 0; shift < 64; shift += kVarintBits) {
      const uint8_t byte = Byte();
      zigzag |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return static_cast<int64_t>(zigzag >> 1) ^ -static_cast<int64_t>(zigzag & 1);
    }
    ok_ = false;
    return 0;
  }

 private:
  absl::string_view data_;
  bool ok_ = true;
};

}  // namespace

std::vector<SampleBlock> EncodeSamples(const Samples& samples) {
  std::vector<SampleBlock> blocks;
  for (int first = 0; first < samples.size();) {
    BlockEncoder encoder;
    int next = first;
    while (next < samples.size() && encoder.Add(samples[next])) ++next;
    blocks.push_back(encoder.Finish(first));
    first = next;
  }
  return blocks;
}

absl::Status DecodeSamples(absl::string_view data, int64_t count, int64_t from, int64_t to, Samples& samples) {
  const absl::Status damaged = absl::DataLossError("a block of samples is damaged");
  Reader reader(data);
  std::vector<absl::string_view> metrics(reader.Byte());
  for (absl::string_view& name : metrics) name = reader.Bytes(reader.Byte());
  if (!reader.ok() || count < 0 || from < 0 || to > count || static_cast<size_t>(count) > reader.left()) return damaged;
  const absl::string_view series = reader.Bytes(static_cast<size_t>(count));
  std::vector<int64_t> indices(series.size()), positions(series.size());
  for (std::vector<int64_t>* column : {&indices, &positions}) {
    Deltas deltas;
    for (size_t i = 0; i < series.size(); ++i) {
      const auto metric = static_cast<uint8_t>(series[i]);
      if (metric >= metrics.size()) return damaged;
      (*column)[i] = deltas.Restore(metric, reader.Varint());
    }
  }
  if (!reader.ok() || reader.left() != series.size() * sizeof(double)) return damaged;
  const absl::string_view values = reader.Bytes(reader.left());
  for (auto i = static_cast<size_t>(from); i < static_cast<size_t>(std::max(from, to)); ++i) {
    v1::Sample& sample = *samples.Add();
    const absl::string_view metric = metrics[static_cast<uint8_t>(series[i])];
    sample.set_metric(metric.data(), metric.size());
    sample.set_index(static_cast<int32_t>(indices[i]));
    sample.set_position(positions[i]);
    double value = 0;
    std::memcpy(&value, values.data() + i * sizeof(double), sizeof(double));
    sample.set_value(value);
  }
  return absl::OkStatus();
}

}  // namespace metronome::server
