#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/commands/commands.h"
#include "client/render/format.h"
#include "client/render/table.h"
#include "proto/labels/model_label.h"

namespace metronome::client {
namespace {

std::string StateOf(const v1::CatalogueModel& model) {
  if (model.has_loaded())
    return absl::StrCat("loaded: ", ModelLabel(model.loaded()), ", ", model.loaded().dtype(), ", ",
                        model.loaded().weights_provenance());
  return model.fits() ? "fits" : "does not fit in memory";
}

}  // namespace

ExitCode ListModels(const ServerOptions& server, bool tiny) {
  const auto connection = Connection::Open(server);
  if (!connection.ok()) return Report(connection.status());
  grpc::ClientContext context;
  v1::ListModelsResponse response;
  const absl::Status status = FromGrpcStatus((*connection)->inference().ListModels(&context, {}, &response));
  if (!status.ok()) return Report(status);
  Table table({{"model", Align::kLeft},
               {"parameters", Align::kRight},
               {"bfloat16", Align::kRight},
               {"checkpoint", Align::kLeft},
               {"here", Align::kLeft}});
  for (const v1::CatalogueModel& model : response.models()) {
    if (model.tiny() && !tiny) continue;
    const double billions = static_cast<double>(model.parameters()) * 1e-9;
    table.AddRow({model.key(), model.tiny() ? absl::StrCat(model.parameters()) : absl::StrFormat("%.2f B", billions),
                  FormatBytes(model.weight_bytes_bf16()), model.repository(), StateOf(model)});
  }
  std::fputs(table.ToText().c_str(), stdout);
  return ExitCode::kOk;
}

}  // namespace metronome::client
