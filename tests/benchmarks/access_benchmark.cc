// What TLS, client certificates and tokens cost a stream of tokens: a service whose model takes 1 ms a token on as many
// threads as there are CPUs, as the engine's kernels do, behind an open port and behind a guarded one. Compare with
// --benchmark_enable_random_interleaving=true --benchmark_repetitions=11.
#include <benchmark/benchmark.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <barrier>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "metronome/v1/inference.grpc.pb.h"
#include "server/access/access_control.h"
#include "server/access/server_credentials.h"
#include "server/rpc/stream_reactor.h"
#include "tests/benchmarks/value_or_die.h"
#include "tests/server/access/certificates.h"

namespace metronome {
namespace {

constexpr int kTokens = 200;       // Of a stream.
constexpr int kKnownTokens = 100;  // In the file: an installation's callers.
constexpr int64_t kTokenNs = 1'000'000;

int64_t ThreadCpuNs() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// A millisecond of this thread's own, however long others keep it from its CPU.
void BurnOneToken() {
  for (const int64_t end = ThreadCpuNs() + kTokenNs; ThreadCpuNs() < end;) {
  }
}

// Generate streams `max_tokens` tokens of a millisecond; ListModels answers at once.
class FakeInference final : public v1::Inference::CallbackService {
 public:
  grpc::ServerWriteReactor<v1::DecodeResponse>* Generate(grpc::CallbackServerContext* context,
                                                         const v1::GenerateRequest* request) override {
    auto stream = server::StreamReactor<v1::DecodeResponse>::Create(*context, [](absl::StatusCode) {});
    auto* const reactor = stream.get();
    std::thread([stream = std::move(stream), tokens = request->max_tokens()] { Stream(*stream, tokens); }).detach();
    return reactor;
  }
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context, const v1::ListModelsRequest*,
                                       v1::ListModelsResponse*) override {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  static void Stream(server::StreamReactor<v1::DecodeResponse>& stream, int64_t tokens) {
    const auto threads = std::max<std::ptrdiff_t>(1, std::thread::hardware_concurrency());
    std::barrier step(threads);
    const auto work = [&](bool first) {
      for (int64_t i = 0; i < tokens; ++i) {
        BurnOneToken();
        step.arrive_and_wait();
        if (!first) continue;
        v1::DecodeResponse response;
        response.mutable_token()->set_id(static_cast<int32_t>(i));
        response.mutable_token()->set_text(" token");
        stream.Push(std::move(response));
      }
    };
    std::vector<std::jthread> others;
    for (std::ptrdiff_t i = 1; i < threads; ++i) others.emplace_back(work, false);
    work(true);
    stream.Finish(absl::OkStatus());
  }
};

// A server of its own and a client of it.
struct Port {
  explicit Port(bool guarded) : access(std::make_shared<server::AccessControl>(metrics, Clock::Real())) {
    std::shared_ptr<grpc::ChannelCredentials> channel_credentials = grpc::InsecureChannelCredentials();
    std::shared_ptr<server::TlsIdentity> tls;
    if (guarded) {
      const server::CertificateAuthority authority("authority");
      const server::IssuedCertificate own = authority.Issue("server"), client = authority.Issue("client");
      tls = std::make_shared<server::TlsIdentity>(
          server::TlsMaterial{.certificate = own.certificate, .key = own.key, .client_ca = authority.certificate()});
      channel_credentials = grpc::SslCredentials({.pem_root_certs = authority.certificate(),
                                                  .pem_private_key = client.key,
                                                  .pem_cert_chain = client.certificate});
      token = ValueOrDie(NewToken());
      std::vector<TokenEntry> entries;
      for (int i = 0; i < kKnownTokens; ++i)
        entries.push_back({absl::StrCat("n", i), Role::kInfer, HashToken(i == 0 ? token : absl::StrCat(i))});
      access->SetTokens(server::TokenSet(std::move(entries)));
    }
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", server::MakeServerCredentials(access, tls, guarded), &port);
    builder.SetContextAllocator(std::make_unique<server::CallContextAllocator>());  // Streams count what waits in it.
    builder.RegisterService(&service);
    server = builder.BuildAndStart();
    stub = v1::Inference::NewStub(grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), channel_credentials));
  }
  void Show(grpc::ClientContext& context) const {
    if (!token.empty()) context.AddMetadata("authorization", absl::StrCat("Bearer ", token));
  }

  server::Metrics metrics;
  std::shared_ptr<server::AccessControl> access;
  std::string token;
  FakeInference service;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<v1::Inference::Stub> stub;
};

void BenchmarkStream(benchmark::State& state, const Port* port) {
  for (auto _ : state) {
    grpc::ClientContext context;
    port->Show(context);
    v1::GenerateRequest request;
    request.set_max_tokens(kTokens);
    const auto stream = port->stub->Generate(&context, request);
    int received = 0;
    for (v1::DecodeResponse message; stream->Read(&message);) ++received;
    if (!stream->Finish().ok() || received != kTokens) return state.SkipWithError("the stream broke");
  }
  state.counters["tokens/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kTokens, benchmark::Counter::kIsRate);
}

void BenchmarkShortCall(benchmark::State& state, const Port* port) {
  for (auto _ : state) {
    grpc::ClientContext context;
    port->Show(context);
    v1::ListModelsResponse response;
    if (!port->stub->ListModels(&context, {}, &response).ok()) return state.SkipWithError("the call failed");
  }
}

}  // namespace
}  // namespace metronome

int main(int argc, char** argv) {
  const metronome::Port open(false), guarded(true);
  for (const auto& [name, port] : {std::pair{"open", &open}, std::pair{"guarded", &guarded}}) {
    benchmark::RegisterBenchmark((std::string("stream/") + name).c_str(), metronome::BenchmarkStream, port)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
    benchmark::RegisterBenchmark((std::string("short_call/") + name).c_str(), metronome::BenchmarkShortCall, port)
        ->Unit(benchmark::kMicrosecond)
        ->UseRealTime();
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
