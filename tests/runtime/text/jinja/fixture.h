#ifndef METRONOME_TESTS_RUNTIME_TEXT_JINJA_FIXTURE_H_
#define METRONOME_TESTS_RUNTIME_TEXT_JINJA_FIXTURE_H_

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "kernels/base/hash.h"
#include "runtime/text/jinja/template.h"
#include "runtime/text/jinja/text/json_form.h"

namespace metronome::text::jinja {

inline nlohmann::ordered_json ReadChatFixture(const std::string& name) {
  std::ifstream file(std::string(METRONOME_GOLDEN_DIR) + "/chat_templates/" + name);
  return nlohmann::ordered_json::parse(file);
}

// The time at which the fixtures' clock stands still.
inline RenderOptions FixtureOptions() {
  const absl::CivilSecond second(2025, 2, 3, 14, 5, 9);
  return {.now = absl::FromCivil(second, absl::UTCTimeZone()) + absl::Microseconds(123456)};
}

// Compares with what Jinja made: text, the size and hash of a long text, or an error.
inline void ExpectOutcome(const absl::StatusOr<std::string>& result, const nlohmann::ordered_json& expected,
                          const std::string& what) {
  if (expected.contains("error")) {
    ASSERT_FALSE(result.ok()) << what << "\nis an error in Jinja, and gave: " << *result;
    const std::string message = expected["error"];
    if (!message.empty()) {
      EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument) << what;
      EXPECT_EQ(result.status().message(), message) << what;
    }
    return;
  }
  ASSERT_TRUE(result.ok()) << what << "\n" << result.status() << "\ndue: " << expected;
  if (expected.contains("text")) {
    EXPECT_EQ(*result, expected["text"]) << what;
  } else {
    EXPECT_EQ(result->size(), expected["bytes"]) << what << "\n" << *result;
    EXPECT_EQ(absl::StrFormat("%016x", Fnv1a(*result)), expected["fnv1a"]) << what << "\n" << *result;
  }
}

inline absl::StatusOr<std::string> RenderSource(const std::string& source, const nlohmann::ordered_json& variables,
                                                const RenderOptions& options) {
  auto parsed = Template::Parse(source);
  if (!parsed.ok()) return parsed.status();
  const auto context = FromJson(variables.dump(), "variables");
  if (!context.ok()) return context.status();
  return (*parsed)->Render(context->dict(), options);
}

}  // namespace metronome::text::jinja

#endif  // METRONOME_TESTS_RUNTIME_TEXT_JINJA_FIXTURE_H_
