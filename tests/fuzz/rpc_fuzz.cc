// Every RPC of both services against a daemon in this process. The first byte of an input chooses the method, the
// second how it is called, the rest is the request.
#include <google/protobuf/text_format.h>

#include "absl/strings/str_cat.h"
#include "metronome/v1/benchmark.pb.h"
#include "metronome/v1/inference.pb.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/fuzzed_daemon.h"
#include "tests/fuzz/mutate/message.h"

namespace metronome::fuzz {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

constexpr size_t kHeaderBytes = 2;
constexpr size_t kMaxStatusText = 1024;

// Bits of the second byte.
constexpr uint8_t kCancelAfterFirst = 1;
constexpr uint8_t kShortDeadline = 2;

const std::vector<const MethodDescriptor*>& Methods() {
  static const auto& methods = *[] {
    auto* all = new std::vector<const MethodDescriptor*>;
    for (const auto* file : {v1::CompileRequest::descriptor()->file(), v1::StartRunRequest::descriptor()->file()}) {
      for (int s = 0; s < file->service_count(); ++s)
        for (int m = 0; m < file->service(s)->method_count(); ++m) all->push_back(file->service(s)->method(m));
    }
    return all;
  }();
  return methods;
}

const Message& RequestType(const MethodDescriptor* method) {
  return *google::protobuf::MessageFactory::generated_factory()->GetPrototype(method->input_type());
}

const std::vector<std::string>& Words() {
  static const auto& words = *new std::vector<std::string>{FuzzedDaemon::kSession,
                                                           FuzzedDaemon::kRun,
                                                           FuzzedDaemon::kResident,
                                                           "tiny-gemma3",
                                                           "tiny-gemma4",
                                                           "tiny-qwen3-moe",
                                                           "float32",
                                                           "bfloat16",
                                                           "float16",
                                                           "cpu",
                                                           "cuda",
                                                           "compiled",
                                                           "graph",
                                                           "eager",
                                                           "synthetic",
                                                           "auto",
                                                           "chunked",
                                                           "sequential",
                                                           "latency",
                                                           "scaling",
                                                           "ok",
                                                           "failed",
                                                           "complete",
                                                           "ttft_ms",
                                                           "step_ms",
                                                           "hf_eager",
                                                           "user",
                                                           "system",
                                                           "[{\"role\":\"user\",\"content\":\"x\"}]",
                                                           "{\"add_generation_prompt\":false}"};
  return words;
}

std::string Input(absl::string_view method, const std::string& text) {
  for (size_t i = 0; i < Methods().size(); ++i) {
    if (Methods()[i]->name() != method) continue;
    const std::unique_ptr<Message> request(RequestType(Methods()[i]).New());
    Require(google::protobuf::TextFormat::ParseFromString(text, request.get()), absl::StrCat("bad seed: ", text));
    return std::string{static_cast<char>(i), '\0'} + request->SerializeAsString();
  }
  Require(false, absl::StrCat("no method ", method));
  return {};
}

// What no answer may be, whatever was asked.
void CheckStatus(const std::string& method, const grpc::Status& status) {
  Require(status.error_message().size() <= kMaxStatusText, absl::StrCat(method, " answers with an endless text"));
  Require(status.error_code() != grpc::INTERNAL && status.error_code() != grpc::UNKNOWN,
          absl::StrCat(method, " fails by an error of its own: ", status.error_message()));
}

void Run(const MethodDescriptor* method, uint8_t how, const std::string& bytes) {
  static int calls = 0;
  FuzzedDaemon& daemon = FuzzedDaemon::Get();
  const std::string request = daemon.Prepare(RequestType(method), bytes);
  const std::string path = absl::StrCat("/", method->service()->full_name(), "/", method->name());
  const CallResult result = daemon.Call(path, request,
                                        {.timeout = absl::Milliseconds((how & kShortDeadline) != 0 ? 3 : 300),
                                         .cancel_after_first = (how & kCancelAfterFirst) != 0});
  const std::unique_ptr<Message> parsed(RequestType(method).New());
  if (parsed->ParseFromString(request)) CheckStatus(path, result.status);
  const bool unfinished =
      result.status.error_code() == grpc::DEADLINE_EXCEEDED || result.status.error_code() == grpc::CANCELLED;
  if (unfinished || ++calls % 16 == 0) daemon.CheckBystander();
}

}  // namespace

