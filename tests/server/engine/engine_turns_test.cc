#include <atomic>
#include <memory>
#include <optional>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/base/memory_shortage.h"
#include "kernels/cpu/cpu_backend.h"
#include "server/engine/engine.h"
#include "server/engine/prefill_job.h"
#include "tests/server/scarce_backend.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kPlenty = int64_t{4} << 30;
constexpr auto kWhole = WorkQueue::JobKind::kWhole;
const auto kNoProgress = [](absl::string_view, double) {};

// Every look at it takes a tenth of a turn.
class SteppingClock final : public Clock {
 public:
  int64_t MonotonicNs() const override { return now_ns_ += kTurnNs / 10; }
  int64_t UnixMicros() const override { return now_ns_ / 1000; }

 private:
  mutable std::atomic<int64_t> now_ns_{1};
};

// How long work takes turns with others on the engine's queue.
class EngineTurnsTest : public testing::Test {
 protected:
  EngineTurnsTest() {
    auto backend = std::make_unique<ScarceBackend>(kernels::CreateCpuBackend({.threads = 1}).value(), kPlenty);
    backend_ = backend.get();
    engine_ = std::make_unique<Engine>(std::move(backend), EngineOptions{}, clock_, metrics_);
  }

  WorkQueue& queue() { return engine_->queue(); }

  // Runs all jobs, which are submitted before the first begins.
  void RunTogether(const std::vector<std::pair<std::function<void()>, WorkQueue::JobKind>>& jobs) {
    absl::Notification go;
    ASSERT_TRUE(queue().Submit([&] { go.WaitForNotification(); }).ok());
    for (const auto& [job, kind] : jobs) ASSERT_TRUE(queue().Submit(job, kind).ok());
    go.Notify();
    ASSERT_TRUE(queue().WaitIdle(absl::InfiniteDuration()));
  }

  // A turn that comes again and again until told to stop; counts how often.
  std::function<void()> Stream() {
    return [this] {
      ++turns_;
      if (!stop_stream_) queue().Continue(Stream());
    };
  }

  LoadedModel* Load(const ModelRequest& request) {
    const auto model = engine_->Load(request, kNoProgress);
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? *model : nullptr;
  }

  // A prompt of synthetic tokens for tiny-llama; the token that it gives.
  std::shared_ptr<PrefillJob> Prompt(int64_t tokens, absl::StatusOr<v1::PrefillResponse>* response,
                                     std::shared_ptr<const CancelToken> token = std::make_shared<CancelToken>()) {
    prompt_.mutable_synthetic()->set_tokens(tokens);
    return std::make_shared<PrefillJob>(
        *engine_,
        PrefillJob::Options{
            .model = model_, .prompt = prompt_, .sampling = sampling_, .mode = mode_, .token = std::move(token)},
        [this, response](absl::StatusOr<v1::PrefillResponse> answer) {
          turns_before_answer_ = turns_;
          stop_stream_ = true;
          *response = std::move(answer);
        });
  }

  const SteppingClock clock_;
  Metrics metrics_;
  ScarceBackend* backend_ = nullptr;
  std::unique_ptr<Engine> engine_;
  const std::string model_ = "tiny-llama", mode_;
  v1::Prompt prompt_;
  v1::Sampling sampling_;
  int turns_ = 0;
  int turns_before_answer_ = 0;
  bool stop_stream_ = false;
};

TEST_F(EngineTurnsTest, ALoadAndASearchLetTurnsInAndAdvanceBesideEndlessOnes) {
  int loaded_after = -1;
  RunTogether({{[&] {
                  Load({.model = "tiny-llama", .search_iterations = 4});
                  loaded_after = turns_;
                  stop_stream_ = true;
                },
                kWhole},
               {Stream(), WorkQueue::JobKind::kTurn}});
  EXPECT_GT(loaded_after, 10);
}

TEST_F(EngineTurnsTest, AMeasurementWaitsForALoadAndLetsNothingIn) {
  int turns_at_begin = -1, turns_at_end = -1;
  bool loaded = false;
  RunTogether({{[&] { loaded = Load({.model = "tiny-llama"}) != nullptr; }, kWhole},
               {[&] {
                  EXPECT_TRUE(loaded);
                  turns_at_begin = turns_;
                  auto generation = engine_->NewGeneration(*engine_->Find("tiny-llama").value(), {}, 0).value();
                  const std::vector<int32_t> prompt(1500, 3);
                  EXPECT_TRUE(generation->Start(prompt, runtime::PrefillMode::kChunked, nullptr, nullptr).ok());
                  turns_at_end = turns_;
                  stop_stream_ = true;
                },
                kWhole},
               {Stream(), WorkQueue::JobKind::kTurn}});
  EXPECT_GT(turns_at_begin, 0);
  EXPECT_EQ(turns_at_end, turns_at_begin);
}

// Wherever the token is asked: while files are read, graphs built, blocks saturated, weights loaded, plans timed.
TEST_F(EngineTurnsTest, ALoadThatIsCancelledAnywhereLeavesNothing) {
  int stop = 1;
  for (;; stop += 1 + stop / 4) {
    int asked = 0;
    const CancelToken token([&] { return ++asked < stop ? absl::OkStatus() : absl::DeadlineExceededError("late"); });
    const auto model = engine_->Load({.model = "tiny-llama", .search_iterations = 4}, kNoProgress, token);
    if (model.ok()) break;
    EXPECT_EQ(model.status(), absl::DeadlineExceededError("late"));
    EXPECT_LE(asked, stop + 2);  // Those that are told may pass it on through others who ask.
    EXPECT_TRUE(engine_->Snapshot().empty());
  }
  EXPECT_GT(stop, 50);
}

