#ifndef METRONOME_PROTO_LABELS_MODEL_LABEL_H_
#define METRONOME_PROTO_LABELS_MODEL_LABEL_H_

#include <string>

#include "metronome/v1/benchmark.pb.h"
#include "metronome/v1/inference.pb.h"

namespace metronome {

// "llama-3-8b", or "qwen3-30b-a3b [8 of 48 layers]" where only the first layers are there: what is measured of such a
// model is not the model's, and its label is another's.
std::string ModelLabel(const v1::ModelInfo& model);
std::string ModelLabel(const v1::BenchmarkResult& result);  // "[first 8 layers]" where it is not known of how many.

}  // namespace metronome

#endif  // METRONOME_PROTO_LABELS_MODEL_LABEL_H_
