#ifndef METRONOME_TESTS_GPU_BENCH_BENCH_SWEEP_H_
#define METRONOME_TESTS_GPU_BENCH_BENCH_SWEEP_H_

#include <functional>
#include <string>
#include <vector>

#include "tests/gpu/bench/bench_launch.h"

namespace metronome::kernels::cuda::bench {

inline std::string Describe(const LinearTuning& tuning) {
  std::string text;
  const auto add = [&](const char* name, int64_t value) {
    if (value > 0) text += (text.empty() ? "" : " ") + std::string(name) + "=" + std::to_string(value);
  };
  add("rows", tuning.rows);
  add("warps", tuning.warps);
  add("blocks", tuning.blocks);
  add("packs", tuning.packs);
  add("splits", tuning.splits);
  add("tile", tuning.tile);
  return text.empty() ? "default" : text;
}

// The ways to tune a launch; the first is none of them.
inline std::vector<LinearTuning> TuningsOf(Tunes tunes) {
  std::vector<LinearTuning> tunings = {{}};
  if (tunes == Tunes::kGemv) {
    for (const int64_t packs : {8, 4}) {
      for (const int64_t rows : {2, 4}) {
        for (const int64_t warps : {0, 1, 2, 4, 8}) {
          // Where nothing says how many, splits follow from the blocks wanted.
          for (const int64_t blocks : {1, 2, 3, 4, 8})
            tunings.push_back({.rows = rows, .warps = warps, .blocks = blocks, .packs = packs});
          for (const int64_t splits : {1, 2, 4, 8})
            tunings.push_back({.rows = rows, .warps = warps, .packs = packs, .splits = splits});
        }
      }
    }
  } else if (tunes == Tunes::kGemm) {
    for (const int64_t tile : {1, 2, 3}) {
      for (const int64_t splits : {1, 2, 4, 8}) tunings.push_back({.splits = splits, .tile = tile});
    }
  }
  return tunings;
}

}  // namespace metronome::kernels::cuda::bench

#endif  // METRONOME_TESTS_GPU_BENCH_BENCH_SWEEP_H_
