// Runs, what is recorded in them, and how it comes back.
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "tests/server/served_benchmarks.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;

class BenchmarkRecordsTest : public ServedBenchmarks {
 protected:
  // The run once it is in that state, or as it is after half a minute.
  v1::Run WaitForState(const std::string& id, const std::string& state) {
    const absl::Time give_up = absl::Now() + absl::Seconds(30);
    v1::Run run = GetRun(id);
    while (run.state() != state && absl::Now() < give_up) run = GetRun(id);
    return run;
  }
};

// 60 iterations of 1500 tokens are 180,000 samples, 5 MB; the channel takes 4 MB, gRPC's default.
TEST_F(BenchmarkRecordsTest, ManySamplesReachAClientWithDefaultLimits) {
  const std::string run = StartRun();
  v1::BenchmarkSpec spec;
  spec.set_model("tiny-llama");
  spec.set_iters(60);
  spec.set_decode_tokens(1500);
  spec.set_prompt_tokens(1);
  v1::BenchmarkResult result;

  const grpc::Status status = Measure(run, spec, &result);

  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(result.outcome(), "ok") << result.error_text();
  EXPECT_EQ(result.step_ms().n(), 60 * 1499);
  EXPECT_EQ(result.sample_count(), 60 + 60 + 2 * 60 * 1499);
  EXPECT_EQ(GetRun(run).results(0).SerializeAsString(), result.SerializeAsString());
  const std::vector<v1::Sample> samples = SamplesOf(result);
  ASSERT_EQ(static_cast<int64_t>(samples.size()), result.sample_count());
  double tpot = 0;
  for (const v1::Sample& sample : samples) {
    if (sample.metric() == "tpot_ms") tpot += sample.value() / 60;
  }
  EXPECT_NEAR(tpot, result.tpot_ms().mean(), 1e-9);
}

