#ifndef METRONOME_TESTS_FUZZ_RAW_CALLS_H_
#define METRONOME_TESTS_FUZZ_RAW_CALLS_H_

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace metronome::fuzz {

// How a call is made.
struct CallOptions {
  absl::Duration timeout = absl::Seconds(10);
  bool cancel_after_first = false;  // The client goes away at the first message.
};

struct CallResult {
  std::string first;  // The first message and the last, as bytes.
  std::string last;
  int messages = 0;
  grpc::Status status;
};

// Calls any method with any bytes as its request, a stream's as one with one answer. Blocks until the call is over.
class RawCalls {
 public:
  explicit RawCalls(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {}
  ~RawCalls();

  // `method` is "/package.Service/Method".
  CallResult Call(const std::string& method, const std::string& request, const CallOptions& options);

 private:
  bool Next();  // Whether the operation that was started succeeded.

  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
};

}  // namespace metronome::fuzz

#endif  // METRONOME_TESTS_FUZZ_RAW_CALLS_H_
