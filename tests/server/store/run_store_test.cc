#include "server/store/run_store.h"

#include <google/protobuf/util/message_differencer.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/work_queue.h"
#include "tests/server/store/store_fixture.h"
#include "tests/server/store/store_test_results.h"

namespace metronome::server {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::testing::HasSubstr;

// Gives every scalar field a value of its own, so that two columns that were swapped show.
void FillScalars(Message& message, int& next) {
  const auto* reflection = message.GetReflection();
  const auto* descriptor = message.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (field->is_repeated()) continue;
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        reflection->SetString(&message, field, absl::StrCat(field->name(), " \"é'; -- ", next++));
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        reflection->SetInt64(&message, field, (int64_t{1} << 40) + next++);
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        reflection->SetUInt64(&message, field, ~uint64_t{0} - static_cast<uint64_t>(next++));
        break;
      case FieldDescriptor::CPPTYPE_INT32:
        reflection->SetInt32(&message, field, next++);
        break;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        reflection->SetDouble(&message, field, next++ + 0.1);
        break;
      default:
        break;
    }
  }
}

v1::BenchmarkResult FullResult() {
  v1::BenchmarkResult result;
  int next = 100;
  FillScalars(result, next);
  FillScalars(*result.mutable_spec(), next);
  FillScalars(*result.mutable_spec()->mutable_sampling(), next);
  FillScalars(*result.mutable_telemetry_before(), next);
  FillScalars(*result.mutable_telemetry_after(), next);
  result.set_provenance("external");
  result.set_outcome("failed");
  result.mutable_ttft_ms()->set_median(next++);  // Without samples, the medians are what is stored.
  result.mutable_tpot_ms()->set_median(next++);
  result.mutable_step_ms()->set_median(next++);
  result.mutable_sampling_ms()->set_median(next++);
  result.mutable_spec()->set_streamed(true);
  result.set_tokens_on_device(true);
  return result;
}

class RunStoreTest : public StoreFixture {};

TEST_F(RunStoreTest, EveryFieldOfAResultComesBack) {
  const auto store = Open();
  const std::string run = StartRun(*store);
  v1::BenchmarkResult expected = FullResult();
  expected.set_sample_count(0);
  expected.mutable_spec()->mutable_sampling()->clear_model_defaults();  // Not of benchmarks.

  const absl::StatusOr<int64_t> id = store->AddResult(run, expected);

  ASSERT_TRUE(id.ok()) << id.status();
  expected.set_result_id(*id);
  const absl::StatusOr<v1::Run> read = store->GetRun(run);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->results_size(), 1);
  google::protobuf::util::MessageDifferencer differencer;
  std::string differences;
  differencer.ReportDifferencesToString(&differences);
  EXPECT_TRUE(differencer.Compare(expected, read->results(0))) << differences;
}

// Not known and 0, or none, are different things.
TEST_F(RunStoreTest, TelemetryThatIsNotKnownStaysSo) {
  const auto store = Open();
  const std::string run = StartRun(*store);
  v1::BenchmarkResult result = SmallResult(1);
  result.mutable_telemetry_before()->set_power_watts(0);
  result.mutable_telemetry_after()->set_throttle_reasons("");
  result.set_throttle_reasons("");
  ASSERT_TRUE(store->AddResult(run, result).ok());
  ASSERT_TRUE(store->AddResult(run, SmallResult(2)).ok());

  const absl::StatusOr<v1::Run> read = store->GetRun(run);

  ASSERT_TRUE(read.ok()) << read.status();
  const v1::BenchmarkResult& known = read->results(0);
  EXPECT_TRUE(known.telemetry_before().has_power_watts());
  EXPECT_FALSE(known.telemetry_before().has_throttle_reasons());
  EXPECT_TRUE(known.telemetry_after().has_throttle_reasons());
  EXPECT_FALSE(known.telemetry_after().has_power_watts());
  EXPECT_TRUE(known.has_throttle_reasons());
  EXPECT_FALSE(known.has_power_max_watts());
  EXPECT_FALSE(read->results(1).has_telemetry_before());
  EXPECT_FALSE(read->results(1).has_throttle_reasons());
}

