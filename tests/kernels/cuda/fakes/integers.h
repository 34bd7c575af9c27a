#ifndef METRONOME_TESTS_KERNELS_CUDA_FAKES_INTEGERS_H_
#define METRONOME_TESTS_KERNELS_CUDA_FAKES_INTEGERS_H_

#include <cstdint>
#include <random>

#include "tests/kernels/support/host_tensor.h"

namespace metronome::testing {

// Random whole numbers in [-most, most]. Small ones have sums that float32 holds exactly in any order, so that results
// are the same bits however the work is cut.
inline HostTensor Integers(kernels::DType dtype, const kernels::Shape& shape, uint64_t seed, int most = 2) {
  HostTensor tensor(dtype, shape);
  std::mt19937_64 random(seed);
  for (int64_t i = 0; i < tensor.elements(); ++i)
    tensor.Set(i, static_cast<double>(random() % static_cast<unsigned>(2 * most + 1)) - most);
  return tensor;
}

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_CUDA_FAKES_INTEGERS_H_
