#include "client/render/results.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/render/bandwidth_share.h"
#include "client/render/format.h"
#include "client/render/scaling.h"
#include "client/render/table.h"
#include "client/render/telemetry.h"
#include "proto/labels/model_label.h"
#include "proto/labels/path_label.h"

namespace metronome::client {
namespace {

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  // Fails only for messages with unresolvable Any fields, which ours have not.
  static_cast<void>(google::protobuf::util::MessageToJsonString(message, &json, options));
  return json;
}

// Median, and the spread where there is one. An external result may have the median alone.
std::string Median(const v1::Statistics& statistics) {
  if (statistics.median() == 0) return "-";
  if (statistics.n() <= 1) return FormatMilliseconds(statistics.median());
  return absl::StrCat(FormatMilliseconds(statistics.median()), " ±", FormatMilliseconds(statistics.stddev()));
}

// The error's own words carry the numbers, but not in units that people read at a glance.
std::string Reason(const v1::BenchmarkResult& result) {
  if (result.bytes_needed() == 0) return result.error_text();
  return absl::StrCat(result.error_text(), " (needs ", FormatBytes(result.bytes_needed()), ", ",
                      FormatBytes(result.bytes_available()), " available)");
}

// What was not measured is 0.
std::string BytesIfKnown(int64_t bytes) { return bytes == 0 ? "-" : FormatBytes(bytes); }
std::string TimeIfKnown(double ms) { return ms == 0 ? "-" : FormatMilliseconds(ms); }
std::string RateIfKnown(double per_second) { return per_second == 0 ? "-" : FormatRate(per_second); }

Table ResultTable(const v1::Run& run) {
  Table table({{"model", Align::kLeft},
               {"path", Align::kLeft},
               {"dtype", Align::kLeft},
               {"weights", Align::kRight},
               {"prompt", Align::kRight},
               {"n", Align::kRight},
               {"TTFT", Align::kRight},
               {"TPOT", Align::kRight},
               {"prefill tok/s", Align::kRight},
               {"decode tok/s", Align::kRight},
               {"% bandwidth", Align::kRight},
               {"compile", Align::kRight},
               {"load", Align::kRight},
               {"peak memory", Align::kRight}});
  for (const v1::BenchmarkResult& result : run.results()) {
    const v1::BenchmarkSpec& spec = result.spec();
    if (!result.positions().empty()) continue;
    if (result.outcome() != "ok") {
      table.AddRow({ModelLabel(result), PathLabel(result), spec.dtype(), "", "", "",
                    absl::StrCat(result.outcome(), ":"), result.error_kind()});
      continue;
    }
    table.AddRow({ModelLabel(result), PathLabel(result), spec.dtype(), BytesIfKnown(result.weight_bytes()),
                  absl::StrCat(result.prompt_tokens()), absl::StrCat(result.ttft_ms().n()), Median(result.ttft_ms()),
                  Median(result.tpot_ms()), RateIfKnown(result.prefill_tokens_per_second()),
                  RateIfKnown(result.decode_tokens_per_second()),
                  FormatBandwidthShare(result, result.bandwidth_fraction()), TimeIfKnown(result.compile_ms()),
                  TimeIfKnown(result.load_ms()), BytesIfKnown(result.peak_memory_bytes())});
  }
  return table;
}

std::string RenderTable(const v1::Run& run) {
  std::string text = RenderScaling(run);
  if (const Table table = ResultTable(run); !table.empty() || text.empty())
    absl::StrAppend(&text, text.empty() ? "" : "\n", table.ToText());
  double bandwidth = 0;
  bool moved = false;
  std::string weights, origins;
  for (const v1::BenchmarkResult& result : run.results()) {
    if (result.outcome() != "ok") {
      absl::StrAppend(&text, ModelLabel(result), " was ", result.outcome(), ": ", Reason(result), "\n");
      continue;
    }
    if (IsExternal(result)) {
      const std::string origin =
          absl::StrCat(PathLabel(result), ": ", result.note().empty() ? "-" : result.note(), "\n");
      if (!absl::StrContains(origins, origin)) absl::StrAppend(&origins, origin);
      continue;
    }
    const std::string name = absl::StrCat(ModelLabel(result), " ", result.spec().path());
    if (const std::string conditions = FormatConditions(result); !conditions.empty())
      absl::StrAppend(&text, name, ": ", conditions, ".\n");
    if (!result.note().empty()) absl::StrAppend(&text, name, ", note: ", result.note(), ".\n");
    bandwidth = result.bandwidth_bytes_per_second();
    moved = moved || absl::StartsWith(FormatBandwidthShare(result, result.bandwidth_fraction()), "~");
    if (result.weights_provenance() != weights)
      weights = weights.empty() ? result.weights_provenance() : "several kinds";
  }
  if (bandwidth > 0) {
    absl::StrAppend(&text,
                    "Medians over n iterations, measured inside the daemon. % bandwidth: bytes a decode step must read "
                    "/ its time, over a plain read (",
                    FormatBytes(static_cast<int64_t>(bandwidth)), "/s here). ",
                    moved ? "~: that moved by more than a tenth meanwhile. " : "", "Weights: ", weights, ".\n");
  }
  if (!origins.empty()) absl::StrAppend(&text, "External times were taken by their programs.\n", origins);
  return text;
}

std::string TokensPerSecond(const v1::Statistics& ms, double tokens) {
  if (ms.n() == 0 || ms.mean() <= 0) return "-";
  const double rate = tokens / ms.mean() * 1e3;
  return absl::StrFormat("%.2f ± %.2f", rate, rate * ms.stddev() / ms.mean());
}

std::string RenderMarkdown(const v1::Run& run) {
  Table table({{"model", Align::kLeft},
               {"size", Align::kRight},
               {"backend", Align::kLeft},
               {"path", Align::kLeft},
               {"dtype", Align::kLeft},
               {"test", Align::kRight},
               {"t/s", Align::kRight}});
  for (const v1::BenchmarkResult& result : run.results()) {
    const v1::BenchmarkSpec& spec = result.spec();
    const std::string size = FormatBytes(result.weight_bytes()),
                      backend = IsExternal(result)                ? "-"  // Its program's choice; the note may say.
                                : run.server().gpu_name().empty() ? "CPU"
                                                                  : run.server().gpu_name();
    if (result.outcome() != "ok") {
      table.AddRow(
          {ModelLabel(result), "", backend, PathLabel(result), spec.dtype(), result.outcome(), Reason(result)});
      continue;
    }
    const auto add = [&](const std::string& test, const v1::Statistics& ms, int64_t tokens) {
      if (ms.n() == 0) return;
      table.AddRow({ModelLabel(result), size, backend, PathLabel(result), spec.dtype(), test,
                    TokensPerSecond(ms, static_cast<double>(tokens))});
    };
    add(absl::StrCat("pp", result.prompt_tokens()), result.ttft_ms(), result.prompt_tokens());
    add(absl::StrCat("tg", spec.decode_tokens(), " @ d", result.prompt_tokens()), result.tpot_ms(), 1);
    for (const v1::PositionResult& at : result.positions())
      add(absl::StrCat("tg1 @ d", at.position()), at.step_ms(), 1);
  }
  return table.ToMarkdown();
}

}  // namespace

