#include "server/pages/cell_key.h"

#include "absl/strings/str_cat.h"
#include "proto/labels/model_label.h"

namespace metronome::pages {
namespace {

// What a spec leaves to the daemon and what it says of it are the same.
std::string Asked(const v1::BenchmarkSpec& spec) {
  v1::BenchmarkSpec asked = spec;
  asked.clear_config();
  asked.clear_path();
  asked.clear_prompt();  // The tokens that ran count.
  asked.clear_prompt_tokens();
  asked.clear_iters();  // How often it was measured is no property of the thing.
  asked.clear_warmups();
  asked.clear_layers();  // The label has them.
  asked.clear_model();
  if (asked.scenario() == "latency") asked.clear_scenario();
  if (asked.prefill_mode() == "chunked") asked.clear_prefill_mode();
  if (asked.dtype() == "bfloat16") asked.clear_dtype();
  if (asked.search_iterations() <= 1) asked.clear_search_iterations();
  if (asked.weights() == "auto") asked.clear_weights();
  return asked.SerializeAsString();
}

}  // namespace

std::string CellKey(const v1::BenchmarkResult& result) {
  return absl::StrCat(ModelLabel(result), "\n", result.prompt_tokens(), "\n", Asked(result.spec()));
}

std::string PathKey(const v1::BenchmarkResult& result) {
  return absl::StrCat(result.spec().path(), "\n", result.provenance(), "\n", CellKey(result));
}

std::string DeviceName(const v1::ServerEnvironment& machine) {
  return machine.gpu_name().empty() ? machine.cpu_model() : machine.gpu_name();
}

}  // namespace metronome::pages
