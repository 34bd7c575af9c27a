#ifndef METRONOME_TESTS_FUZZ_FUZZED_DAEMON_H_
#define METRONOME_TESTS_FUZZ_FUZZED_DAEMON_H_

#include <google/protobuf/message.h>

#include <memory>
#include <string>

#include "server/daemon/daemon.h"
#include "tests/fuzz/raw_calls.h"
#include "tests/temp_directory.h"

namespace metronome::fuzz {

// A daemon in this process with tiny models resident, a session and a run for calls to name, and a bystander: a model
// that no fuzzed call can name, which must go on answering, and with the same tokens.
class FuzzedDaemon {
 public:
  FuzzedDaemon();
  ~FuzzedDaemon();

  // The only one of the process. Never destroyed: libFuzzer leaves the process without unwinding.
  static FuzzedDaemon& Get();

  // What stands for the session and the run in texts of requests.
  static constexpr char kSession[] = "@session";
  static constexpr char kRun[] = "@run";
  static constexpr char kResident[] = "tiny-llama";

  // `bytes` as a request of the message type, with a session and a run put in for what stands for them, the resident
  // model loaded again where it is named, and tiny models in place of large ones, which this machine may not hold.
  // Bytes that do not parse stay as they are.
  std::string Prepare(const google::protobuf::Message& type, const std::string& bytes);

  CallResult Call(const std::string& method, const std::string& request, const CallOptions& options);

  // A finding unless the bystander answers as it did at first, at a cost of less than kBystanderCpu of this process.
  void CheckBystander();

 private:
  void CompileModel(const std::string& model);
  void OpenSession();
  void OpenRun();

  const TempDirectory directory_;
  std::unique_ptr<server::Daemon> daemon_;
  std::unique_ptr<RawCalls> calls_;
  bool resident_ = false;  // Loaded, as far as no call since may have changed it.
  std::string session_;
  std::string run_;
  int calls_made_ = 0;
  std::string bystander_digest_;
};

}  // namespace metronome::fuzz

#endif  // METRONOME_TESTS_FUZZ_FUZZED_DAEMON_H_
