#ifndef METRONOME_CLIENT_RENDER_FORMAT_H_
#define METRONOME_CLIENT_RENDER_FORMAT_H_

#include <cstdint>
#include <string>

namespace metronome::client {

// Numbers as people read them.
std::string FormatBytes(int64_t bytes);       // "2.47 GB", decimal units.
std::string FormatMilliseconds(double ms);    // "0.123 ms", "45.6 ms", "1.23 s": three significant digits.
std::string FormatRate(double per_second);    // "13.2", three significant digits.
std::string FormatTime(int64_t unix_micros);  // "2026-11-20 10:15:00" UTC; "-" for 0.

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_RENDER_FORMAT_H_