TEST_F(BenchmarkRecordsTest, SamplePagesAreBounded) {
  const std::string run = StartRun();
  v1::BenchmarkResult result;
  ASSERT_TRUE(Measure(run, TinySpec(), &result).ok());
  const auto list = [&](int64_t id, int size, const std::string& token, v1::ListSamplesResponse* response) {
    Context context;
    v1::ListSamplesRequest request;
    request.set_result_id(id);
    request.set_page_size(size);
    request.set_page_token(token);
    return benchmark_->ListSamples(&context, request, response).error_code();
  };
  v1::ListSamplesResponse two, none;
  EXPECT_EQ(list(result.result_id(), 2, "", &two), grpc::StatusCode::OK);
  EXPECT_EQ(two.samples_size(), 2);
  EXPECT_NE(two.next_page_token(), "");
  EXPECT_EQ(list(result.result_id(), -1, "", &none), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(list(result.result_id(), 50001, "", &none), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(list(result.result_id(), 2, "two", &none), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(list(result.result_id() + 1, 2, "", &none), grpc::StatusCode::NOT_FOUND);
}

// What is recorded comes back in messages of 4 MB, so no text of it may be longer.
TEST_F(BenchmarkRecordsTest, TextsThatAreRecordedAreBounded) {
  const std::string run = StartRun();
  const std::string long_text((64 << 10) + 1, 'x');
  v1::BenchmarkSpec spec = TinySpec();
  v1::BenchmarkResult result;
  spec.set_config(long_text);
  grpc::Status status = Measure(run, spec, &result);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("config has 65537 bytes, more than 65536"));
  spec = TinySpec();
  spec.set_prompt(std::string((1 << 20) + 1, 'x'));
  EXPECT_EQ(Measure(run, spec, &result).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  v1::BenchmarkResult external = PeerResult();
  external.mutable_spec()->set_prompt(std::string(1 << 20, 'x'));
  EXPECT_TRUE(Record(run, external).ok());
  external.set_note(long_text);
  EXPECT_THAT(Record(run, external).error_message(), HasSubstr("note has 65537 bytes"));
  Context context;
  v1::StartRunRequest start;
  start.mutable_caller()->set_host(long_text);
  v1::StartRunResponse response;
  status = benchmark_->StartRun(&context, start, &response);
  EXPECT_THAT(status.error_message(), HasSubstr("caller.host has 65537 bytes"));
}

TEST_F(BenchmarkRecordsTest, RunsOpenAndCloseOnce) {
  const std::string run = StartRun();
  v1::BenchmarkResult result;
  EXPECT_EQ(Measure("20200101T000000.000000Z", TinySpec(), &result).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(FinishRun("20200101T000000.000000Z").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(FinishRun(run, "splendid").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(FinishRun(run, "failed").ok());
  EXPECT_EQ(FinishRun(run).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(Measure(run, TinySpec(), &result).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(GetRun(run).state(), "failed");
}

TEST_F(BenchmarkRecordsTest, ExternalResultGetsItsStatisticsFromItsSamples) {
  const std::string run = StartRun();
  v1::RecordResultResponse response;
  ASSERT_TRUE(Record(run, PeerResult(), &response).ok());
  const v1::Run stored = GetRun(run);
  ASSERT_EQ(stored.results_size(), 1);
  EXPECT_EQ(stored.results(0).result_id(), response.result_id());
  EXPECT_EQ(stored.results(0).provenance(), "external");
  EXPECT_EQ(stored.results(0).outcome(), "ok");
  EXPECT_EQ(stored.results(0).spec().path(), "hf_eager");
  EXPECT_EQ(stored.results(0).ttft_ms().n(), 3);
  EXPECT_EQ(stored.results(0).ttft_ms().median(), 2);
  EXPECT_EQ(stored.results(0).prefill_tokens_per_second(), 4000);
}

TEST_F(BenchmarkRecordsTest, BadExternalResultsAreRefusedAndNotStored) {
  const std::string run = StartRun();
  const auto expect = [](const grpc::Status& status, grpc::StatusCode code, const std::string& message) {
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(message));
  };
  v1::BenchmarkResult bad = PeerResult();
  bad.mutable_samples(1)->set_value(-1);
  expect(Record(run, bad), grpc::StatusCode::INVALID_ARGUMENT, "samples[1].value is -1");
  bad = PeerResult();
  bad.mutable_spec()->set_path("scenic");
  expect(Record(run, bad), grpc::StatusCode::INVALID_ARGUMENT, "spec.path is 'scenic'");
  expect(Record("", PeerResult()), grpc::StatusCode::INVALID_ARGUMENT, "run_id is empty");
  expect(Record("20200101T000000.000000Z", PeerResult()), grpc::StatusCode::NOT_FOUND,
         "no run '20200101T000000.000000Z'");
  EXPECT_EQ(GetRun(run).results_size(), 0);
  ASSERT_TRUE(FinishRun(run).ok());
  expect(Record(run, PeerResult()), grpc::StatusCode::FAILED_PRECONDITION, "is complete, not running");
}

TEST_F(BenchmarkRecordsTest, ExternalResultsAreCheckedWithoutBeingStored) {
  const std::string run = StartRun();
  v1::BenchmarkResult bad = PeerResult();
  bad.mutable_spec()->clear_dtype();
  v1::RecordResultResponse response;
  for (const std::string& id : {run, std::string()}) {
    EXPECT_TRUE(Record(id, PeerResult(), &response, true).ok());
    EXPECT_EQ(response.result_id(), 0);
    EXPECT_EQ(Record(id, bad, &response, true).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
  EXPECT_EQ(Record("no-such-run", PeerResult(), &response, true).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(GetRun(run).results_size(), 0);
}

TEST_F(BenchmarkRecordsTest, ListIsBounded) {
  for (int i = 0; i < 3; ++i) StartRun();
  const auto list = [&](int limit, v1::ListRunsResponse* response) {
    Context context;
    v1::ListRunsRequest request;
    request.set_limit(limit);
    return benchmark_->ListRuns(&context, request, response).error_code();
  };
  v1::ListRunsResponse all, two, none;
  EXPECT_EQ(list(0, &all), grpc::StatusCode::OK);
  EXPECT_EQ(all.runs_size(), 3);
  EXPECT_EQ(list(2, &two), grpc::StatusCode::OK);
  EXPECT_EQ(two.runs_size(), 2);
  EXPECT_EQ(list(-1, &none), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(list(10001, &none), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(BenchmarkRecordsTest, ClientThatLeavesEndsItsBenchmarkWhichIsRecorded) {
  const std::string run = StartRun();
  {
    Context context;
    v1::RunBenchmarkRequest request;
    request.set_run_id(run);
    *request.mutable_spec() = TinySpec();
    request.mutable_spec()->set_path("eager");
    request.mutable_spec()->set_iters(1000);
    request.mutable_spec()->set_decode_tokens(100);
    const auto reader = benchmark_->RunBenchmark(&context, request);
    v1::RunBenchmarkResponse message;
    while (reader->Read(&message) &&
           (message.progress().phase() != "measure" || message.progress().fraction() < 0.02)) {
    }
    context.TryCancel();
    while (reader->Read(&message)) {
    }
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  // What was measured is recorded and the run interrupted, while the daemon goes on.
  v1::Run stored = WaitForState(run, "interrupted");
  EXPECT_EQ(stored.state(), "interrupted");
  ASSERT_EQ(stored.results_size(), 1);
  EXPECT_EQ(stored.results(0).outcome(), "failed");
  EXPECT_EQ(stored.results(0).error_kind(), "CANCELLED");
  EXPECT_GT(stored.results(0).sample_count(), 0);
  EXPECT_EQ(FinishRun(run).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

// One of two streams of a run is cancelled; the run goes on with the other.
TEST_F(BenchmarkRecordsTest, RunGoesOnWhileSomebodyMeasuresForIt) {
  const std::string run = StartRun();
  v1::RunBenchmarkRequest request;
  request.set_run_id(run);
  *request.mutable_spec() = TinySpec();
  request.mutable_spec()->set_iters(200);
  Context first_context, second_context;
  const auto first = benchmark_->RunBenchmark(&first_context, request);
  v1::RunBenchmarkResponse message;
  ASSERT_TRUE(first->Read(&message));
  const auto second = benchmark_->RunBenchmark(&second_context, request);
  while (ServerInfo().requests_waiting() == 0) std::this_thread::yield();

  first_context.TryCancel();
  while (second->Read(&message)) {
  }

  EXPECT_TRUE(second->Finish().ok());
  EXPECT_EQ(message.result().outcome(), "ok");
  EXPECT_EQ(GetRun(run).results_size(), 2);
  EXPECT_TRUE(FinishRun(run).ok());
}

// One that waits for the engine is not measured any more.
TEST_F(BenchmarkRecordsTest, ClientThatLeavesTheQueueInterruptsItsRunToo) {
  const std::string busy = StartRun(), run = StartRun();
  v1::RunBenchmarkRequest request;
  *request.mutable_spec() = TinySpec();
  request.mutable_spec()->set_iters(200);
  request.set_run_id(busy);
  Context busy_context, context;
  const auto reader = benchmark_->RunBenchmark(&busy_context, request);
  v1::RunBenchmarkResponse message;
  ASSERT_TRUE(reader->Read(&message));
  request.set_run_id(run);
  const auto waiting = benchmark_->RunBenchmark(&context, request);
  while (ServerInfo().requests_waiting() == 0) std::this_thread::yield();

  context.TryCancel();
  while (reader->Read(&message)) {
  }

  const v1::Run stored = WaitForState(run, "interrupted");
  EXPECT_EQ(stored.state(), "interrupted");
  EXPECT_EQ(stored.results_size(), 0);
  EXPECT_EQ(GetRun(busy).state(), "running");
}

// A result of which one transaction takes a part.
TEST_F(BenchmarkRecordsTest, LargeExternalResultsComeBackWhole) {
  const std::string run = StartRun();
  v1::BenchmarkResult large = PeerResult();
  constexpr int kSamples = 300'000;
  for (int i = 3; i < kSamples; ++i) {
    v1::Sample& sample = *large.add_samples();
    sample.set_metric("step_ms");
    sample.set_index(i);
    sample.set_value(i);
  }
  v1::RecordResultResponse response;
  const grpc::Status status = Record(run, large, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const v1::Run stored = GetRun(run);
  ASSERT_EQ(stored.results_size(), 1);
  EXPECT_EQ(stored.results(0).result_id(), response.result_id());
  const std::vector<v1::Sample> samples = SamplesOf(stored.results(0));
  ASSERT_EQ(samples.size(), size_t{kSamples});
  for (int i = 3; i < kSamples; ++i) ASSERT_EQ(samples[static_cast<size_t>(i)].index(), i);
}

TEST_F(BenchmarkRecordsTest, StoppedDaemonRefusesAndItsRunsAreInterrupted) {
  const std::string run = StartRun();
  daemon_->Stop();
  Context context;
  v1::StartRunResponse response;
  EXPECT_EQ(benchmark_->StartRun(&context, {}, &response).error_code(), grpc::StatusCode::UNAVAILABLE);
  const auto store = RunStore::Open(directory_.File("runs.db"), Clock::Real());
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->GetRun(run)->state(), "interrupted");
}

}  // namespace
}  // namespace metronome::server
