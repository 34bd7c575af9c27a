#include "server/pages/numbers.h"

#include <cstdio>
#include <cstdlib>

namespace metronome::pages {

double Rounded(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*g", digits, value);
  return std::strtod(text, nullptr);
}

}  // namespace metronome::pages
