#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/commands/commands.h"
#include "client/commands/compile.h"
#include "client/connection/model_argument.h"
#include "client/render/format.h"
#include "client/render/table.h"
#include "kernels/base/status_macros.h"
#include "proto/labels/model_label.h"

namespace metronome::client {
namespace {

absl::StatusOr<v1::ExplainResponse> Ask(Connection& connection, const ExplainOptions& options) {
  v1::ExplainRequest request;
  request.set_model(options.compile.model);
  request.set_tokens(options.tokens);
  request.set_past(options.past);
  request.set_dumps(!options.stage.empty());
  v1::ExplainResponse response;
  grpc::ClientContext context;
  RETURN_IF_ERROR(FromGrpcStatus(connection.inference().Explain(&context, request, &response)));
  return response;
}

// A model that is loaded is explained as it is; one that is not is compiled first.
absl::StatusOr<v1::ExplainResponse> CompileAndAsk(Connection& connection, const ExplainOptions& options) {
  if (!options.compile_first) {
    absl::StatusOr<v1::ExplainResponse> response = Ask(connection, options);
    if (!absl::IsFailedPrecondition(response.status())) return response;
  }
  RETURN_IF_ERROR(CompileWithProgress(connection, options.compile).status());
  return Ask(connection, options);
}

std::string Percent(double fraction) { return absl::StrFormat("%.1f%%", 100 * fraction); }

void PrintKernels(const v1::ExplainResponse& response) {
  Table table({{"kernel", Align::kLeft},
               {"calls", Align::kRight},
               {"time", Align::kRight},
               {"of step", Align::kRight},
               {"bytes", Align::kRight},
               {"GB/s", Align::kRight},
               {"GFLOP", Align::kRight},
               {"GFLOP/s", Align::kRight},
               {"roofline", Align::kRight},
               {"operands", Align::kLeft},
               {"tuning", Align::kLeft}});
  for (const v1::KernelUse& use : response.kernels()) {
    const double seconds = use.ms() * 1e-3;
    table.AddRow({use.kernel(), absl::StrCat(use.calls()), FormatMilliseconds(use.ms()),
                  Percent(use.ms() / response.step_ms()), FormatBytes(use.bytes()),
                  FormatRate(static_cast<double>(use.bytes()) * 1e-9 / seconds),
                  FormatRate(static_cast<double>(use.flops()) * 1e-9),
                  FormatRate(static_cast<double>(use.flops()) * 1e-9 / seconds), Percent(use.roofline()),
                  use.operands(), use.tuning()});
  }
  table.AddRow({"unattributed", "", FormatMilliseconds(response.unattributed_ms()),
                Percent(response.unattributed_ms() / response.step_ms())});
  std::printf("%s", table.ToText().c_str());
}

void PrintCompilation(const v1::ExplainResponse& response) {
  if (response.blocks().empty()) {
    std::printf("\nNothing was rewritten: each primitive is a kernel.\n");
    return;
  }
  std::printf("\nCompiled from %d distinct block%s in %s:\n", response.blocks_size(),
              response.blocks_size() == 1 ? "" : "s", FormatMilliseconds(response.saturation_ms()).c_str());
  for (int i = 0; i < response.blocks_size(); ++i) {
    const v1::Saturation& block = response.blocks(i);
    std::printf("  block %d, %lld times: %s after %lld iterations and %s, %lld nodes in %lld classes\n", i,
                static_cast<long long>(block.instances()), block.stop_reason().c_str(),
                static_cast<long long>(block.iterations()), FormatMilliseconds(block.elapsed_ms()).c_str(),
                static_cast<long long>(block.nodes()), static_cast<long long>(block.classes()));
  }
  std::printf("Rules that taught something, over all blocks:\n");
  Table rules({{"  rule", Align::kLeft}, {"times", Align::kRight}});
  for (const auto& [rule, count] : response.rules_fired())
    rules.AddRow({absl::StrCat("  ", rule), absl::StrCat(count)});
  std::printf("%s", rules.ToText().c_str());
}

void PrintSearches(const v1::ExplainResponse& response) {
  if (response.searches().empty()) {
    std::printf("\nNo search: this is the default plan (--search-iterations asks for one).\n");
    return;
  }
  std::printf("\nSearched for %s%s:\n", FormatMilliseconds(response.search_ms()).c_str(),
              response.model().plan_cached() ? " when it was first compiled" : "");
  for (const v1::PlanSearch& search : response.searches()) {
    std::printf("  block %lld for %lld token%s after %lld: %lld of %lld tried, default %s, taken %s (%.3fx)\n",
                static_cast<long long>(search.block()), static_cast<long long>(search.tokens()),
                search.tokens() == 1 ? "" : "s", static_cast<long long>(search.past()),
                static_cast<long long>(search.tried()), static_cast<long long>(search.budget()),
                FormatMilliseconds(search.default_ms()).c_str(), FormatMilliseconds(search.best_ms()).c_str(),
                search.default_ms() / search.best_ms());
    for (const v1::PlanTrial& trial : search.trials()) {
      std::printf("    #%-3lld %-9s", static_cast<long long>(trial.number()), trial.outcome().c_str());
      if (trial.detail().empty()) {
        std::printf(" %s, the incumbent %s\n", FormatMilliseconds(trial.candidate_ms()).c_str(),
                    FormatMilliseconds(trial.incumbent_ms()).c_str());
      } else {
        std::printf(" %s\n", trial.detail().c_str());
      }
    }
  }
}

const std::string& StageText(const v1::ExplainResponse& response, const std::string& stage) {
  if (stage == "graph") return response.graph_text();
  if (stage == "blocks") return response.blocks_text();
  if (stage == "fused") return response.fused_text();
  return response.plan_text();
}

}  // namespace

ExitCode ExplainModel(const ServerOptions& server, ExplainOptions options) {
  const auto connection = Connection::Open(WithModelRoots(server, {options.compile.model, options.compile.weights}));
  if (!connection.ok()) return Report(connection.status());
  if (const absl::Status paths = MakePathsAbsolute(**connection, options.compile); !paths.ok()) return Report(paths);
  const absl::StatusOr<v1::ExplainResponse> response = CompileAndAsk(**connection, options);
  if (!response.ok()) return Report(response.status());
  if (!options.stage.empty()) {
    std::printf("%s", StageText(*response, options.stage).c_str());
    return ExitCode::kOk;
  }
  const v1::ModelInfo& model = response->model();
  std::printf("%s: %s on %s, path %s; plan %s, made for steps of about %lld token%s\n", ModelLabel(model).c_str(),
              model.dtype().c_str(), model.backend().c_str(), model.path().c_str(), response->plan_hash().c_str(),
              static_cast<long long>(response->bucket()), response->bucket() == 1 ? "" : "s");
  std::printf("A step of %lld token%s after %lld takes %s. Roofline: reads %s GB/s, matmul %s GFLOP/s.\n\n",
              static_cast<long long>(response->tokens()), response->tokens() == 1 ? "" : "s",
              static_cast<long long>(response->past()), FormatMilliseconds(response->step_ms()).c_str(),
              FormatRate(response->read_bytes_per_second() * 1e-9).c_str(),
              FormatRate(response->matmul_flops_per_second() * 1e-9).c_str());
  PrintKernels(*response);
  PrintCompilation(*response);
  PrintSearches(*response);
  return ExitCode::kOk;
}

}  // namespace metronome::client