absl::StatusOr<OutputFormat> ParseOutputFormat(const std::string& name) {
  if (name == "table") return OutputFormat::kTable;
  if (name == "md") return OutputFormat::kMarkdown;
  if (name == "json") return OutputFormat::kJson;
  return absl::InvalidArgumentError(absl::StrCat("output format is '", name, "', not table, md or json"));
}

std::string RenderRun(const v1::Run& run, OutputFormat format) {
  switch (format) {
    case OutputFormat::kTable:
      return RenderTable(run);
    case OutputFormat::kMarkdown:
      return RenderMarkdown(run);
    case OutputFormat::kJson:
      return ToJson(run);
  }
  return "";
}

std::string RenderRuns(const std::vector<v1::Run>& runs, OutputFormat format) {
  if (format == OutputFormat::kJson) {
    v1::ListRunsResponse response;
    for (const v1::Run& run : runs) *response.add_runs() = run;
    return ToJson(response);
  }
  Table table({{"run", Align::kLeft},
               {"started (UTC)", Align::kLeft},
               {"mode", Align::kLeft},
               {"state", Align::kLeft},
               {"results", Align::kRight},
               {"host", Align::kLeft},
               {"commit", Align::kLeft},
               {"note", Align::kLeft}});
  for (const v1::Run& run : runs) {
    table.AddRow({run.run_id(), FormatTime(run.started_unix_micros()), run.mode(), run.state(),
                  absl::StrCat(run.result_count()), run.server().host(), run.caller().git_commit().substr(0, 12),
                  run.note()});
  }
  return format == OutputFormat::kMarkdown ? table.ToMarkdown() : table.ToText();
}

}  // namespace metronome::client
