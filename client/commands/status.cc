#include <cstdio>
#include <string>

#include "absl/strings/str_split.h"
#include "client/commands/commands.h"
#include "client/render/format.h"
#include "client/render/telemetry.h"
#include "proto/labels/model_label.h"

namespace metronome::client {

ExitCode ShowStatus(const ServerOptions& server) {
  const auto connection = Connection::Open(server);
  if (!connection.ok()) return Report(connection.status());
  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  const absl::Status status = FromGrpcStatus((*connection)->inference().GetServerInfo(&context, {}, &info));
  if (!status.ok()) return Report(status);
  std::printf("metronomed %s (%s) at %s, up %.0f s, %d sessions, %d requests waiting\n", info.version().c_str(),
              info.build_commit().c_str(), (*connection)->address().c_str(), info.uptime_seconds(), info.sessions(),
              info.requests_waiting());
  for (const v1::Backend& backend : info.backends()) {
    if (!backend.available()) {
      std::printf("backend %s: not available: %s\n", backend.name().c_str(), backend.reason().c_str());
      continue;
    }
    std::printf("backend %s: %s, %s, %d threads, %s of %s memory available\n", backend.name().c_str(),
                backend.device().c_str(), backend.instruction_set().c_str(), backend.threads(),
                FormatBytes(backend.memory_available_bytes()).c_str(),
                FormatBytes(backend.memory_total_bytes()).c_str());
    if (!backend.calibration().empty())
      std::printf("backend %s: calibration %s\n", backend.name().c_str(), backend.calibration().c_str());
    for (const absl::string_view line : absl::StrSplit(backend.tuning(), '\n', absl::SkipEmpty()))
      std::printf("backend %s: tuned %s\n", backend.name().c_str(), std::string(line).c_str());
    if (const std::string telemetry = FormatTelemetry(backend.telemetry()); !telemetry.empty())
      std::printf("backend %s: %s\n", backend.name().c_str(), telemetry.c_str());
  }
  for (const v1::ModelInfo& model : info.models()) {
    std::printf("model %s: %s, %s, %s (%s), plan %s\n", ModelLabel(model).c_str(), model.dtype().c_str(),
                model.path().c_str(), FormatBytes(model.weight_bytes()).c_str(), model.weights_provenance().c_str(),
                model.plan_hash().c_str());
    if (!model.tokenizer_error().empty())
      std::printf("model %s: no text: %s\n", ModelLabel(model).c_str(), model.tokenizer_error().c_str());
    if (!model.error().empty())
      std::printf("model %s: serves no more, compile it again: %s\n", ModelLabel(model).c_str(), model.error().c_str());
  }
  std::printf("database %s\nmetrics %s\n", info.database().c_str(),
              info.metrics_address().empty() ? "off" : info.metrics_address().c_str());
  return ExitCode::kOk;
}

}  // namespace metronome::client
