#include "proto/labels/model_label.h"

#include "absl/strings/str_cat.h"

namespace metronome {
namespace {

// `layers` 0 = all, `of` 0 = not known.
std::string Label(const std::string& model, int layers, int of) {
  if (layers == 0 || layers == of) return model;
  if (of == 0) return absl::StrCat(model, " [first ", layers, " layers]");
  return absl::StrCat(model, " [", layers, " of ", of, " layers]");
}

}  // namespace

std::string ModelLabel(const v1::ModelInfo& model) { return Label(model.key(), model.layers(), model.model_layers()); }

std::string ModelLabel(const v1::BenchmarkResult& result) {
  return Label(result.spec().model(), result.spec().layers(), result.model_layers());
}

}  // namespace metronome
