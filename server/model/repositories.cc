#include "server/model/repositories.h"

namespace metronome::server {
namespace {

constexpr size_t kMost = 9;

struct Row {
  absl::string_view key;
  absl::string_view repositories[kMost];
};

constexpr Row kRows[] = {
    {"llama-3-8b",
     {"meta-llama/Meta-Llama-3-8B", "meta-llama/Meta-Llama-3-8B-Instruct", "NousResearch/Meta-Llama-3-8B-Instruct",
      "NousResearch/Meta-Llama-3-8B", "unsloth/llama-3-8b-Instruct", "unsloth/llama-3-8b"}},
    {"qwen3-4b",
     {"Qwen/Qwen3-4B", "Qwen/Qwen3-4B-Base", "unsloth/Qwen3-4B", "unsloth/Qwen3-4B-Base", "Qwen/Qwen3-4B-Instruct-2507",
      "Qwen/Qwen3-4B-Thinking-2507", "unsloth/Qwen3-4B-Instruct-2507", "unsloth/Qwen3-4B-Thinking-2507"}},
    {"gemma3-4b", {"google/gemma-3-4b-it", "google/gemma-3-4b-pt", "unsloth/gemma-3-4b-it", "unsloth/gemma-3-4b-pt"}},
    {"gemma4-26b-a4b",
     {"google/gemma-4-26B-A4B", "google/gemma-4-26B-A4B-it", "unsloth/gemma-4-26B-A4B-it", "unsloth/gemma-4-26B-A4B"}},
    {"qwen3-30b-a3b",
     {"Qwen/Qwen3-30B-A3B", "Qwen/Qwen3-30B-A3B-Base", "unsloth/Qwen3-30B-A3B", "unsloth/Qwen3-30B-A3B-Base",
      "Qwen/Qwen3-30B-A3B-Instruct-2507", "Qwen/Qwen3-30B-A3B-Thinking-2507", "unsloth/Qwen3-30B-A3B-Instruct-2507",
      "unsloth/Qwen3-30B-A3B-Thinking-2507"}},
    {"llama-3.2-1b",
     {"meta-llama/Llama-3.2-1B", "meta-llama/Llama-3.2-1B-Instruct", "unsloth/Llama-3.2-1B-Instruct",
      "unsloth/Llama-3.2-1B", "NousResearch/Llama-3.2-1B"}},
    {"qwen3-1.7b", {"Qwen/Qwen3-1.7B", "Qwen/Qwen3-1.7B-Base", "unsloth/Qwen3-1.7B", "unsloth/Qwen3-1.7B-Base"}},
    {"gemma3-1b", {"google/gemma-3-1b-it", "google/gemma-3-1b-pt", "unsloth/gemma-3-1b-it", "unsloth/gemma-3-1b-pt"}},
    {"qwen2.5-1.5b",
     {"Qwen/Qwen2.5-1.5B-Instruct", "Qwen/Qwen2.5-1.5B", "unsloth/Qwen2.5-1.5B-Instruct", "unsloth/Qwen2.5-1.5B"}},
};

}  // namespace

absl::Span<const absl::string_view> RepositoriesOf(absl::string_view key) {
  for (const Row& row : kRows) {
    if (row.key != key) continue;
    size_t count = 0;
    while (count < kMost && !row.repositories[count].empty()) ++count;
    return absl::MakeConstSpan(row.repositories, count);
  }
  return {};
}

}  // namespace metronome::server
