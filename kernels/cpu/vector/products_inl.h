// Dot products and weighted sums of rows; a part of vector_kernels_inl.h.

namespace metronome::kernels::cpu {
namespace {

constexpr int64_t kLineBytes = 64;

// M rows of x against R rows of w that lie `stride` apart; dots of one row of x go `step` apart, rows of dots
// `dots_stride`.
struct DotsLayout {
  int64_t dots_stride, step;
};

template <bool kPrefetch, int M, int R, typename T>
inline void DotTile(const float* x, int64_t k, const T* w, int64_t stride, float* dots, DotsLayout layout,
                    int64_t ahead) {
  constexpr int kUnroll =
      static_cast<int>(kLineBytes / (kWidth * static_cast<int64_t>(sizeof(T))));  // A cache line of w at a time.
  Vector acc[M * R];
#pragma GCC unroll 16
  for (int i = 0; i < M * R; ++i) acc[i] = Lanes::Zero();
  int64_t j = 0;
  for (; j + kUnroll * kWidth <= k; j += kUnroll * kWidth) {
    if constexpr (kPrefetch) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) __builtin_prefetch(reinterpret_cast<const char*>(w + r * stride + j) + ahead, 0, 3);
    }
#pragma GCC unroll 16
    for (int u = 0; u < kUnroll; ++u) {
      Vector xs[M];
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) xs[i] = Lanes::Load(x + i * k + j + u * kWidth);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const Vector ws = Load(w + r * stride + j + u * kWidth);
#pragma GCC unroll 16
        for (int i = 0; i < M; ++i) acc[i * R + r] = Lanes::Fma(xs[i], ws, acc[i * R + r]);
      }
    }
  }
  for (; j + kWidth <= k; j += kWidth) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vector ws = Load(w + r * stride + j);
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) acc[i * R + r] = Lanes::Fma(Lanes::Load(x + i * k + j), ws, acc[i * R + r]);
    }
  }
  float sums[M * R];  // Lanes add in the same order whatever the tile.
  if constexpr (M * R == kWidth) {
    Lanes::Store(sums, Lanes::SumEach(acc));
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < M * R; ++i) sums[i] = Lanes::Sum(acc[i]);
  }
  for (; j < k; ++j) {
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) sums[i * R + r] += x[i * k + j] * Widen(w[r * stride + j]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) dots[i * layout.dots_stride + r * layout.step] = sums[i * R + r];
  }
}

// Calls function(M as a constant, first row) for groups of up to four of m rows.
template <typename Function>
inline void ForRowGroups(int64_t m, Function&& function) {
  int64_t i = 0;
  for (; i + 4 <= m; i += 4) function(std::integral_constant<int, 4>(), i);
  if (m - i == 3) return function(std::integral_constant<int, 3>(), i);
  if (m - i == 2) return function(std::integral_constant<int, 2>(), i);
  if (m - i == 1) return function(std::integral_constant<int, 1>(), i);
}

// Rows of w at a time: as many sums as a vector has lanes, which one transposing addition reduces.
template <int M>
constexpr int kRowsAtOnce = kWidth / (M == 3 ? 4 : M);

template <typename T>
void DotRows(const float* x, int64_t m, int64_t k, const T* w, int64_t stride, int64_t rows, float* dots,
             int64_t dots_stride) {
  ForRowGroups(m, [&](auto count, int64_t i) {
    constexpr int M = decltype(count)::value, R = kRowsAtOnce<M>;
    const DotsLayout layout = {dots_stride, 1};
    float* const to = dots + i * dots_stride;
    int64_t r = 0;
    for (; r + R <= rows; r += R) DotTile<false, M, R>(x + i * k, k, w + r * stride, stride, to + r, layout, 0);
    for (; r < rows; ++r) DotTile<false, M, 1>(x + i * k, k, w + r * stride, stride, to + r, layout, 0);
  });
}

