// Compiled for AVX-512 F, BW, DQ, VL and BF16.
#include <immintrin.h>

#include <cstdint>
#include <type_traits>

#include "kernels/cpu/vector/vector_kernels.h"

namespace metronome::kernels::cpu {
namespace {

constexpr int64_t kWidth = 32;  // Elements of a vector, and of a cache line.

__m512bh Cast(__m512i bits) { return reinterpret_cast<__m512bh>(bits); }

// The sums of four vectors' lanes.
inline __m128 SumFour(const __m512* v) {
  const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpackhi_ps(v[0], v[1]));
  const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(v[2], v[3]), _mm512_unpackhi_ps(v[2], v[3]));
  const __m512d low = _mm512_castps_pd(ab), high = _mm512_castps_pd(cd);
  const __m512 quads =
      _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(low, high)), _mm512_castpd_ps(_mm512_unpackhi_pd(low, high)));
  const __m256 halves = _mm256_add_ps(_mm512_castps512_ps256(quads), _mm512_extractf32x8_ps(quads, 1));
  return _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1));
}

// One vector's lanes, added in the same order.
inline float SumOne(__m512 v) {
  v = _mm512_add_ps(v, _mm512_permute_ps(v, 0x4e));
  v = _mm512_add_ps(v, _mm512_permute_ps(v, 0xb1));
  v = _mm512_add_ps(v, _mm512_shuffle_f32x4(v, v, 0x4e));
  return _mm512_cvtss_f32(_mm512_add_ps(v, _mm512_shuffle_f32x4(v, v, 0xb1)));
}

// Elements of a row of x once packed: whole vectors, the last padded with zeros.
int64_t PackedSize(int64_t k) { return (k + kWidth - 1) / kWidth * kWidth; }

// Rows of x are taken in groups of up to six: with four streams of w that is 24 sums, and registers to spare for the
// operands. Groups are even in size, and never three, so that they can share the streams to fetch evenly.
constexpr int kMaxGroup = 6;

int64_t GroupsOf(int64_t m) {
  const int64_t least = (m + kMaxGroup - 1) / kMaxGroup;
  return least == 3 ? 4 : least;
}

template <typename Function>
void ForGroups(int64_t m, Function&& function) {
  const int64_t groups = GroupsOf(m);
  for (int64_t group = 0, first = 0; group < groups; ++group) {
    const int64_t size = m / groups + (group < m % groups ? 1 : 0);
    function(group, first, size);
    first += size;
  }
}

template <bool kAdd>
void Put(float& to, float value) {
  to = kAdd ? to + value : value;
}

// Which rows of a tile of w are asked for meanwhile, and where they lie from those being read.
struct Prefetch {
  int64_t first;  // Row of the tile.
  int64_t ahead;  // Elements.
};

// A packed group of M rows of x against R rows of w, `stride` apart; P further rows are prefetched. Dots of one row of
// x go `step` apart, added to what is there if kAdd.
template <int M, int R, int P, bool kAdd>
inline void DotTile(const uint16_t* x, int64_t k, const uint16_t* w, int64_t stride, float* dots, int64_t dots_stride,
                    int64_t step, Prefetch prefetch) {
  __m512 acc[M * R];
#pragma GCC unroll 32
  for (int i = 0; i < M * R; ++i) acc[i] = _mm512_setzero_ps();
  const auto add = [&](const auto& load, int64_t j) {
    __m512bh ws[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) ws[r] = Cast(load(w + r * stride + j));
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const __m512bh xs = Cast(_mm512_loadu_si512(x + j * M + i * kWidth));
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) acc[i * R + r] = _mm512_dpbf16_ps(acc[i * R + r], xs, ws[r]);
    }
  };
  const uint16_t* const next = w + prefetch.first * stride + prefetch.ahead;
  int64_t j = 0;
  for (; j + kWidth <= k; j += kWidth) {
#pragma GCC unroll 8
    for (int r = 0; r < P; ++r) __builtin_prefetch(next + r * stride + j, 0, 3);
    add([](const uint16_t* from) { return _mm512_loadu_si512(from); }, j);
  }
  if (j < k) {
    const auto rest = static_cast<__mmask32>((uint32_t{1} << (k - j)) - 1);
    add([rest](const uint16_t* from) { return _mm512_maskz_loadu_epi16(rest, from); }, j);
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i) {
    if constexpr (R % 4 == 0) {
#pragma GCC unroll 2
      for (int r = 0; r < R; r += 4) {
        float* const to = dots + i * dots_stride + r * step;
        const __m128 four = SumFour(acc + i * R + r);
        if (!kAdd && step == 1) {
          _mm_storeu_ps(to, four);
          continue;
        }
        float sums[4];
        _mm_storeu_ps(sums, four);
#pragma GCC unroll 4
        for (int q = 0; q < 4; ++q) Put<kAdd>(to[q * step], sums[q]);
      }
    } else {
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) Put<kAdd>(dots[i * dots_stride + r * step], SumOne(acc[i * R + r]));
    }
  }
}

