#ifndef METRONOME_CLIENT_BENCHMARK_SWEEP_CELL_H_
#define METRONOME_CLIENT_BENCHMARK_SWEEP_CELL_H_

#include <cstdint>
#include <optional>
#include <string>

#include "metronome/v1/benchmark.pb.h"

namespace metronome::client {

// A cell of a sweep is one benchmark, and its spec says which: two cells of a sweep differ in what theirs say.

// What a person calls it: "short llama-3.2-1b compiled, search 100, cache 4096".
std::string CellName(const v1::BenchmarkSpec& cell);

// Whether a stored result's spec, whose defaults the daemon filled in, is of this cell: it has the same configuration
// and all that the cell says.
bool IsOfCell(const v1::BenchmarkSpec& stored, const v1::BenchmarkSpec& cell);

// What makes a cell need more memory or time than another of the same model.
struct CellLimits {
  // Positions of the cache; those of max_cache_len, else of the prompt and what is decoded; nullopt = the daemon's
  // default, for a prompt of text or scaling.
  std::optional<int64_t> positions;
  int64_t search_iterations = 1;
};
CellLimits LimitsOf(const v1::BenchmarkSpec& cell);

// Why a cell is not worth trying: one of the same model, path, weights and scenario whose limits are no greater ran out
// of memory. nullopt: it is.
std::optional<std::string> SkipReason(const v1::BenchmarkSpec& cell, const v1::Run& earlier);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_BENCHMARK_SWEEP_CELL_H_
