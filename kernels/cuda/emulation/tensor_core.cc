#include "kernels/cuda/emulation/tensor_core.h"

#include <cstring>

#include "kernels/cuda/emulation/builtins.h"

namespace metronome::kernels::cuda::emulation {
namespace {

struct Fragments {
  uint32_t a[4], b[2];
};

uint16_t Half(uint32_t pair, unsigned index) { return static_cast<uint16_t>(index == 0 ? pair : pair >> 16); }

struct MatrixRow {
  uint16_t elements[8];
};

}  // namespace

void MultiplyFragments(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], float (*widen)(uint16_t),
                       const std::source_location& where) {
  Fragments own;
  std::memcpy(own.a, a, sizeof(own.a));
  std::memcpy(own.b, b, sizeof(own.b));
  const Exchanged<Fragments> all(~0u, Collective::kMatrixProduct, own, where);
  // Lane 4 g + t holds rows g and g + 8 of a and c, and column g of b; columns 2 t, 2 t + 1, 2 t + 8 and 2 t + 9 of a
  // (rows of b); columns 2 t and 2 t + 1 of c.
  const unsigned group = Lane() / 4, in_group = Lane() % 4;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned lower_row = i / 2, column = in_group * 2 + i % 2;
    float sum = c[i];
    for (unsigned k = 0; k < 16; ++k) {
      const unsigned upper_half = k / 8, owner = k % 8 / 2;
      const uint32_t a_pair = all[group * 4 + owner].a[upper_half * 2 + lower_row];
      const uint32_t b_pair = all[column * 4 + owner].b[upper_half];
      sum += widen(Half(a_pair, k % 2)) * widen(Half(b_pair, k % 2));
    }
    c[i] = sum;
  }
}

void LoadMatrices(uint32_t* registers, int count, bool transposed, const void* row, const std::source_location& where) {
  MatrixRow own = {};
  // The first 8 * count lanes give addresses; others are ignored.
  if (Lane() < static_cast<unsigned>(count) * 8) {
    if (reinterpret_cast<uintptr_t>(row) % sizeof(MatrixRow) != 0)
      Multiprocessor::OfThisThread().Fail("a matrix row is not aligned to 16 bytes");
    std::memcpy(&own, row, sizeof(own));
  }
  const Exchanged<MatrixRow> rows(~0u, Collective::kMatrixLoad, own, where);
  const unsigned group = Lane() / 4, in_group = Lane() % 4;
  for (unsigned matrix = 0; matrix < static_cast<unsigned>(count); ++matrix) {
    const auto element = [&](unsigned i, unsigned j) { return uint32_t{rows[matrix * 8 + i].elements[j]}; };
    registers[matrix] = transposed ? element(in_group * 2, group) | element(in_group * 2 + 1, group) << 16
                                   : element(group, in_group * 2) | element(group, in_group * 2 + 1) << 16;
  }
}

}  // namespace metronome::kernels::cuda::emulation
