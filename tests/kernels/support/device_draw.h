#ifndef METRONOME_TESTS_KERNELS_SUPPORT_DEVICE_DRAW_H_
#define METRONOME_TESTS_KERNELS_SUPPORT_DEVICE_DRAW_H_

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "kernels/interface/backend.h"
#include "runtime/sampling/sampler.h"
#include "tests/kernels/support/host_tensor.h"

namespace metronome::testing {

// What a draw reads and writes besides logits, as it is on the device.
struct Drawn {
  std::vector<int32_t> sequence;  // [capacity].
  int64_t length = 0;
  uint64_t state = 0;
  int32_t token = 0;
  int32_t failure = 0;
  friend bool operator==(const Drawn&, const Drawn&) = default;
};
void PrintTo(const Drawn& drawn, std::ostream* out);

// A sequence in a backend's memory, and draws that append to it.
class DeviceDraw {
 public:
  // `copies`: the device cannot reach the host's memory.
  DeviceDraw(kernels::Backend& backend, bool copies, const Drawn& start);

  // The draw from `logits`, whose memory stays in use. Only the first `vocab` are looked at.
  kernels::TokenDraw With(const runtime::SamplingOptions& options, const HostTensor& logits, int64_t vocab);
  // Waits for what was enqueued.
  Drawn Fetch() const;

 private:
  struct Scalars {
    int64_t length;
    uint64_t state;
    int32_t token;
    int32_t failure;
  };

  kernels::Backend& backend_;
  const bool copies_;
  const int64_t capacity_;
  std::unique_ptr<kernels::Buffer> sequence_, scalars_;
  std::vector<std::unique_ptr<kernels::Buffer>> logits_;
};

struct DrawCase {
  runtime::SamplingOptions options;
  HostTensor logits;  // The first `vocab` of them, then NaN.
  int64_t vocab;
  std::vector<int32_t> history;
};

// Logits of many kinds (flat, peaked, tied, rising, subnormal, removed, broken, ...), options from the ordinary to the
// extreme, an address aligned to anything from an element to a vector.
DrawCase RandomDrawCase(int64_t vocab, std::mt19937& random);

// What the host's sampler makes of a state. The sequence is not longer than its capacity allows.
Drawn DrawOnHost(const runtime::SamplingOptions& options, const HostTensor& logits, int64_t vocab, const Drawn& before);

// Draws on the device and on the host and compares all that is written.
void ExpectDrawsAlike(kernels::Backend& backend, bool copies, const DrawCase& test);

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_SUPPORT_DEVICE_DRAW_H_
