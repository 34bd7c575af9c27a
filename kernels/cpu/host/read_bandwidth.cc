#include "kernels/cpu/host/read_bandwidth.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>

#include "kernels/base/status_macros.h"
#include "kernels/base/vector_widths.h"
#include "kernels/cpu/host/host_memory.h"

namespace metronome::kernels::cpu {
namespace {

constexpr int64_t kBytes = int64_t{512} << 20;  // Last-level caches end well below.
constexpr int64_t kBlockBytes = int64_t{1} << 20;
constexpr int kPasses = 7;

// Vectors of 64 bytes as the compiler's own, so that it emits the widest loads of the target; four sums hide the
// latency of an addition.
using Vector = uint64_t __attribute__((vector_size(64)));

METRONOME_VECTOR_WIDTHS
uint64_t SumBlock(const Vector* data) {
  Vector sums[4] = {};
  for (int64_t i = 0; i < kBlockBytes / 64; i += 4) {
    for (int lane = 0; lane < 4; ++lane) sums[lane] += data[i + lane];
  }
  const Vector total = sums[0] + sums[1] + sums[2] + sums[3];
  return total[0] + total[1] + total[2] + total[3] + total[4] + total[5] + total[6] + total[7];
}

}  // namespace

absl::StatusOr<double> MeasureReadBandwidth(ThreadPool& pool) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Buffer> buffer, AllocateHostMemory(kBytes));
  auto* const bytes = static_cast<std::byte*>(buffer->data());
  pool.ParallelFor(kBytes, kBlockBytes, [&](int64_t begin, int64_t end, int) {
    uint64_t word = static_cast<uint64_t>(begin);  // Numbers that differ, as weights do.
    for (int64_t i = begin; i + 8 <= end; i += 8) {
      word = word * 6364136223846793005u + 1442695040888963407u;
      std::memcpy(bytes + i, &word, sizeof(word));
    }
  });

  std::atomic<uint64_t> checksum{0};  // Keeps the reads.
  std::array<double, kPasses> seconds;
  for (double& pass : seconds) {
    const auto start = std::chrono::steady_clock::now();
    pool.ParallelFor(kBytes, kBlockBytes, [&](int64_t begin, int64_t, int) {
      checksum.fetch_add(SumBlock(reinterpret_cast<const Vector*>(bytes + begin)), std::memory_order_relaxed);
    });
    pass = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  std::sort(seconds.begin(), seconds.end());
  return static_cast<double>(kBytes) / seconds[kPasses / 2];
}

}  // namespace metronome::kernels::cpu