TEST_F(RunStoreTest, EveryFieldOfARunComesBack) {
  const auto store = Open();
  int next = 1;
  v1::StartRunRequest request;
  FillScalars(request, next);
  FillScalars(*request.mutable_caller(), next);
  v1::ServerEnvironment environment;
  FillScalars(environment, next);

  const absl::StatusOr<std::string> id = store->StartRun(request, environment);

  ASSERT_TRUE(id.ok()) << id.status();
  const absl::StatusOr<v1::Run> run = store->GetRun(*id);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->run_id(), *id);
  EXPECT_EQ(run->mode(), request.mode());
  EXPECT_EQ(run->note(), request.note());
  EXPECT_EQ(run->state(), "running");
  EXPECT_EQ(run->started_unix_micros(), clock_.UnixMicros());
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(run->caller(), request.caller()));
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(run->server(), environment));
}

TEST_F(RunStoreTest, StatisticsComeWithTheResultAndSamplesOnRequest) {
  const auto store = Open();
  const std::string run = StartRun(*store);
  ASSERT_TRUE(store->AddResult(run, SmallResult(1)).ok());
  ASSERT_TRUE(store->AddResult(run, SmallResult(10)).ok());

  const absl::StatusOr<v1::Run> read = store->GetRun(run);

  ASSERT_TRUE(read.ok());
  const v1::BenchmarkResult& result = read->results(1);
  EXPECT_EQ(result.samples_size(), 0);
  EXPECT_EQ(result.sample_count(), 3);
  EXPECT_EQ(result.ttft_ms().n(), 3);
  EXPECT_EQ(result.ttft_ms().mean(), 10.5);
  const absl::StatusOr<v1::ListSamplesResponse> samples = store->ListSamples(result.result_id(), 10);
  ASSERT_TRUE(samples.ok());
  ASSERT_EQ(samples->samples_size(), 3);
  EXPECT_EQ(samples->samples(2).metric(), "ttft_ms");
  EXPECT_EQ(samples->samples(2).index(), 2);
  EXPECT_EQ(samples->samples(2).value(), 11);
  EXPECT_EQ(samples->next_page_token(), "");
}

TEST_F(RunStoreTest, SamplesComeInPagesThatAddUp) {
  const auto store = Open();
  const std::string run = StartRun(*store);
  v1::BenchmarkResult result = SmallResult(1);
  for (int i = 3; i < 10; ++i) {
    *result.add_samples() = result.samples(0);
    result.mutable_samples(i)->set_index(i);
  }
  const absl::StatusOr<int64_t> id = store->AddResult(run, result);
  ASSERT_TRUE(store->AddResult(run, SmallResult(2)).ok());
  for (const int size : {1, 3, 5, 9, 10, 11}) {
    std::vector<int> indices;
    std::string token;
    int pages = 0;
    do {
      const absl::StatusOr<v1::ListSamplesResponse> page = store->ListSamples(*id, size, token);
      ASSERT_TRUE(page.ok()) << page.status();
      ASSERT_LE(page->samples_size(), size);
      for (const v1::Sample& sample : page->samples()) indices.push_back(sample.index());
      token = page->next_page_token();
      ++pages;
    } while (!token.empty());
    EXPECT_THAT(indices, testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)) << size;
    EXPECT_EQ(pages, (10 + size - 1) / size);
  }
  EXPECT_EQ(store->ListSamples(*id + 7, 10).status().code(), absl::StatusCode::kNotFound);
  for (const char* token : {"x", "-1", "1 ", "9999999999999999999"})
    EXPECT_EQ(store->ListSamples(*id, 10, token).status().code(), absl::StatusCode::kInvalidArgument) << token;
}

