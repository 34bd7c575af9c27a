#ifndef METRONOME_TESTS_SERVER_SERVED_BENCHMARKS_H_
#define METRONOME_TESTS_SERVER_SERVED_BENCHMARKS_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/server/served_daemon.h"

namespace metronome::server {

// A test with a daemon in its process that measures and keeps records.
class ServedBenchmarks : public ServedDaemon {
 protected:
  explicit ServedBenchmarks(std::function<void(DaemonConfig&)> adjust = nullptr) : ServedDaemon(std::move(adjust)) {}

  std::string StartRun() {
    Context context;
    v1::StartRunRequest request;
    request.set_mode("latency");
    request.mutable_caller()->set_git_branch("feature/x");
    v1::StartRunResponse response;
    const grpc::Status status = benchmark_->StartRun(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.run_id();
  }
  static v1::BenchmarkSpec TinySpec() {
    v1::BenchmarkSpec spec;
    spec.set_model("tiny-qwen3");
    spec.set_dtype("float32");
    spec.set_iters(3);
    spec.set_warmups(1);
    spec.set_decode_tokens(6);
    spec.set_prompt_tokens(11);
    spec.set_seed(5);
    return spec;
  }
  grpc::Status Measure(const std::string& run, const v1::BenchmarkSpec& spec, v1::BenchmarkResult* result) {
    Context context;
    v1::RunBenchmarkRequest request;
    request.set_run_id(run);
    *request.mutable_spec() = spec;
    std::vector<v1::RunBenchmarkResponse> messages;
    grpc::Status status = ReadAll(benchmark_->RunBenchmark(&context, request), &messages);
    if (status.ok()) *result = messages.back().result();
    return status;
  }
  static v1::BenchmarkResult PeerResult() {
    v1::BenchmarkResult result;
    result.mutable_spec()->set_model("llama-3.2-1b");
    result.mutable_spec()->set_path("hf_eager");
    result.mutable_spec()->set_dtype("bfloat16");
    result.set_prompt_tokens(8);
    for (const double value : {3.0, 1.0, 2.0}) {
      v1::Sample& sample = *result.add_samples();
      sample.set_metric("ttft_ms");
      sample.set_value(value);
    }
    return result;
  }
  grpc::Status Record(const std::string& run, const v1::BenchmarkResult& result,
                      v1::RecordResultResponse* response = nullptr, bool validate_only = false) {
    Context context;
    v1::RecordResultRequest request;
    request.set_run_id(run);
    *request.mutable_result() = result;
    request.set_validate_only(validate_only);
    v1::RecordResultResponse ignored;
    return benchmark_->RecordResult(&context, request, response == nullptr ? &ignored : response);
  }
  v1::Run GetRun(const std::string& id) {
    Context context;
    v1::GetRunRequest request;
    request.set_run_id(id);
    v1::Run run;
    const grpc::Status status = benchmark_->GetRun(&context, request, &run);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return run;
  }
  std::vector<v1::Sample> SamplesOf(const v1::BenchmarkResult& result) {
    std::vector<v1::Sample> samples;
    v1::ListSamplesRequest request;
    request.set_result_id(result.result_id());
    do {
      Context context;
      v1::ListSamplesResponse page;
      const grpc::Status status = benchmark_->ListSamples(&context, request, &page);
      EXPECT_TRUE(status.ok()) << status.error_message();
      samples.insert(samples.end(), page.samples().begin(), page.samples().end());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return samples;
  }
  grpc::Status FinishRun(const std::string& id, const std::string& state = "") {
    Context context;
    v1::FinishRunRequest request;
    request.set_run_id(id);
    request.set_state(state);
    v1::FinishRunResponse response;
    return benchmark_->FinishRun(&context, request, &response);
  }
};

}  // namespace metronome::server

#endif  // METRONOME_TESTS_SERVER_SERVED_BENCHMARKS_H_
