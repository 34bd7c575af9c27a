#include "server/store/new_result.h"

#include <cstring>
#include <random>
#include <utility>

#include "kernels/base/status_macros.h"

namespace metronome::server {
namespace {

int64_t RandomKey() {
  std::random_device device;
  return static_cast<int64_t>(uint64_t{device()} << 32 | device());
}

void AppendInt(int64_t value, std::string& out) { out.append(reinterpret_cast<const char*>(&value), sizeof(value)); }

void AppendText(absl::string_view text, std::string& out) {
  AppendInt(static_cast<int64_t>(text.size()), out);
  out.append(text.data(), text.size());
}

absl::Status Damaged() { return absl::DataLossError("not a result"); }

absl::StatusOr<int64_t> TakeInt(absl::string_view& bytes) {
  int64_t value = 0;
  if (bytes.size() < sizeof(value)) return Damaged();
  std::memcpy(&value, bytes.data(), sizeof(value));
  bytes.remove_prefix(sizeof(value));
  return value;
}

absl::StatusOr<absl::string_view> TakeText(absl::string_view& bytes) {
  ASSIGN_OR_RETURN(const int64_t size, TakeInt(bytes));
  if (size < 0 || static_cast<uint64_t>(size) > bytes.size()) return Damaged();
  const absl::string_view text = bytes.substr(0, static_cast<size_t>(size));
  bytes.remove_prefix(text.size());
  return text;
}

template <typename Message>
absl::Status TakeMessage(absl::string_view& bytes, Message& message) {
  ASSIGN_OR_RETURN(const absl::string_view text, TakeText(bytes));
  return message.ParseFromArray(text.data(), static_cast<int>(text.size())) ? absl::OkStatus() : Damaged();
}

}  // namespace

NewResult PrepareResult(v1::Run run, v1::BenchmarkResult result, int64_t created_unix_micros) {
  NewResult prepared = {.key = RandomKey(), .created_unix_micros = created_unix_micros, .run = std::move(run)};
  prepared.run.clear_results();
  prepared.blocks = EncodeSamples(result.samples());
  result.set_sample_count(result.samples_size());
  Samples freed;  // Clearing alone would keep their memory for later samples.
  result.mutable_samples()->Swap(&freed);
  prepared.result = std::move(result);
  return prepared;
}

std::string Serialize(const NewResult& result) {
  std::string bytes;
  AppendInt(result.key, bytes);
  AppendInt(result.created_unix_micros, bytes);
  AppendText(result.run.SerializeAsString(), bytes);
  AppendText(result.result.SerializeAsString(), bytes);
  AppendInt(static_cast<int64_t>(result.blocks.size()), bytes);
  for (const SampleBlock& block : result.blocks) {
    AppendInt(block.first, bytes);
    AppendInt(block.count, bytes);
    AppendText(block.data, bytes);
  }
  return bytes;
}

absl::StatusOr<NewResult> ParseNewResult(absl::string_view bytes) {
  NewResult result;
  ASSIGN_OR_RETURN(result.key, TakeInt(bytes));
  ASSIGN_OR_RETURN(result.created_unix_micros, TakeInt(bytes));
  RETURN_IF_ERROR(TakeMessage(bytes, result.run));
  RETURN_IF_ERROR(TakeMessage(bytes, result.result));
  ASSIGN_OR_RETURN(const int64_t blocks, TakeInt(bytes));
  for (int64_t i = 0; i < blocks; ++i) {
    SampleBlock& block = result.blocks.emplace_back();
    ASSIGN_OR_RETURN(block.first, TakeInt(bytes));
    ASSIGN_OR_RETURN(block.count, TakeInt(bytes));
    ASSIGN_OR_RETURN(const absl::string_view data, TakeText(bytes));
    block.data = std::string(data);
  }
  return bytes.empty() ? absl::StatusOr<NewResult>(std::move(result)) : Damaged();
}

}  // namespace metronome::server
