#ifndef METRONOME_CLIENT_RENDER_SCALING_H_
#define METRONOME_CLIENT_RENDER_SCALING_H_

#include <string>

#include "metronome/v1/benchmark.pb.h"

namespace metronome::client {

// A table for each model of a run that has scaling results: a row for each position, columns for each path with ratios
// to the first, and below it what the way from the first to the last position cost. Results of different dtypes,
// weights or numbers of layers never share a table. Empty without such results.
std::string RenderScaling(const v1::Run& run);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_RENDER_SCALING_H_
