#include "tests/fuzz/mutate/hostile_values.h"

#include <cmath>
#include <limits>

namespace metronome::fuzz {
namespace {

constexpr size_t kLongest = 1 << 16;

std::string Repeated(const std::string& text, size_t times) {
  std::string repeated;
  while (times-- > 0 && repeated.size() < kLongest) repeated += text;
  return repeated;
}

std::string Fixed(Random& random) {
  static const auto& fixed = *new std::vector<std::string>{
      "",
      std::string(1, '\0'),
      std::string("/etc\0x", 6),
      std::string("/dev/zero\0", 10),
      "/",
      "/dev/zero",
      "/proc/self/mem",
      "/nonexistent/model",
      "../../../etc",
      "org/name",
      "org/name@../../x",
      "a/b@main",
      "unix:",
      "\xff\xfe",
      "\xed\xa0\x80",
      "\xf0\x9f",
      "\xe2\x80\xa8",
      "%s%n%d",
      "'; DROP TABLE run; --",
      "{{ 1 }}",
      "{% for i in range(999999999) %}x{% endfor %}",
      "[]",
      "{}",
      "null",
      "-1",
      "1e999",
      "18446744073709551616",
      "true",
      "\r\n\r\n",
      "*",
      "?",
  };
  return random.Pick(fixed);
}

std::string Changed(std::string text, Random& random) {
  switch (random.Below(5)) {
    case 0:
      return text.substr(0, random.Below(text.size() + 1));
    case 1:
      return text.insert(random.Below(text.size() + 1), Fixed(random));
    case 2:
      return text + text;
    case 3:
      return text + std::string(1, '\0');
    default:
      if (!text.empty()) text[random.Below(text.size())] = static_cast<char>(random.Next());
      return text;
  }
}

}  // namespace

int64_t HostileInteger(Random& random) {
  using Limits = std::numeric_limits<int64_t>;
  switch (random.Below(6)) {
    case 0:
      return static_cast<int64_t>(random.Below(8)) - 2;
    case 1:
      return random.OneIn(2) ? Limits::max() - static_cast<int64_t>(random.Below(3))
                             : Limits::min() + static_cast<int64_t>(random.Below(3));
    case 2:
      return static_cast<int64_t>((uint64_t{1} << random.Below(64)) - random.Below(3));
    case 3:
      return -static_cast<int64_t>(uint64_t{1} << random.Below(63));
    case 4:
      return static_cast<int64_t>(random.Below(100000));
    default:
      return static_cast<int64_t>(random.Next());
  }
}

double HostileDouble(Random& random) {
  using Limits = std::numeric_limits<double>;
  static constexpr double kValues[] = {0,
                                       -0.0,
                                       1,
                                       -1,
                                       0.5,
                                       1e-30,
                                       1e30,
                                       1e-310,
                                       Limits::max(),
                                       Limits::lowest(),
                                       Limits::min(),
                                       Limits::denorm_min(),
                                       Limits::infinity(),
                                       -Limits::infinity(),
                                       Limits::quiet_NaN(),
                                       3.5e38,
                                       9.3e18,
                                       1e-9};
  if (random.OneIn(4)) return static_cast<double>(HostileInteger(random));
  return random.Pick(kValues);
}

std::string HostileString(const std::string& text, const std::vector<std::string>& words, Random& random) {
  static constexpr const char* kUnits[] = {"[", "{\"a\":", "(", "a.", "x", "\xc3\xa9", "\t", "{{", "/a", "0"};
  if (!words.empty() && random.OneIn(2)) return random.Pick(words);
  switch (random.Below(4)) {
    case 0:
      return Repeated(random.Pick(kUnits), size_t{1} << random.Below(17));
    case 1:
      return Fixed(random);
    default:
      return Changed(text, random);
  }
}

}  // namespace metronome::fuzz