using Tile = void (*)(const uint16_t* x, int64_t k, const uint16_t* w, int64_t stride, float* dots, int64_t dots_stride,
                      int64_t step, Prefetch prefetch);
// One group of up to four rows against R rows of w at a time. Streams that are far apart run on into their next row, so
// that prefetches past the end of a row hit what the next tile reads.
template <int M, int R>
void StreamTiles(const uint16_t* x, int64_t k, const uint16_t* w, int64_t rows, const RowStreams& streams, float* dots,
                 int64_t dots_stride) {
  const int64_t tiles = rows / R;
  const int64_t apart = streams.far ? tiles : 1,
                step = streams.far ? 1 : R;  // In rows: within a tile, and to the next.
  const Prefetch prefetch = {0, streams.ahead / static_cast<int64_t>(sizeof(uint16_t))};
  const Tile tile = streams.ahead != 0 ? DotTile<M, R, R, false> : DotTile<M, R, 0, false>;
  for (int64_t t = 0; t < tiles; ++t)
    tile(x, k, w + t * step * k, apart * k, dots + t * step, dots_stride, apart, prefetch);
  for (int64_t r = tiles * R; r < rows; ++r)
    DotTile<M, 1, 0, false>(x, k, w + r * k, k, dots + r, dots_stride, 1, prefetch);
}

template <int M>
void StreamFewRows(const uint16_t* x, int64_t k, const uint16_t* w, int64_t rows, const RowStreams& streams,
                   float* dots, int64_t dots_stride) {
  constexpr int kMost = M <= 2 ? 8 : 4;
  if (streams.count >= kMost) return StreamTiles<M, kMost>(x, k, w, rows, streams, dots, dots_stride);
  if (streams.count >= 4) return StreamTiles<M, 4>(x, k, w, rows, streams, dots, dots_stride);
  if (streams.count >= 2) return StreamTiles<M, 2>(x, k, w, rows, streams, dots, dots_stride);
  StreamTiles<M, 1>(x, k, w, rows, streams, dots, dots_stride);
}

constexpr int kTileRows = 4;  // Of w.
// Columns of w that a tile spans: 16 KiB of four rows, which stay in the first-level cache with a group of x.
constexpr int64_t kTileColumns = 2048;

template <int R, int P, bool kAdd>
Tile TileFor(int64_t m) {
  constexpr Tile kTiles[kMaxGroup] = {DotTile<1, R, P, kAdd>, DotTile<2, R, P, kAdd>, DotTile<3, R, P, kAdd>,
                                      DotTile<4, R, P, kAdd>, DotTile<5, R, P, kAdd>, DotTile<6, R, P, kAdd>};
  return kTiles[m - 1];
}

