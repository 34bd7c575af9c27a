#include "tests/fuzz/raw_calls.h"

#include <utility>

namespace metronome::fuzz {
namespace {

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

std::string ToBytes(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

}  // namespace

RawCalls::~RawCalls() {
  queue_.Shutdown();
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) {
  }
}

bool RawCalls::Next() {
  void* tag = nullptr;
  bool ok = false;
  return queue_.Next(&tag, &ok) && ok;
}

CallResult RawCalls::Call(const std::string& method, const std::string& request, const CallOptions& options) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + options.timeout));
  const auto call = stub_.PrepareCall(&context, method, &queue_);
  call->StartCall(nullptr);
  CallResult result;
  if (Next()) {
    call->WriteLast(ToBuffer(request), {}, nullptr);
    Next();  // A call that is over already says why below.
    for (grpc::ByteBuffer answer;; ++result.messages) {
      call->Read(&answer, nullptr);
      if (!Next()) break;
      result.last = ToBytes(answer);
      if (result.messages == 0) result.first = result.last;
      if (options.cancel_after_first) context.TryCancel();
    }
  }
  call->Finish(&result.status, nullptr);
  Next();
  return result;
}

}  // namespace metronome::fuzz