TEST_F(EngineTurnsTest, WhatALoadStillTakesIsNotGivenToSessions) {
  LoadedModel* model = Load({.model = "tiny-llama"});
  backend_->set_available_bytes(0);
  const ModelRequest request = {.model = "tiny-qwen3"};
  const std::optional<MemoryShortage> load = ShortageOf(engine_->Load(request, kNoProgress).status());
  ASSERT_TRUE(load.has_value());
  backend_->set_available_bytes(load->bytes_needed + model->facts().max_kv_bytes - 1);
  EXPECT_TRUE(engine_->NewGeneration(*model, {}, 0).ok());

  absl::Status during;
  const auto loaded = engine_->Load(request, [&](absl::string_view phase, double) {
    if (phase == "weights" && during.ok()) during = engine_->NewGeneration(*model, {}, 0).status();
  });

  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(during.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(engine_->NewGeneration(*model, {}, 0).ok());
}

TEST_F(EngineTurnsTest, AModelMayBeUnloadedWhileItsSuccessorLoads) {
  Load({.model = "tiny-llama"});
  const auto successor = engine_->Load({.model = "tiny-llama", .seed = 1}, [&](absl::string_view phase, double) {
    if (phase == "bind") engine_->Unload("tiny-llama").status().IgnoreError();
  });
  ASSERT_TRUE(successor.ok()) << successor.status();
  EXPECT_EQ(engine_->Find("tiny-llama").value(), *successor);
  EXPECT_EQ(engine_->Snapshot().size(), 1u);
}

TEST_F(EngineTurnsTest, ALongPromptTakesTurnsAndGivesWhatItGivesAlone) {
  Load({.model = "tiny-llama"});
  absl::StatusOr<v1::PrefillResponse> alone, beside;
  RunTogether({{[job = Prompt(1500, &alone)] { job->Run(); }, WorkQueue::JobKind::kTurn}});
  ASSERT_TRUE(alone.ok()) << alone.status();
  stop_stream_ = false;

  RunTogether({{[job = Prompt(1500, &beside)] { job->Run(); }, WorkQueue::JobKind::kTurn},
               {Stream(), WorkQueue::JobKind::kTurn}});

  ASSERT_TRUE(beside.ok()) << beside.status();
  EXPECT_GE(turns_before_answer_, 3);
  EXPECT_EQ(beside->first_token().id(), alone->first_token().id());
  EXPECT_EQ(beside->prompt_tokens(), 1500);
  EXPECT_NE(beside->session(), alone->session());
  // The caller has it, and gives it back.
  EXPECT_EQ(engine_->Acquire(beside->session()).status().code(), absl::StatusCode::kFailedPrecondition);
  engine_->Release(beside->session());
  EXPECT_TRUE(engine_->Acquire(beside->session()).ok());
}

TEST_F(EngineTurnsTest, AShortPromptIsAnsweredInOneTurn) {
  Load({.model = "tiny-llama"});
  absl::StatusOr<v1::PrefillResponse> response;
  RunTogether({{[job = Prompt(21, &response)] { job->Run(); }, WorkQueue::JobKind::kTurn},
               {Stream(), WorkQueue::JobKind::kTurn}});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(turns_before_answer_, 0);
}

TEST_F(EngineTurnsTest, APromptWhoseClientLeavesBetweenTurnsLeavesNoSession) {
  Load({.model = "tiny-llama"});
  const auto token = std::make_shared<CancelToken>(
      [this] { return turns_ < 3 ? absl::OkStatus() : absl::CancelledError("the client left"); });
  absl::StatusOr<v1::PrefillResponse> response;
  RunTogether({{[job = Prompt(1500, &response, token)] { job->Run(); }, WorkQueue::JobKind::kTurn},
               {Stream(), WorkQueue::JobKind::kTurn}});
  EXPECT_EQ(response.status(), absl::CancelledError("the client left"));
  EXPECT_EQ(engine_->OpenSessions(), 0);
}

TEST_F(EngineTurnsTest, APromptWhoseModelIsUnloadedBetweenTurnsSaysSo) {
  Load({.model = "tiny-llama"});
  absl::StatusOr<v1::PrefillResponse> response;
  RunTogether({{[job = Prompt(1500, &response)] { job->Run(); }, WorkQueue::JobKind::kTurn},
               {[&] { EXPECT_EQ(engine_->Unload("tiny-llama").value(), 1); }, WorkQueue::JobKind::kTurn}});
  EXPECT_EQ(response.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(response.status().message()), HasSubstr("closed while its prompt ran"));
}

TEST_F(EngineTurnsTest, ALongPromptWithinALoadReturnsToIt) {
  Load({.model = "tiny-llama"});
  absl::StatusOr<v1::PrefillResponse> response;
  bool answered_before_load = false;
  RunTogether({{[&] {
                  Load({.model = "tiny-qwen3", .search_iterations = 8});
                  answered_before_load = response.ok();
                },
                kWhole},
               {[job = Prompt(1500, &response)] { job->Run(); }, WorkQueue::JobKind::kTurn}});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(answered_before_load);
  EXPECT_TRUE(engine_->Find("tiny-qwen3").ok());
}

}  // namespace
}  // namespace metronome::server
