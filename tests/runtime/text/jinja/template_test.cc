#include "runtime/text/jinja/template.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "tests/runtime/text/jinja/fixture.h"

namespace metronome::text::jinja {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::string> Render(const std::string& source, const RenderOptions& options = FixtureOptions()) {
  return RenderSource(source, nlohmann::ordered_json::object(), options);
}

absl::StatusCode CodeOf(const std::string& source, const RenderOptions& options = FixtureOptions()) {
  return Render(source, options).status().code();
}

// What Jinja renders is rendered alike; what is an error there is one here. A construct that is not supported says so,
// and these are few.
TEST(TemplateTest, RendersWhatJinjaRenders) {
  const nlohmann::ordered_json fixture = ReadChatFixture("expressions.json");
  ASSERT_GE(fixture["cases"].size(), 1000u);
  int unsupported = 0;
  for (const auto& test : fixture["cases"]) {
    const auto result = RenderSource(test[0], fixture["variables"], FixtureOptions());
    if (absl::IsUnimplemented(result.status())) {
      ++unsupported;
      continue;
    }
    ExpectOutcome(result, test[1], test[0]);
  }
  EXPECT_LE(unsupported, 30);
}

TEST(TemplateTest, WhatIsNotSupportedIsNamed) {
  for (const auto& [source, name] : std::vector<std::pair<std::string, std::string>>{
           {"{% include 'x' %}", "include"},
           {"{% import 'x' as y %}", "import"},
           {"{% from 'x' import y %}", "from"},
           {"{% extends 'x' %}", "extends"},
           {"{% block b %}{% endblock %}", "block"},
           {"{% autoescape true %}{% endautoescape %}", "autoescape"},
           {"{{ 'x' | urlize }}", "urlize"},
           {"{{ 'x' | striptags }}", "striptags"},
           {"{{ lipsum() }}", "lipsum"},
           {"{{ 'x'.encode() }}", "encode"},
           {"{{ '\\N{BULLET}' }}", "\\N"},
           {"{{ 2 ** 64 }}", "64 bits"},
           {"{{ 99999999999999999999 }}", "64 bits"},
           {"{{ [1] | map('string') }}", "generator"},
       }) {
    const absl::Status status = Render(source).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << source << ": " << status;
    EXPECT_THAT(status.message(), HasSubstr(name)) << source;
  }
  EXPECT_EQ(*Render("{% if false %}{% include 'x' %}{% endif %}ok"), "ok");
}

TEST(TemplateTest, ErrorsTellTheLine) {
  EXPECT_THAT(Render("a\n{{ x.y }}").status().message(), HasSubstr("line 2: 'x' is undefined"));
  EXPECT_THAT(Render("a\n\n{% if %}").status().message(), HasSubstr("line 3"));
  EXPECT_EQ(Render("{{ raise_exception('As it is.') }}").status().message(), "As it is.");
}

TEST(TemplateTest, TheClockIsTheCallers) {
  const absl::CivilSecond second(2031, 12, 24, 8, 7, 6);
  const RenderOptions options = {.now = absl::FromCivil(second, absl::UTCTimeZone())};
  EXPECT_EQ(*Render("{{ strftime_now('%d %b %Y') }}", options), "24 Dec 2031");
}

// Each would take minutes, or all memory, or the stack.
TEST(TemplateTest, HostileTemplatesMeetTheirLimits) {
  std::string sum = "1", parentheses(5000, '('), elifs = "{% if x %}", nested, filters = "{{ 'a'", doubling;
  for (int i = 0; i < 5000; ++i) sum += "+1";
  for (int i = 0; i < 5000; ++i) elifs += "{% elif x %}";
  for (int i = 0; i < 2000; ++i) nested += "{% if true %}";
  for (int i = 0; i < 2000; ++i) filters += "|upper";
  for (int i = 0; i < 60; ++i) doubling += "{% set a = [a, a] %}";
  for (const std::string& source : {
           std::string("{{ 'a' * 10**9 }}"),
           std::string("{{ [1] * 10**9 }}"),
           std::string("{{ ('a' * 10**6) | replace('a', 'b' * 10**6) }}"),
           std::string("{{ 'a'.ljust(10**12) }}"),
           std::string("{{ '%999999999s' % 1 }}"),
           std::string("{{ '{:999999999}'.format(1) }}"),
           std::string("{{ 'x' | indent(10**12) }}"),
           std::string("{{ [1] | tojson(indent=10**12) }}"),
           std::string("{{ [1] | batch(10**12, 0) | list }}"),
           std::string("{{ 'a' | center(10**15) }}"),
           std::string("{{ range(10**6) }}"),
           std::string(
               "{% set ns = namespace(a='a') %}{% for i in range(100) %}{% set ns.a = ns.a + ns.a %}{% endfor %}"),
           std::string("{% set ns = namespace(a=[]) %}{% for i in range(1000) %}{% set ns.a = [ns.a] %}{% endfor %}"),
           std::string("{% set ns = namespace(a=[1]) %}{% for i in range(1000) %}{% set ns.a = ns.a | map('string') "
                       "%}{% endfor %}"),
           std::string("{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}"),
           std::string("{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}"),
           std::string("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"),
           std::string("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"),
           "{% set a = 1 %}" + doubling + "{{ a }}",
           "{% set a = 1 %}" + doubling + "{{ a == [a[0], a[0]] }}{{ a | tojson }}",
           "{{ " + sum + " }}",
           "{{ " + parentheses + "1" + std::string(5000, ')') + " }}",
           elifs,
           nested,
           filters + " }}",
           "{{ " + std::string(3000, '-') + "1 }}",
       }) {
    EXPECT_EQ(CodeOf(source), absl::StatusCode::kResourceExhausted) << source.substr(0, 100);
  }
}

TEST(TemplateTest, LimitsAreThoseOfTheOptions) {
  RenderOptions options = FixtureOptions();
  options.limits.output_bytes = 3;
  EXPECT_EQ(*Render("abc", options), "abc");
  EXPECT_EQ(CodeOf("abcd", options), absl::StatusCode::kResourceExhausted);
  options = FixtureOptions();
  options.limits.steps = 50;
  EXPECT_EQ(CodeOf("{% for i in range(50) %}{% endfor %}", options), absl::StatusCode::kResourceExhausted);
}

TEST(TemplateTest, ValuesThatHoldThemselvesAreFreed) {
  EXPECT_EQ(*Render("{% set ns = namespace() %}{% set ns.me = [ns] %}{% macro m() %}{{ m is defined }}{% endmacro %}"
                    "{% set ns.m = m %}{{ ns.m() }}"),
            "True");
}

// Templates with pieces cut, doubled and swapped render or fail with a status, and never crash.
TEST(TemplateTest, MutatedTemplatesNeverCrash) {
  const nlohmann::ordered_json fixture = ReadChatFixture("chats.json");
  std::mt19937 random(7);
  RenderOptions options = FixtureOptions();
  options.limits.steps = 20000;
  nlohmann::ordered_json variables = {{"add_generation_prompt", true}, {"bos_token", "<s>"}, {"eos_token", "</s>"}};
  variables["messages"] = fixture["chats"][7]["messages"];
  variables["tools"] = fixture["chats"][23]["tools"];
  int rendered = 0, failed = 0;
  for (const auto& [name, text] : fixture["templates"].items()) {
    for (int round = 0; round < 40; ++round) {
      std::string source = text;
      for (int change = 0; change < 3; ++change) {
        const size_t from = random() % source.size(), size = random() % 12;
        const std::string piece = source.substr(random() % source.size(), random() % 12);
        source = source.substr(0, from) + piece + source.substr(std::min(source.size(), from + size));
        if (source.empty()) source = "{{";
      }
      ++(RenderSource(source, variables, options).ok() ? rendered : failed);
    }
  }
  EXPECT_GT(rendered, 20);
  EXPECT_GT(failed, 200);
}

}  // namespace
}  // namespace metronome::text::jinja