// A block has 4096 samples; one transaction 64 of them.
TEST_F(RunStoreTest, PagesAndTransactionsDoNotDependOnBlocks) {
  const auto store = Open();
  const std::string run = StartRun(*store);
  constexpr int kSamples = 70 * 4096 + 5;
  NewResult pending = PrepareResult(*store->GetRunning(run), SmallResult(0, kSamples), clock_.UnixMicros());

  const absl::StatusOr<std::optional<int64_t>> first = store->StoreSome(pending);
  const absl::StatusOr<v1::Run> meanwhile = store->GetRun(run);
  const absl::StatusOr<std::optional<int64_t>> second = store->StoreSome(pending);

  ASSERT_TRUE(first.ok() && meanwhile.ok() && second.ok()) << first.status() << second.status();
  EXPECT_FALSE(first->has_value());
  EXPECT_EQ(meanwhile->results_size(), 0);
  ASSERT_TRUE(second->has_value());
  EXPECT_EQ(store->GetRun(run)->results(0).sample_count(), kSamples);
  for (const int size : {4095, 4096, 4097, 50000}) {
    int next = 0;
    std::string token;
    do {
      const absl::StatusOr<v1::ListSamplesResponse> page = store->ListSamples(**second, size, token);
      ASSERT_TRUE(page.ok()) << page.status();
      for (const v1::Sample& sample : page->samples()) ASSERT_EQ(sample.index(), next++);
      token = page->next_page_token();
      ASSERT_TRUE(token.empty() ? next == kSamples : page->samples_size() == size);
    } while (!token.empty());
    EXPECT_EQ(next, kSamples);
  }
  EXPECT_EQ(store->ListSamples(**second, 10, "999999999999")->samples_size(), 0);
}

TEST_F(RunStoreTest, ResultThatIsStoredAgainIsTheSame) {
  const auto store = Open();
  const std::string run = StartRun(*store);
  NewResult pending = PrepareResult(*store->GetRunning(run), SmallResult(3), clock_.UnixMicros());
  const absl::StatusOr<std::optional<int64_t>> first = store->StoreSome(pending);
  pending.blocks_stored = 0;
  const absl::StatusOr<std::optional<int64_t>> again = store->StoreSome(pending);
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_EQ(*first, *again);
  EXPECT_EQ(store->GetRun(run)->results_size(), 1);
}

