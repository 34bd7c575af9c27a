#include "server/benchmark/external_result.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "kernels/base/status_macros.h"
#include "server/benchmark/spec.h"
#include "server/benchmark/statistics.h"
#include "server/benchmark/text_limits.h"

namespace metronome::server {
namespace {

constexpr int kMaxPositions = 4096;  // Each has its statistics in the result, 130 bytes.

using Names = std::initializer_list<absl::string_view>;

absl::Status CheckKnown(absl::string_view field, absl::string_view value, Names known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return absl::OkStatus();
  if (value.empty())
    return absl::InvalidArgumentError(absl::StrCat(field, " is empty, not one of ", absl::StrJoin(known, ", ")));
  return absl::InvalidArgumentError(absl::StrCat(field, " is '", value, "', not one of ", absl::StrJoin(known, ", ")));
}

absl::Status CheckNumber(const std::string& field, double value) {
  if (value >= 0 && value < 0x1p63) return absl::OkStatus();  // Neither is NaN.
  return absl::InvalidArgumentError(absl::StrCat(field, " is ", value, ", not in [0, 2^63)"));
}

// Counts, sizes, times and rates are all that a result has of numbers, so that every field is checked alike. `prefix`
// is the path to the message: "samples[3].".
absl::Status CheckNumbers(const google::protobuf::Message& message, const std::string& prefix) {
  using Field = google::protobuf::FieldDescriptor;
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const Field*> fields;
  reflection.ListFields(message, &fields);
  for (const Field* field : fields) {
    const std::string name = absl::StrCat(prefix, field->name());
    if (field->is_repeated()) {  // Messages alone are repeated.
      for (int i = 0; i < reflection.FieldSize(message, field); ++i)
        RETURN_IF_ERROR(
            CheckNumbers(reflection.GetRepeatedMessage(message, field, i), absl::StrCat(name, "[", i, "].")));
      continue;
    }
    switch (field->cpp_type()) {
      case Field::CPPTYPE_MESSAGE:
        RETURN_IF_ERROR(CheckNumbers(reflection.GetMessage(message, field), name + "."));
        break;
      case Field::CPPTYPE_INT32:
        RETURN_IF_ERROR(CheckNumber(name, reflection.GetInt32(message, field)));
        break;
      case Field::CPPTYPE_INT64:
        RETURN_IF_ERROR(CheckNumber(name, static_cast<double>(reflection.GetInt64(message, field))));
        break;
      case Field::CPPTYPE_DOUBLE:
        RETURN_IF_ERROR(CheckNumber(name, reflection.GetDouble(message, field)));
        break;
      default:
        break;
    }
  }
  return absl::OkStatus();
}

// What the store keeps of statistics whose samples are elsewhere. An interval of the mean may well be negative, so this
// comes before the numbers are checked.
void KeepMedian(v1::Statistics* statistics) {
  const double median = statistics->median();
  statistics->Clear();
  if (median != 0) statistics->set_median(median);
}

absl::Status CheckSpec(const v1::BenchmarkSpec& spec) {
  if (spec.model().empty()) return absl::InvalidArgumentError("spec.model is empty");
  if (spec.dtype().empty()) return absl::InvalidArgumentError("spec.dtype is empty");
  // Metronome's own, of a result that another daemon measured, and the peers.
  RETURN_IF_ERROR(CheckKnown("spec.path", spec.path(),
                             {"compiled", "graph", "eager", "pt2", "hf_eager", "torch_compile", "llama_cpp"}));
  return CheckKnown("spec.scenario", spec.scenario(), {kLatency, kScaling});
}

absl::Status CheckSamples(const v1::BenchmarkResult& result) {
  for (int i = 0; i < result.samples_size(); ++i)
    RETURN_IF_ERROR(CheckKnown(absl::StrCat("samples[", i, "].metric"), result.samples(i).metric(),
                               {"ttft_ms", "tpot_ms", "step_ms", "sampling_ms", "step_bytes"}));
  return absl::OkStatus();
}

// After the statistics were computed.
absl::Status CheckOutcome(const v1::BenchmarkResult& result) {
  RETURN_IF_ERROR(CheckKnown("outcome", result.outcome(), {"ok", "skipped", "failed"}));
  if (result.outcome() != "ok") {
    if (!result.error_text().empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("error_text is empty, but outcome is '", result.outcome(), "'"));
  }
  if (result.spec().scenario() == kScaling) {
    if (result.positions_size() > 0) return absl::OkStatus();
    return absl::InvalidArgumentError("samples has no step_ms, but outcome is 'ok' and spec.scenario 'scaling'");
  }
  if (result.ttft_ms().median() <= 0)
    return absl::InvalidArgumentError("ttft_ms has neither samples nor a median above 0, but outcome is 'ok'");
  if (result.prompt_tokens() == 0) return absl::InvalidArgumentError("prompt_tokens is 0, but outcome is 'ok'");
  return absl::OkStatus();
}

}  // namespace

absl::Status NormaliseExternalResult(v1::BenchmarkResult& result) {
  result.set_provenance("external");
  result.clear_result_id();
  if (result.outcome().empty()) result.set_outcome("ok");
  if (result.spec().scenario().empty()) result.mutable_spec()->set_scenario(kLatency);
  RETURN_IF_ERROR(CheckTextSizes(result));
  RETURN_IF_ERROR(CheckSpec(result.spec()));
  RETURN_IF_ERROR(CheckSamples(result));
  for (auto* statistics :
       {result.mutable_ttft_ms(), result.mutable_tpot_ms(), result.mutable_step_ms(), result.mutable_sampling_ms()})
    KeepMedian(statistics);
  result.clear_positions();
  RETURN_IF_ERROR(CheckNumbers(result, ""));
  if (result.foreign_cpu_fraction() > 1)
    return absl::InvalidArgumentError(
        absl::StrCat("foreign_cpu_fraction is ", result.foreign_cpu_fraction(), ", not in [0, 1]"));
  SummariseSamples(result);
  result.set_sample_count(result.samples_size());
  if (result.positions_size() > kMaxPositions)
    return absl::InvalidArgumentError(
        absl::StrCat("samples has step_ms of ", result.positions_size(), " positions, more than ", kMaxPositions));
  SetRates(result);
  RETURN_IF_ERROR(CheckNumber("prefill_tokens_per_second", result.prefill_tokens_per_second()));
  RETURN_IF_ERROR(CheckNumber("decode_tokens_per_second", result.decode_tokens_per_second()));
  return CheckOutcome(result);
}

}  // namespace metronome::server
