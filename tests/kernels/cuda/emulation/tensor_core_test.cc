#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/cuda/primitives/mma.cuh"
#include "tests/kernels/cuda/fakes/emulation_test.h"

namespace metronome::kernels::cuda {
namespace {

class TensorCoreTest : public EmulationTest {};
METRONOME_TEST_ALL_ORDERS(TensorCoreTest);

template <typename T>
__device__ uint32_t PairAt(const T* at) {
  uint32_t pair;
  memcpy(&pair, at, sizeof(pair));
  return pair;
}

// c [16, 8] += a [16, 16] * bt [8, 16]^T, fragments loaded by hand from the table in the PTX ISA.
template <typename T>
__global__ void MultiplyTile(const T* a, const T* bt, float* c) {
  const unsigned group = threadIdx.x / 4, in_group = threadIdx.x % 4;
  const uint32_t a_registers[4] = {PairAt(a + group * 16 + in_group * 2), PairAt(a + (group + 8) * 16 + in_group * 2),
                                   PairAt(a + group * 16 + in_group * 2 + 8),
                                   PairAt(a + (group + 8) * 16 + in_group * 2 + 8)};
  const uint32_t b_registers[2] = {PairAt(bt + group * 16 + in_group * 2), PairAt(bt + group * 16 + in_group * 2 + 8)};
  float sums[4];
  for (unsigned i = 0; i < 4; ++i) sums[i] = c[(group + i / 2 * 8) * 8 + in_group * 2 + i % 2];
  MultiplyAccumulate16x8x16<T>(sums, a_registers, b_registers);
  for (unsigned i = 0; i < 4; ++i) c[(group + i / 2 * 8) * 8 + in_group * 2 + i % 2] = sums[i];
}

template <typename T>
std::vector<T> Random(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> uniform(-2, 2);
  std::vector<T> values;
  for (size_t i = 0; i < size; ++i) values.push_back(FromFloat<T>(uniform(random)));
  return values;
}

template <typename T>
void ExpectProduct(const std::vector<T>& a, const std::vector<T>& bt, const std::vector<float>& c, double initial) {
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < 8; ++j) {
      double want = initial, magnitude = initial;
      for (int k = 0; k < 16; ++k) {
        const double product = static_cast<double>(ToFloat(a[i * 16 + k])) * ToFloat(bt[j * 16 + k]);
        want += product;
        magnitude += std::abs(product);
      }
      // Products of 16-bit numbers are exact in float32; 16 additions round.
      ASSERT_NEAR(c[i * 8 + j], want, 16 * 0x1p-24 * magnitude) << i << ", " << j;
    }
  }
}

template <typename T>
void TestProduct(std::string (*run)(const T*, const T*, float*)) {
  const std::vector<T> a = Random<T>(16 * 16, 1), bt = Random<T>(8 * 16, 2);
  std::vector<float> c(16 * 8, 0.5f);
  ASSERT_EQ(run(a.data(), bt.data(), c.data()), "");
  ExpectProduct(a, bt, c, 0.5);
}

TEST_P(TensorCoreTest, Bfloat16ProductsMatchALoop) {
  TestProduct<bf16>([](const bf16* a, const bf16* bt, float* c) {
    return Run(MultiplyTile<bf16>, {.grid = dim3(1), .block = dim3(32)}, a, bt, c);
  });
}

TEST_P(TensorCoreTest, Float16ProductsMatchALoop) {
  TestProduct<f16>([](const f16* a, const f16* bt, float* c) {
    return Run(MultiplyTile<f16>, {.grid = dim3(1), .block = dim3(32)}, a, bt, c);
  });
}

// The same with ldmatrix: a [16, 16] by rows as four matrices; b [16, 8] by rows, so transposed.
template <typename T>
__global__ void MultiplyLoadedTile(const T* a, const T* b, float* c) {
  METRONOME_SHARED(T, a_tile, 16 * 16);
  METRONOME_SHARED(T, b_tile, 16 * 16);  // Two tiles of b side by side.
  for (unsigned i = threadIdx.x; i < 256; i += 32) {
    a_tile[i] = a[i];
    b_tile[i] = b[i / 16 * 8 + i % 8];
  }
  __syncwarp();
  const unsigned row = threadIdx.x % 16, half = threadIdx.x / 16;
  uint32_t a_registers[4], b_registers[4];
  LoadMatrices4(a_registers, a_tile + row * 16 + half * 8);
  LoadMatrices4<true>(b_registers, b_tile + row * 16 + half * 8);
  const unsigned group = threadIdx.x / 4, in_group = threadIdx.x % 4;
  float sums[4] = {};
  const uint32_t first[2] = {b_registers[0], b_registers[1]};
  MultiplyAccumulate16x8x16<T>(sums, a_registers, first);
  for (unsigned i = 0; i < 4; ++i) c[(group + i / 2 * 8) * 8 + in_group * 2 + i % 2] = sums[i];
}

TEST_P(TensorCoreTest, LoadedMatricesAreTheFragmentsOfAProduct) {
  const std::vector<bf16> a = Random<bf16>(16 * 16, 3), bt = Random<bf16>(8 * 16, 4);
  std::vector<bf16> b(16 * 8);
  for (int k = 0; k < 16; ++k) {
    for (int j = 0; j < 8; ++j) b[k * 8 + j] = bt[j * 16 + k];
  }
  std::vector<float> c(16 * 8);
  ASSERT_EQ(Run(MultiplyLoadedTile<bf16>, {.grid = dim3(1), .block = dim3(32)}, a.data(), b.data(), c.data()), "");
  ExpectProduct(a, bt, c, 0);
}

}  // namespace
}  // namespace metronome::kernels::cuda
