#ifndef METRONOME_SERVER_STORE_SAMPLE_BLOCKS_H_
#define METRONOME_SERVER_STORE_SAMPLE_BLOCKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_field.h"
#include "metronome/v1/benchmark.pb.h"

namespace metronome::server {

// Samples of one block: reading any of them decodes all.
inline constexpr int kSamplesPerBlock = 4096;

// Consecutive samples of a result in the order they were taken, as one blob of about 11 bytes a sample:
//
//   metrics  u8 count, then for each: u8 length, the name
//   series   for each sample: u8 number of its metric
//   index    for each sample: zigzag varint of the difference to the sample of the same metric before, at first to 0
//   position likewise
//   value    for each sample: float64, little endian
struct SampleBlock {
  int64_t first = 0;  // Of all samples of the result.
  int64_t count = 0;
  std::string data;
};

using Samples = google::protobuf::RepeatedPtrField<v1::Sample>;

// In blocks of kSamplesPerBlock, the last one shorter; one ends early where it would have more than 255 metrics. Names
// beyond 255 bytes are cut (results are checked before: NormaliseExternalResult knows them all).
std::vector<SampleBlock> EncodeSamples(const Samples& samples);

// Appends samples [from, to) of the block to `samples`. DataLoss when the blob is not one of `count` samples.
absl::Status DecodeSamples(absl::string_view data, int64_t count, int64_t from, int64_t to, Samples& samples);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_STORE_SAMPLE_BLOCKS_H_
