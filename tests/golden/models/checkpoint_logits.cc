// Computes the logits of checkpoints in float32 on the CPU, for differential.py.
//
// Reads the path of one checkpoint a line from standard input. Each has tokens.safetensors beside its config.json, with
// int32 `prompt` and `rest`. Writes logits.bin there, float32 rows of the vocabulary: after the prompt as one chunk and
// after each token of `rest`, then, in a new session, after each token of both one at a time. Answers each line with
// "ok" or the error.
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "compiler/driver/compile.h"
#include "compiler/frontend/decoder.h"
#include "compiler/frontend/hf_config.h"
#include "kernels/base/status_macros.h"
#include "kernels/cpu/cpu_backend.h"
#include "runtime/engine/session.h"
#include "runtime/weights/weight_store.h"

namespace metronome {
namespace {

absl::StatusOr<std::vector<int32_t>> ReadTokens(const runtime::SafetensorsFile& file, const char* name) {
  const auto found = file.tensors().find(name);
  if (found == file.tensors().end()) return absl::NotFoundError(name);
  std::vector<int32_t> tokens(static_cast<size_t>(found->second.bytes) / sizeof(int32_t));
  std::memcpy(tokens.data(), found->second.data, tokens.size() * sizeof(int32_t));
  return tokens;
}

absl::Status AppendLogits(runtime::Session& session, std::ostream& out) {
  ASSIGN_OR_RETURN(const absl::Span<const float> logits, session.Logits());
  out.write(reinterpret_cast<const char*>(logits.data()), static_cast<std::streamsize>(logits.size() * sizeof(float)));
  return absl::OkStatus();
}

absl::Status Run(const std::string& directory) {
  ASSIGN_OR_RETURN(const std::unique_ptr<kernels::Backend> backend, kernels::CreateCpuBackend({.threads = 1}));
  ASSIGN_OR_RETURN(const compiler::ModelConfig config, compiler::ReadHfConfig(directory + "/config.json"));
  ASSIGN_OR_RETURN(const compiler::Graph graph, compiler::BuildDecoder(config, kernels::DType::kFloat32));
  ASSIGN_OR_RETURN(const compiler::CompileResult compiled,
                   compiler::Compile(graph, compiler::ExecutionPath::kCompiled));
  ASSIGN_OR_RETURN(const std::unique_ptr<runtime::WeightStore> weights,
                   runtime::WeightStore::Load(*backend, runtime::WeightSpecsOf(compiled.plans[0].plan),
                                              runtime::CheckpointDirectory{directory}));
  ASSIGN_OR_RETURN(const std::unique_ptr<runtime::Executor> executor,
                   runtime::Executor::Create(*backend, compiled.plans, *weights, runtime::LaunchMode::kInOrder));
  ASSIGN_OR_RETURN(const auto file, runtime::SafetensorsFile::Open(directory + "/tokens.safetensors"));
  ASSIGN_OR_RETURN(const std::vector<int32_t> prompt, ReadTokens(*file, "prompt"));
  ASSIGN_OR_RETURN(const std::vector<int32_t> rest, ReadTokens(*file, "rest"));
  std::ofstream out(directory + "/logits.bin", std::ios::binary);
  for (const bool chunked : {true, false}) {
    ASSIGN_OR_RETURN(auto cache,
                     runtime::KvCache::Create(*backend, runtime::KvStateSpecsOf(compiled.plans),
                                              {.max_length = static_cast<int64_t>(prompt.size() + rest.size())}));
    runtime::Session session(*executor, std::move(cache));
    std::vector<int32_t> steps = rest;
    if (chunked) {
      RETURN_IF_ERROR(session.Prefill(prompt, runtime::PrefillMode::kChunked));
      RETURN_IF_ERROR(AppendLogits(session, out));
    } else {
      steps.insert(steps.begin(), prompt.begin(), prompt.end());
    }
    for (const int32_t token : steps) {
      RETURN_IF_ERROR(session.Step(token));
      RETURN_IF_ERROR(AppendLogits(session, out));
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace metronome

int main() {
  for (std::string directory; std::getline(std::cin, directory);) {
    const absl::Status status = metronome::Run(directory);
    std::cout << (status.ok() ? std::string("ok") : status.ToString()) << std::endl;
  }
}