// All groups of rows of x in turn against R rows of w, column by column of tiles, while each group fetches its share of
// the next tile, if any does.
template <int R>
void StreamManyTile(const uint16_t* x, int64_t m, int64_t k, const uint16_t* w, bool fetch, float* dots,
                    int64_t dots_stride) {
  const int64_t x_row = PackedSize(k), share = GroupsOf(m) >= R ? 1 : R / GroupsOf(m);
  int64_t at = 0;
  do {
    const int64_t columns = k - at < kTileColumns ? k - at : kTileColumns;
    const int64_t ahead = at + columns < k ? columns : R * k - at;
    ForGroups(m, [&](int64_t group, int64_t first, int64_t size) {
      const int64_t fetched = group * share;
      const auto choose = [&](auto add) {
        constexpr bool kAdd = decltype(add)::value;
        if (!fetch || fetched >= R) return TileFor<R, 0, kAdd>(size);
        if (share == 1) return TileFor<R, 1, kAdd>(size);
        if constexpr (R == 1) return TileFor<R, 1, kAdd>(size);
        return share == 2 ? TileFor<R, 2, kAdd>(size) : TileFor<R, 4, kAdd>(size);
      };
      const Tile tile = at == 0 ? choose(std::false_type()) : choose(std::true_type());
      tile(x + first * x_row + at * size, columns, w + at, k, dots + first * dots_stride, dots_stride, 1,
           {fetched, ahead});
    });
    at += columns;
  } while (at < k);
}

void StreamManyRows(const uint16_t* x, int64_t m, int64_t k, const uint16_t* w, int64_t rows, bool fetch, float* dots,
                    int64_t dots_stride) {
  int64_t r = 0;
  for (; r + kTileRows <= rows; r += kTileRows)
    StreamManyTile<kTileRows>(x, m, k, w + r * k, fetch, dots + r, dots_stride);
  for (; r < rows; ++r) StreamManyTile<1>(x, m, k, w + r * k, false, dots + r, dots_stride);
}

}  // namespace

int64_t PackedBFloatElements(int64_t m, int64_t k) { return m * PackedSize(k); }

void PackBFloatRows(const void* x_data, int64_t m, int64_t k, void* packed_data) {
  const auto* x = static_cast<const uint16_t*>(x_data);
  auto* packed = static_cast<uint16_t*>(packed_data);
  ForGroups(m, [&](int64_t, int64_t first, int64_t size) {
    for (int64_t j = 0; j < k; j += kWidth) {
      const auto wanted = k - j < kWidth ? static_cast<__mmask32>((uint32_t{1} << (k - j)) - 1) : ~__mmask32{0};
      for (int64_t i = 0; i < size; ++i, packed += kWidth)
        _mm512_storeu_si512(packed, _mm512_maskz_loadu_epi16(wanted, x + (first + i) * k + j));
    }
  });
}

void StreamBFloatRows(const void* packed, int64_t m, int64_t k, const void* w_data, int64_t rows,
                      const RowStreams& streams, float* dots, int64_t dots_stride) {
  const auto* x = static_cast<const uint16_t*>(packed);
  const auto* w = static_cast<const uint16_t*>(w_data);
  if (m == 4) return StreamFewRows<4>(x, k, w, rows, streams, dots, dots_stride);
  if (m == 3) return StreamFewRows<3>(x, k, w, rows, streams, dots, dots_stride);
  if (m == 2) return StreamFewRows<2>(x, k, w, rows, streams, dots, dots_stride);
  if (m == 1) return StreamFewRows<1>(x, k, w, rows, streams, dots, dots_stride);
  StreamManyRows(x, m, k, w, rows, streams.ahead != 0, dots, dots_stride);
}

void DotBFloatRows(const void* packed, int64_t m, int64_t k, const void* w_data, int64_t stride, int64_t rows,
                   float* dots, int64_t dots_stride) {
  const auto* x = static_cast<const uint16_t*>(packed);
  const auto* w = static_cast<const uint16_t*>(w_data);
  const int64_t x_row = PackedSize(k);
  int64_t r = 0;
  for (; r + kTileRows <= rows; r += kTileRows) {
    ForGroups(m, [&](int64_t, int64_t first, int64_t size) {
      TileFor<kTileRows, 0, false>(size)(x + first * x_row, k, w + r * stride, stride, dots + first * dots_stride + r,
                                         dots_stride, 1, {0, 0});
    });
  }
  for (; r < rows; ++r) {
    ForGroups(m, [&](int64_t, int64_t first, int64_t size) {
      TileFor<1, 0, false>(size)(x + first * x_row, k, w + r * stride, stride, dots + first * dots_stride + r,
                                 dots_stride, 1, {0, 0});
    });
  }
}

}  // namespace metronome::kernels::cpu