// Five results of a megabyte each are two pages; so are runs with long notes.
TEST_F(RunStoreTest, ResultsAndRunsComeInPagesThatFitAMessage) {
  const auto store = Open();
  std::string run;
  for (int i = 0; i < 5; ++i) {
    v1::StartRunRequest request;
    request.set_note(std::string(1 << 20, 'n'));
    run = *store->StartRun(request, {});
    clock_.Advance(absl::Seconds(1));
  }
  for (int i = 0; i < 5; ++i) {
    v1::BenchmarkResult result = SmallResult(i);
    result.mutable_spec()->set_prompt(std::string(900'000, 'p'));
    ASSERT_TRUE(store->AddResult(run, result).ok());
  }
  std::vector<std::string> models;
  std::string token;
  do {
    const absl::StatusOr<v1::Run> page = store->GetRun(run, token);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LT(page->ByteSizeLong(), size_t{5} << 20);  // 3 MiB and this run's note.
    EXPECT_EQ(page->result_count(), 5);
    for (const v1::BenchmarkResult& result : page->results()) models.push_back(result.spec().model());
    token = page->next_page_token();
  } while (!token.empty());
  EXPECT_THAT(models, testing::ElementsAre("model-0", "model-1", "model-2", "model-3", "model-4"));

  int runs = 0, pages = 0;
  do {
    const absl::StatusOr<v1::ListRunsResponse> page = store->ListRuns(100, token);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LT(page->ByteSizeLong(), size_t{4} << 20);
    runs += page->runs_size();
    token = page->next_page_token();
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(runs, 5);
  EXPECT_GT(pages, 1);
  EXPECT_EQ(store->GetRun(run, "later").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(RunStoreTest, RunIdsAreStartTimesAndNeverCollide) {
  const auto store = Open();  // The clock stands still.
  const std::string first = StartRun(*store), second = StartRun(*store), third = StartRun(*store);
  EXPECT_EQ(first, "20231114T221320.000000Z");
  EXPECT_EQ(second, "20231114T221320.000001Z");
  EXPECT_EQ(third, "20231114T221320.000002Z");
}

TEST_F(RunStoreTest, NewestRunsAreListedFirstWithTheirResultCounts) {
  const auto store = Open();
  const std::string first = StartRun(*store);
  clock_.Advance(absl::Seconds(1));
  const std::string second = StartRun(*store);
  ASSERT_TRUE(store->AddResult(first, SmallResult(1)).ok());
  ASSERT_TRUE(store->AddResult(first, SmallResult(2)).ok());

  const auto runs = store->ListRuns(10);
  const auto newest = store->ListRuns(1);

  ASSERT_TRUE(runs.ok() && newest.ok());
  ASSERT_EQ(runs->runs_size(), 2);
  EXPECT_EQ(runs->runs(0).run_id(), second);
  EXPECT_EQ(runs->runs(0).result_count(), 0);
  EXPECT_EQ(runs->runs(1).result_count(), 2);
  EXPECT_EQ(runs->next_page_token(), "");
  ASSERT_EQ(newest->runs_size(), 1);
  const auto older = store->ListRuns(1, newest->next_page_token());
  ASSERT_TRUE(older.ok());
  EXPECT_EQ(older->runs(0).run_id(), first);
}

TEST_F(RunStoreTest, RunningRunsAloneAreInterrupted) {
  const auto store = Open();
  const std::string finished = StartRun(*store), running = StartRun(*store);
  ASSERT_TRUE(store->FinishRun(finished, "complete").ok());
  EXPECT_TRUE(store->InterruptRun(finished).ok());
  EXPECT_TRUE(store->InterruptRun(running).ok());
  EXPECT_EQ(StateOf(*store, finished), "complete");
  EXPECT_EQ(StateOf(*store, running), "interrupted");
}

TEST_F(RunStoreTest, FinishedRunTakesNothingMore) {
  const auto store = Open();
  const std::string run = StartRun(*store);
  clock_.Advance(absl::Seconds(3));
  ASSERT_TRUE(store->FinishRun(run, "complete").ok());

  const absl::Status again = store->FinishRun(run, "failed");
  const absl::Status result = store->AddResult(run, SmallResult(1)).status();

  EXPECT_EQ(again.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(again.message()), HasSubstr("is complete, not running"));
  EXPECT_EQ(result.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store->GetRun(run)->finished_unix_micros(), clock_.UnixMicros());
}

TEST_F(RunStoreTest, UnknownRunsAndStatesAreNamed) {
  const auto store = Open();
  const std::string run = StartRun(*store);
  EXPECT_EQ(store->GetRun("nope").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store->AddResult("nope", SmallResult(1)).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store->FinishRun("nope", "complete").code(), absl::StatusCode::kNotFound);
  const absl::Status state = store->FinishRun(run, "running");
  EXPECT_EQ(state.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(state.message()), HasSubstr("'running'"));
}

TEST_F(RunStoreTest, RefusedResultLeavesNothingBehind) {
  const auto store = Open();
  const std::string run = StartRun(*store);
  v1::BenchmarkResult result = SmallResult(1);
  result.set_outcome("splendid");  // The schema allows ok, skipped and failed.
  EXPECT_EQ(store->AddResult(run, result).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(store->GetRun(run)->results_size(), 0);
  EXPECT_TRUE(store->AddResult(run, SmallResult(2)).ok());
}

TEST_F(RunStoreTest, DaemonsOnOneFileWaitForEachOther) {
  const auto write = [this] {
    const auto store = Open();
    const std::string run = StartRun(*store);
    for (int i = 0; i < 40; ++i) {
      const auto id = store->AddResult(run, SmallResult(i));
      EXPECT_TRUE(id.ok()) << id.status();
    }
  };
  std::thread other(write);
  write();
  other.join();
  const auto store = Open();
  const absl::StatusOr<v1::ListRunsResponse> runs = store->ListRuns(10);
  ASSERT_TRUE(runs.ok());
  int results = 0;
  for (const v1::Run& run : runs->runs()) results += run.result_count();
  EXPECT_EQ(results, 80);
}

TEST_F(RunStoreTest, AThousandWritesFromEightThreadsAllArrive) {
  const auto store = Open();
  const std::string run = StartRun(*store);
  std::set<int64_t> ids;  // The queue's thread alone.
  {
    WorkQueue queue("database", 2000);
    std::vector<std::thread> writers;
    for (int w = 0; w < 8; ++w) {
      writers.emplace_back([&, w] {
        for (int i = 0; i < 125; ++i) {
          const absl::Status queued = queue.Submit([&, index = w * 125 + i] {
            const absl::StatusOr<int64_t> id = store->AddResult(run, SmallResult(index));
            ASSERT_TRUE(id.ok()) << id.status();
            ids.insert(*id);
          });
          EXPECT_TRUE(queued.ok()) << queued;
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
  }
  EXPECT_EQ(ids.size(), 1000u);
  const absl::StatusOr<v1::Run> read = store->GetRun(run);
  ASSERT_TRUE(read.ok());
  std::set<std::string> models;
  for (const v1::BenchmarkResult& result : read->results()) {
    models.insert(result.spec().model());
    EXPECT_EQ(result.sample_count(), 3);
  }
  EXPECT_EQ(models.size(), 1000u);
}

TEST_F(RunStoreTest, DirectoryIsMadeWhereThereIsNone) {
  EXPECT_TRUE(RunStore::Open(directory_.File("a/b/runs.db"), clock_).ok());
}

TEST_F(RunStoreTest, DirectoryThatCannotBeMadeIsNamed) {
  const auto store = RunStore::Open("/proc/metronome/runs.db", clock_);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("/proc/metronome"));
}

TEST_F(RunStoreTest, ReadOnlyDirectoryIsNamed) {
  const std::string directory = directory_.File("sealed");
  ASSERT_EQ(mkdir(directory.c_str(), 0555), 0);
  const bool root = geteuid() == 0;  // Whom permissions do not stop.
  if (root) {
    ASSERT_EQ(chmod(directory_.File("").c_str(), 0755), 0);
    ASSERT_EQ(seteuid(65534), 0);
  }
  const auto store = RunStore::Open(directory + "/runs.db", clock_);
  ASSERT_EQ(seteuid(root ? 0 : geteuid()), 0);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr(directory));
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("Permission denied"));
}

TEST_F(RunStoreTest, FileThatIsNoDatabaseIsNamedAndKept) {
  directory_.Write("runs.db", std::string(5000, 'x'));
  const auto store = RunStore::Open(path_, clock_);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr(path_));
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("not a database"));
  EXPECT_EQ(std::filesystem::file_size(path_), 5000u);
}

TEST_F(RunStoreTest, TruncatedDatabaseIsRefusedOrRepairedNeverACrash) {
  {
    const auto store = Open();
    const std::string run = StartRun(*store);
    ASSERT_TRUE(store->AddResult(run, SmallResult(1)).ok());
  }
  for (const uintmax_t size : {20000u, 4096u, 100u, 50u, 1u}) {
    std::filesystem::resize_file(path_, size);
    const auto store = RunStore::Open(path_, clock_);
    if (store.ok()) (*store)->ListRuns(10).status().IgnoreError();
  }
}

}  // namespace
}  // namespace metronome::server
