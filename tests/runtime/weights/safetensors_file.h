#ifndef METRONOME_TESTS_RUNTIME_WEIGHTS_SAFETENSORS_FILE_H_
#define METRONOME_TESTS_RUNTIME_WEIGHTS_SAFETENSORS_FILE_H_

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/temp_directory.h"

namespace metronome::runtime {

inline void WriteFile(const std::string& path, const std::string& contents) {
  std::ofstream file(path, std::ios::binary);
  file << contents;
}

// The 8 bytes that open a safetensors file.
inline std::string HeaderLength(uint64_t length) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i) & 0xff);
  return bytes;
}

// A whole file from its header and its data.
inline std::string Safetensors(const std::string& header, const std::string& data) {
  return HeaderLength(header.size()) + header + data;
}

}  // namespace metronome::runtime

#endif  // METRONOME_TESTS_RUNTIME_WEIGHTS_SAFETENSORS_FILE_H_
