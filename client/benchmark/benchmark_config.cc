#include "client/benchmark/benchmark_config.h"

#include <fnmatch.h>
#include <toml++/toml.h>

#include <algorithm>
#include <map>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/built_in_benchmarks.h"
#include "kernels/base/status_macros.h"

namespace metronome::client {
namespace {

template <typename T>
using Member = std::optional<T> BenchmarkConfig::*;
using Field = std::variant<Member<std::string>, Member<int64_t>, Member<double>, Member<bool>,
                           Member<std::vector<std::string>>, Member<std::vector<int64_t>>>;

const std::map<std::string, Field>& Fields() {
  static const auto* const kFields =
      new std::map<std::string, Field>{{"models", &BenchmarkConfig::models},
                                       {"paths", &BenchmarkConfig::paths},
                                       {"prompt", &BenchmarkConfig::prompt},
                                       {"prompt_tokens", &BenchmarkConfig::prompt_tokens},
                                       {"search_iterations", &BenchmarkConfig::search_iterations},
                                       {"iters", &BenchmarkConfig::iters},
                                       {"warmups", &BenchmarkConfig::warmups},
                                       {"decode_tokens", &BenchmarkConfig::decode_tokens},
                                       {"max_cache_len", &BenchmarkConfig::max_cache_len},
                                       {"seed", &BenchmarkConfig::seed},
                                       {"dtype", &BenchmarkConfig::dtype},
                                       {"prefill_mode", &BenchmarkConfig::prefill_mode},
                                       {"scenario", &BenchmarkConfig::scenario},
                                       {"layers", &BenchmarkConfig::layers},
                                       {"temperature", &BenchmarkConfig::temperature},
                                       {"top_k", &BenchmarkConfig::top_k},
                                       {"top_p", &BenchmarkConfig::top_p},
                                       {"min_p", &BenchmarkConfig::min_p},
                                       {"repetition_penalty", &BenchmarkConfig::repetition_penalty},
                                       {"streamed", &BenchmarkConfig::streamed},
                                       {"configs", &BenchmarkConfig::configs}};
  return *kFields;
}

bool Assign(const toml::node& node, Member<std::string> member, BenchmarkConfig& config) {
  config.*member = node.value<std::string>();
  return node.is_string();
}

bool Assign(const toml::node& node, Member<int64_t> member, BenchmarkConfig& config) {
  if (!node.is_integer()) return false;
  config.*member = node.value<int64_t>();
  return true;
}

bool Assign(const toml::node& node, Member<double> member, BenchmarkConfig& config) {
  config.*member = node.value<double>();  // An integer too.
  return node.is_number();
}

bool Assign(const toml::node& node, Member<bool> member, BenchmarkConfig& config) {
  config.*member = node.value<bool>();
  return node.is_boolean();
}

bool Assign(const toml::node& node, Member<std::vector<std::string>> member, BenchmarkConfig& config) {
  if (!node.is_array()) return false;
  std::vector<std::string>& values = (config.*member).emplace();
  for (const toml::node& element : *node.as_array()) {
    if (!element.is_string()) return false;
    values.push_back(*element.value<std::string>());
  }
  return true;
}

// One number is a list of one.
bool Assign(const toml::node& node, Member<std::vector<int64_t>> member, BenchmarkConfig& config) {
  std::vector<int64_t>& values = (config.*member).emplace();
  if (node.is_integer()) values.push_back(*node.value<int64_t>());
  if (!node.is_array()) return node.is_integer();
  for (const toml::node& element : *node.as_array()) {
    if (!element.is_integer()) return false;
    values.push_back(*element.value<int64_t>());
  }
  return !values.empty();
}

absl::Status At(absl::string_view source, const toml::source_region& region, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(source, ":", region.begin.line, ":", region.begin.column, ": ", why));
}

absl::StatusOr<BenchmarkConfig> ReadTable(const toml::table& table, absl::string_view source) {
  BenchmarkConfig config;
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const auto field = Fields().find(name);
    if (field == Fields().end()) return At(source, node.source(), absl::StrCat("unknown key '", name, "'"));
    const toml::node& value = node;
    const bool fits = std::visit([&](auto member) { return Assign(value, member, config); }, field->second);
    if (!fits) return At(source, node.source(), absl::StrCat("key '", name, "' has the wrong type"));
  }
  return config;
}

}  // namespace

absl::string_view BuiltInBenchmarks() { return kBuiltInBenchmarks; }

absl::StatusOr<std::vector<NamedConfig>> ReadBenchmarkConfigs(absl::string_view text, absl::string_view source) {
  try {
    const toml::table file = toml::parse(std::string_view(text.data(), text.size()));
    std::map<toml::source_index, NamedConfig> by_line;  // The library sorts by name.
    for (const auto& [key, node] : file) {
      const std::string name(key.str());
      if (!node.is_table()) return At(source, node.source(), absl::StrCat("'", name, "' is not a table"));
      ASSIGN_OR_RETURN(BenchmarkConfig config, ReadTable(*node.as_table(), source));
      if (config.configs.has_value() && node.as_table()->size() > 1)
        return At(source, node.source(), absl::StrCat("suite '", name, "' has keys besides configs"));
      by_line[node.source().begin.line] = {name, std::move(config)};
    }
    std::vector<NamedConfig> configs;
    for (auto& [line, config] : by_line) configs.push_back(std::move(config));
    return configs;
  } catch (const toml::parse_error& error) {  // The library's only way to say so.
    return At(source, error.source(), std::string(error.description()));
  }
}

BenchmarkConfig Merge(const BenchmarkConfig& over, const BenchmarkConfig& under) {
  BenchmarkConfig merged = under;
  for (const auto& [name, field] : Fields()) {
    std::visit(
        [&](auto member) {
          if ((over.*member).has_value()) merged.*member = over.*member;
        },
        field);
  }
  return merged;
}

absl::StatusOr<std::vector<std::string>> SelectModels(const std::vector<std::string>& patterns,
                                                      const std::vector<std::string>& known,
                                                      const std::vector<std::string>& in_all) {
  std::vector<std::string> selected;
  const auto add = [&](const std::string& model) {
    if (std::find(selected.begin(), selected.end(), model) == selected.end()) selected.push_back(model);
  };
  for (const std::string& pattern : patterns) {
    if (pattern == "all") {
      for (const std::string& model : in_all) add(model);
      continue;
    }
    if (absl::StrContains(pattern, '/')) {
      add(pattern);
      continue;
    }
    bool matched = false;
    for (const std::string& model : known) {
      if (fnmatch(pattern.c_str(), model.c_str(), 0) != 0) continue;
      add(model);
      matched = true;
    }
    if (!matched)
      return absl::InvalidArgumentError(
          absl::StrCat("no model matches '", pattern, "'; there are ", absl::StrJoin(known, ", ")));
  }
  return selected;
}

}  // namespace metronome::client
