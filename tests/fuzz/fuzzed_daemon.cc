#include "tests/fuzz/fuzzed_daemon.h"

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <ctime>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compiler/frontend/catalogue.h"
#include "metronome/v1/benchmark.pb.h"
#include "metronome/v1/inference.pb.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutate/message.h"

namespace metronome::fuzz {
namespace {

constexpr char kBystander[] = "tiny-qwen2";

// What may run on after a call's deadline, plus the bystander's own answer. Of CPU time, as this process may share its
// CPUs with anything; three seconds for a daemon without sanitizers.
#if defined(__SANITIZE_ADDRESS__) || defined(__clang__)
constexpr double kBystanderCpuSeconds = 15;
#else
constexpr double kBystanderCpuSeconds = 3;
#endif

double CpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::string Method(const char* service, const char* rpc) { return absl::StrCat("/metronome.v1.", service, "/", rpc); }

}  // namespace

FuzzedDaemon::FuzzedDaemon() {
  spdlog::set_level(spdlog::level::off);
  setenv("HF_HOME", directory_.File("huggingface").c_str(), 1);
  server::DaemonConfig config;
  config.listen = "unix:" + directory_.File("socket");
  config.metrics_listen = "";
  config.db = directory_.File("runs.db");
  config.plan_cache = directory_.File("plans");
  config.calibration = "off";
  config.backend = "cpu";
  config.threads = 1;
  config.session_idle_seconds = 1;
  absl::StatusOr<std::unique_ptr<server::Daemon>> daemon = server::Daemon::Start(config);
  Require(daemon.ok(), daemon.status().ToString());
  daemon_ = *std::move(daemon);
  calls_ = std::make_unique<RawCalls>(grpc::CreateChannel(config.listen, grpc::InsecureChannelCredentials()));
  CheckBystander();
}

FuzzedDaemon::~FuzzedDaemon() { daemon_->Stop(); }

FuzzedDaemon& FuzzedDaemon::Get() {
  static FuzzedDaemon& daemon = *new FuzzedDaemon();
  return daemon;
}

void FuzzedDaemon::CompileModel(const std::string& model) {
  v1::CompileRequest request;
  request.set_model(model);
  request.set_dtype("float32");
  const CallResult result =
      Call(Method("Inference", "Compile"), request.SerializeAsString(), {.timeout = absl::Minutes(2)});
  Require(result.status.ok(), absl::StrCat("cannot compile ", model, ": ", result.status.error_message()));
}

void FuzzedDaemon::OpenSession() {
  v1::PrefillRequest prefill;
  prefill.set_model(kResident);
  for (const int id : {3, 141, 59}) prefill.mutable_prompt()->mutable_tokens()->add_ids(id);
  const auto open = [&] { return Call(Method("Inference", "Prefill"), prefill.SerializeAsString(), {}); };
  CallResult opened = open();
  if (!opened.status.ok()) {  // Unloaded, or loaded with a cache too short.
    CompileModel(kResident);
    opened = open();
  }
  v1::PrefillResponse response;
  Require(opened.status.ok() && response.ParseFromString(opened.last),
          absl::StrCat("the resident model does not answer: ", opened.status.error_message()));
  session_ = response.session();
}

void FuzzedDaemon::OpenRun() {
  if (!run_.empty()) return;
  v1::StartRunResponse run;
  const CallResult started = Call(Method("Benchmark", "StartRun"), "", {});
  Require(started.status.ok() && run.ParseFromString(started.last),
          absl::StrCat("no run can be started: ", started.status.error_message()));
  run_ = run.run_id();
}

CallResult FuzzedDaemon::Call(const std::string& method, const std::string& request, const CallOptions& options) {
  // Sessions that inputs opened expire.
  if (++calls_made_ % 64 == 0) daemon_->Tick();
  CallResult result = calls_->Call(method, request, options);
  if (absl::EndsWith(method, "/Unload") || absl::EndsWith(method, "/Compile") ||
      absl::EndsWith(method, "/RunBenchmark"))
    resident_ = false;
  if (absl::EndsWith(method, "/FinishRun")) run_.clear();
  return result;
}

std::string FuzzedDaemon::Prepare(const google::protobuf::Message& type, const std::string& bytes) {
  const std::unique_ptr<google::protobuf::Message> message(type.New());
  if (!message->ParseFromString(bytes)) return bytes;
  VisitTexts(*message, [&](std::string& text) {
    const compiler::CatalogueEntry* model = compiler::FindModel(text);
    if (model != nullptr && (!model->tiny || text == kBystander)) text = kResident;
    if (text == kResident && !resident_) {
      CompileModel(kResident);
      resident_ = true;
    } else if (text == kSession) {
      OpenSession();
      text = session_;
    } else if (text == kRun) {
      OpenRun();
      text = run_;
    }
  });
  return message->SerializeAsString();
}

void FuzzedDaemon::CheckBystander() {
  const double before = CpuSeconds();
  v1::GenerateRequest request;
  request.set_model(kBystander);
  request.set_max_tokens(4);
  for (const int id : {7, 9, 200, 31}) request.mutable_prompt()->mutable_tokens()->add_ids(id);
  const auto generate = [&] {
    return Call(Method("Inference", "Generate"), request.SerializeAsString(), {.timeout = absl::Minutes(2)});
  };
  CallResult result = generate();
  if (bystander_digest_.empty() && !result.status.ok()) {
    CompileModel(kBystander);
    result = generate();
  }
  v1::DecodeResponse response;
  Require(result.status.ok() && response.ParseFromString(result.last) && response.has_summary(),
          absl::StrCat("the bystander does not answer: ", result.status.error_message()));
  const double spent = CpuSeconds() - before;
  if (!bystander_digest_.empty()) {
    Require(response.summary().digest() == bystander_digest_, "the bystander answers with other tokens than before");
    Require(spent < kBystanderCpuSeconds, absl::StrCat("the bystander waited for ", spent, " s of CPU time"));
  }
  bystander_digest_ = response.summary().digest();
}

}  // namespace metronome::fuzz
