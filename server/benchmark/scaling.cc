#include "server/benchmark/scaling.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/interface/profiler_range.h"
#include "runtime/plan/step_bytes.h"
#include "server/service/prompt.h"

namespace metronome::server {

std::vector<int64_t> ScalingPositions(int64_t last) {
  std::vector<int64_t> positions;
  for (int64_t position = 1; position < last; position *= 2) positions.push_back(position);
  positions.push_back(last);
  return positions;
}

namespace {

// What is timed must be a model that works. Random keys and values stand for no text, but give finite logits.
absl::Status CheckLogits(const LoadedModel& model, runtime::Session& session) {
  ASSIGN_OR_RETURN(runtime::Sampler greedy, runtime::Sampler::Create({}));
  const std::optional<int32_t> most_likely = session.most_likely();
  if (most_likely.has_value() && greedy.NextWithoutLogits(*most_likely, model.facts().vocab_size).has_value())
    return absl::OkStatus();
  ASSIGN_OR_RETURN(const absl::Span<const float> logits, session.Logits());
  return NameModel(model, greedy.Next(logits, {}).status());
}

std::string IterationName(int iteration, int64_t position) {
  return absl::StrCat(iteration < 0 ? "warmup" : absl::StrCat("iteration ", iteration), " at ", position);
}

}  // namespace

absl::Status MeasureScaling(LoadedModel& model, Measurement& m) {
  const int64_t last = model.facts().max_cache_len - m.spec.prompt_tokens();
  if (last < 1) {
    return absl::OutOfRangeError(absl::StrCat("prompt_tokens ", m.spec.prompt_tokens(),
                                              " leave no position in a cache of ", model.facts().max_cache_len));
  }
  m.result.set_kv_state("random");
  ASSIGN_OR_RETURN(const std::unique_ptr<runtime::Session> session, m.engine.NewSession(model, 0));
  const std::vector<int64_t> positions = ScalingPositions(last);
  const std::vector<int32_t> tokens = SyntheticTokens(m.spec.iters() + 1, m.spec.seed(), model.facts().vocab_size);
  for (size_t i = 0; i < positions.size(); ++i) {
    const int64_t position = positions[i];
    m.progress("measure", static_cast<double>(i) / static_cast<double>(positions.size()));
    RETURN_IF_ERROR(session->AdvanceRandomly(position, m.spec.seed()));
    for (int iteration = -1; iteration < m.spec.iters(); ++iteration) {
      RETURN_IF_ERROR(m.token.Check());
      if (iteration >= 0) m.StartCounting();
      int64_t step_ns = 0;
      {
        const kernels::ProfilerRange range(m.engine.backend(), [&] { return IterationName(iteration, position); });
        const int64_t start = m.engine.clock().MonotonicNs();
        RETURN_IF_ERROR(session->Step(tokens[static_cast<size_t>(iteration + 1)]));
        step_ns = m.engine.clock().MonotonicNs() - start;
      }
      if (iteration < 0) RETURN_IF_ERROR(CheckLogits(model, *session));
      RETURN_IF_ERROR(session->Truncate(position));
      if (iteration < 0) continue;
      m.AddSample("step_ms", iteration, position, static_cast<double>(step_ns) * 1e-6);
      m.telemetry->Sample();
    }
    m.result.set_step_bytes(runtime::StepReadBytes(model.decode_plan(), {.seq = 1, .past = position}));
    m.AddSample("step_bytes", 0, position, static_cast<double>(m.result.step_bytes()));
  }
  m.result.set_kv_bytes(session->kv_bytes());
  return absl::OkStatus();
}

}  // namespace metronome::server
