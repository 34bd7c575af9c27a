#include "server/database/sample_migration.h"

#include <string>
#include <utility>
#include <vector>

#include "kernels/base/status_macros.h"
#include "server/benchmark/statistics.h"
#include "server/store/result_row.h"
#include "server/store/sample_blocks.h"

namespace metronome::server {
namespace {

struct OldResult {
  int64_t id = 0, key = 0;
  std::string scenario;
  bool has_statistics = false;
};

absl::StatusOr<std::vector<OldResult>> OldResults(Sqlite& database) {
  std::vector<OldResult> results;
  Statement query(database, "SELECT result_id, result_key, scenario, statistics IS NOT NULL FROM results");
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return results;
    OldResult& result = results.emplace_back();
    result.id = query.Int();
    result.key = query.Int();
    result.scenario = query.Text();
    result.has_statistics = query.Int() != 0;
  }
}

absl::Status ReadOldSamples(Sqlite& database, int64_t result_id, Samples& samples) {
  Statement query(database,
                  "SELECT metric, sample_index, position, value FROM samples WHERE result_id = ? ORDER BY rowid");
  query.Bind(result_id);
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return absl::OkStatus();
    v1::Sample& sample = *samples.Add();
    sample.set_metric(query.Text());
    sample.set_index(static_cast<int32_t>(query.Int()));
    sample.set_position(query.Int());
    sample.set_value(query.Double());
  }
}

absl::Status AddStatistics(Sqlite& database, const OldResult& old, Samples samples) {
  v1::BenchmarkResult result;
  result.mutable_spec()->set_scenario(old.scenario);
  result.mutable_samples()->Swap(&samples);
  SummariseSamples(result);
  Statement update(database, "UPDATE results SET statistics = ?, sample_count = ? WHERE result_id = ?");
  return update.BindBlob(StatisticsOf(result)).Bind(int64_t{result.samples_size()}).Bind(old.id).Run();
}

}  // namespace

absl::Status MoveSamplesToBlocks(Sqlite& database) {
  ASSIGN_OR_RETURN(const std::vector<OldResult> results, OldResults(database));
  for (const OldResult& result : results) {
    Samples samples;
    RETURN_IF_ERROR(ReadOldSamples(database, result.id, samples));
    RETURN_IF_ERROR(InsertBlocks(database, result.key, EncodeSamples(samples)));
    if (!result.has_statistics) RETURN_IF_ERROR(AddStatistics(database, result, std::move(samples)));
  }
  return absl::OkStatus();
}

}  // namespace metronome::server
