#ifndef METRONOME_KERNELS_CPU_OPTIMISED_ONEDNN_MATMUL_H_
#define METRONOME_KERNELS_CPU_OPTIMISED_ONEDNN_MATMUL_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "kernels/interface/dtype.h"

namespace metronome::kernels::cpu {

// oneDNN matrix products, run by the thread that calls. Each pool member has primitives of its own, so members may call
// at the same time; one member's calls come from one thread.
class OneDnnMatmul {
 public:
  explicit OneDnnMatmul(int members);
  ~OneDnnMatmul();

  // y [m, n] float32 = x [m, k] * w [n, k]^T, with rows of y `y_stride` elements apart; x and w are float32 or bfloat16
  // alike. Primitives are made on first use of a shape and kept, up to a bound. Internal when oneDNN refuses.
  absl::Status Multiply(int member, DType dtype, const void* x, const void* w, float* y, int64_t m, int64_t n,
                        int64_t k, int64_t y_stride);

 private:
  struct Member;
  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_OPTIMISED_ONEDNN_MATMUL_H_