std::vector<std::string> Seeds() {
  return {
      Input("Compile", "model: 'tiny-llama' dtype: 'float32'"),
      Input("Compile",
            "model: 'tiny-gemma3' dtype: 'bfloat16' path: 'graph' search_iterations: 3 layers: 1 weights: 'synthetic'"),
      Input("Compile", "model: '/tmp' weights: 'org/name@main' max_cache_len: 64 search_trials: 2 search_keep_best: 2"),
      Input("Unload", "model: 'tiny-llama'"),
      Input("ListModels", ""),
      Input("Prefill", "model: 'tiny-llama' prompt { tokens { ids: [1, 2, 3] } } max_cache_len: 32"),
      Input("Prefill",
            "model: 'tiny-llama' prompt { synthetic { tokens: 9 seed: 3 } } mode: 'sequential' sampling { temperature: "
            "1 top_k: 5 }"),
      Input("Prefill", "model: 'tiny-llama' prompt { text: 'x' }"),
      Input("Prefill",
            "model: 'tiny-llama' prompt { chat { messages { role: 'user' content: 'x' } tools_json: '[]' } }"),
      Input("Decode", "session: '@session' max_tokens: 5 stop_at_eos: true stop_token_ids: [4] tokens_at_once: 3"),
      Input("CloseSession", "session: '@session'"),
      Input("ForkSession", "session: '@session'"),
      Input("Generate",
            "model: 'tiny-llama' prompt { tokens { ids: 5 } } max_tokens: 9 sampling { temperature: 0.7 top_p: 0.9 "
            "min_p: 0.1 repetition_penalty: 1.2 logprobs: 3 seed: 1 }"),
      Input(
          "Generate",
          "model: 'tiny-llama' prompt { synthetic { tokens: 40 } } max_tokens: 3 tokens_at_once: 8 stop_token_ids: 1"),
      Input("Explain", "model: 'tiny-llama' tokens: 1 past: 8 dumps: true"),
      Input("GetServerInfo", ""),
      Input("StartRun", "mode: 'latency' caller { git_commit: 'a' host: 'b' } note: 'c'"),
      Input("RunBenchmark",
            "run_id: '@run' spec { model: 'tiny-llama' dtype: 'float32' prompt_tokens: 5 decode_tokens: 3 iters: 2 }"),
      Input("RunBenchmark",
            "run_id: '@run' spec { model: 'tiny-llama' dtype: 'float32' scenario: 'scaling' max_cache_len: 20 }"),
      Input("RecordResult",
            "run_id: '@run' result { spec { model: 'x' dtype: 'float32' path: 'hf_eager' } prompt_tokens: 4 samples { "
            "metric: 'ttft_ms' value: 2 } samples { metric: 'tpot_ms' value: 1 } }"),
      Input("RecordResult",
            "validate_only: true result { spec { model: 'x' dtype: 'float32' path: 'graph' } outcome: 'failed' "
            "error_text: 'y' }"),
      Input("FinishRun", "run_id: '@run' state: 'failed'"),
      Input("ListRuns", "limit: 3 page_token: '1'"),
      Input("GetRun", "run_id: '@run'"),
      Input("ListSamples", "result_id: 1 page_size: 2"),
      // These have ended a daemon once.
      Input("Prefill",
            "model: 'tiny-llama' prompt { synthetic { tokens: 4611686018427387904 } } "
            "max_cache_len: 9223372036854775807"),
      Input("Prefill", "model: 'tiny-llama' prompt { synthetic { tokens: 2147483648 } } max_cache_len: 2147483648"),
      Input("Compile", "model: '/etc\\000x'"),
      Input("Compile", "model: 'tiny-llama' weights: '/dev/zero\\000'"),
  };
}

}  // namespace metronome::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace metronome::fuzz;
  [[maybe_unused]] static const bool silent = SilenceProtobuf();
  if (size < kHeaderBytes) return 0;
  Run(Methods()[data[0] % Methods().size()], data[1],
      {reinterpret_cast<const char*>(data) + kHeaderBytes, size - kHeaderBytes});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  using namespace metronome::fuzz;
  Random random(seed);
  if (size < kHeaderBytes || random.OneIn(8)) return LLVMFuzzerMutate(data, size, max_size);
  std::string input(reinterpret_cast<const char*>(data), size);
  if (random.OneIn(16)) input[0] = static_cast<char>(random.Below(Methods().size()));
  if (random.OneIn(8)) input[1] = static_cast<char>(random.Below(4));
  const std::unique_ptr<google::protobuf::Message> request(
      RequestType(Methods()[static_cast<uint8_t>(input[0]) % Methods().size()]).New());
  // A request of another method keeps what it has in common with this one's.
  (void)request->ParsePartialFromString(input.substr(kHeaderBytes));
  MutateMessage(*request, Words(), random);
  return Give(input.substr(0, kHeaderBytes) + request->SerializeAsString(), data, max_size);
}
