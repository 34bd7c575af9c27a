#ifndef METRONOME_SERVER_STORE_NEW_RESULT_H_
#define METRONOME_SERVER_STORE_NEW_RESULT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "metronome/v1/benchmark.pb.h"
#include "server/store/sample_blocks.h"

namespace metronome::server {

// A result on its way to the store.
struct NewResult {
  int64_t key = 0;  // Random: storing it again, after a failure that may have been none, changes nothing.
  int64_t created_unix_micros = 0;
  v1::Run run;                 // As it was when the measurement began, without results.
  v1::BenchmarkResult result;  // Without samples.
  std::vector<SampleBlock> blocks;
  size_t blocks_stored = 0;  // By RunStore::StoreSome.
};

// Takes the samples out of the result: 20 ms for a million of them, so not on the database's thread.
NewResult PrepareResult(v1::Run run, v1::BenchmarkResult result, int64_t created_unix_micros);

// Bytes with everything but blocks_stored, for the spool. DataLoss for bytes that Serialize did not make.
std::string Serialize(const NewResult& result);
absl::StatusOr<NewResult> ParseNewResult(absl::string_view bytes);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_STORE_NEW_RESULT_H_