// R rows at a time against M rows of x. Streams that are far apart run on into their next row, so that prefetches past
// the end of a row hit what the next tile reads.
template <bool kPrefetch, int M, int R, typename T>
void StreamTiles(const float* x, int64_t k, const T* w, int64_t rows, const RowStreams& streams, float* dots,
                 int64_t dots_stride) {
  const int64_t tiles = rows / R;
  const int64_t apart = streams.far ? tiles : 1,
                step = streams.far ? 1 : R;  // In rows: within a tile, and to the next.
  for (int64_t t = 0; t < tiles; ++t) {
    DotTile<kPrefetch, M, R>(x, k, w + t * step * k, apart * k, dots + t * step, {dots_stride, apart}, streams.ahead);
  }
  for (int64_t r = tiles * R; r < rows; ++r)
    DotTile<kPrefetch, M, 1>(x, k, w + r * k, k, dots + r, {dots_stride, 1}, streams.ahead);
}

template <bool kPrefetch, typename T>
void StreamRowsAhead(const float* x, int64_t m, int64_t k, const T* w, int64_t rows, const RowStreams& streams,
                     float* dots, int64_t dots_stride) {
  ForRowGroups(m, [&](auto group, int64_t i) {
    constexpr int M = decltype(group)::value, kMost = kRowsAtOnce<M> < 8 ? kRowsAtOnce<M> : 8;
    const auto stream = [&](auto rows_at_once) {
      constexpr int R = decltype(rows_at_once)::value < kMost ? decltype(rows_at_once)::value : kMost;
      StreamTiles<kPrefetch, M, R>(x + i * k, k, w, rows, streams, dots + i * dots_stride, dots_stride);
    };
    if (streams.count >= 8) return stream(std::integral_constant<int, 8>());
    if (streams.count >= 4) return stream(std::integral_constant<int, 4>());
    if (streams.count >= 2) return stream(std::integral_constant<int, 2>());
    stream(std::integral_constant<int, 1>());
  });
}

template <typename T>
void StreamRows(const float* x, int64_t m, int64_t k, const T* w, int64_t rows, const RowStreams& streams, float* dots,
                int64_t dots_stride) {
  if (streams.ahead != 0) return StreamRowsAhead<true>(x, m, k, w, rows, streams, dots, dots_stride);
  StreamRowsAhead<false>(x, m, k, w, rows, streams, dots, dots_stride);
}

// Adds to J vectors of M rows of acc at once: M x J chains of additions hide each other's latency.
template <int M, int J, typename T>
inline void MixTile(const float* p, int64_t p_stride, const T* v, int64_t stride, int64_t rows, int64_t n, float* acc) {
  Vector sums[M][J];
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 16
    for (int c = 0; c < J; ++c) sums[i][c] = Lanes::Load(acc + i * n + c * kWidth);
  }
  for (int64_t r = 0; r < rows; ++r) {
    Vector vs[J];
#pragma GCC unroll 16
    for (int c = 0; c < J; ++c) vs[c] = Load(v + r * stride + c * kWidth);
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
      const Vector weight = Lanes::Broadcast(p[i * p_stride + r]);
#pragma GCC unroll 16
      for (int c = 0; c < J; ++c) sums[i][c] = Lanes::Fma(weight, vs[c], sums[i][c]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 16
    for (int c = 0; c < J; ++c) Lanes::Store(acc + i * n + c * kWidth, sums[i][c]);
  }
}

template <typename T>
void MixRows(const float* p, int64_t p_stride, int64_t m, const T* v, int64_t stride, int64_t rows, int64_t n,
             float* acc) {
  constexpr int J = kWidth / 4;
  ForRowGroups(m, [&](auto count, int64_t i) {
    constexpr int M = decltype(count)::value;
    const float* const weights = p + i * p_stride;
    float* const sums = acc + i * n;
    int64_t j = 0;
    for (; j + J * kWidth <= n; j += J * kWidth) MixTile<M, J>(weights, p_stride, v + j, stride, rows, n, sums + j);
    for (; j + kWidth <= n; j += kWidth) MixTile<M, 1>(weights, p_stride, v + j, stride, rows, n, sums + j);
    for (; j < n; ++j) {
      for (int row = 0; row < M; ++row) {
        for (int64_t r = 0; r < rows; ++r) sums[row * n + j] += weights[row * p_stride + r] * Widen(v[r * stride + j]);
      }
    }
  });
}

}  // namespace
}  // namespace metronome::kernels::cpu
