#include "client/connection/connection.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "kernels/base/status_macros.h"

namespace metronome::client {
namespace {

namespace fs = std::filesystem;

// A ping follows this much silence during a call, and has as long for its answer: a server that vanished is noticed
// within 15 s.
constexpr int kKeepaliveMs = 7000;

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const std::string& address,
                                                       const ClientCredentials& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  return OpenChannel(address, credentials, arguments);
}

bool WaitConnected(grpc::Channel& channel, std::chrono::milliseconds timeout) {
  return channel.WaitForConnected(std::chrono::system_clock::now() + timeout);
}

// What gRPC says about a channel that does not connect: a refused connection, or a certificate that is not trusted.
std::string WhyNotConnected(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(1));
  v1::ListModelsResponse response;
  const grpc::Status status = v1::Inference::NewStub(channel)->ListModels(&context, {}, &response);
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ? absl::StrCat(" (", status.error_message(), ")") : "";
}

std::string FindDaemonProgram() {
  std::error_code error;
  const fs::path beside = fs::read_symlink("/proc/self/exe", error).parent_path() / "metronomed";
  return fs::exists(beside, error) ? beside.string() : "metronomed";
}

// The value after "grpc=" once the daemon has written its port file; empty before.
std::string ReadPort(const std::string& path) {
  std::ifstream file(path);
  std::string line, port;
  bool complete = false;  // The metrics line comes last.
  while (std::getline(file, line)) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "grpc=")) port = std::string(rest);
    complete = complete || absl::ConsumePrefix(&rest, "metrics=");
  }
  return complete ? port : "";
}

std::string LastLine(const std::string& path) {
  std::ifstream file(path);
  std::string line, last;
  while (std::getline(file, line)) last = line;
  return last;
}

struct SpawnedDaemon {
  pid_t pid;
  int lifeline;  // Its standard input. The system closes it with this process, however that ends, and the daemon stops.
};

absl::StatusOr<SpawnedDaemon> SpawnDaemon(const ServerOptions& options, const std::string& directory) {
  std::vector<std::string> arguments = {FindDaemonProgram(), "--listen",    "127.0.0.1:0",       "--metrics-listen", "",
                                        "--stop-with-stdin", "--port-file", directory + "/ports"};
  if (!options.database.empty()) arguments.insert(arguments.end(), {"--db", options.database});
  if (options.threads > 0) arguments.insert(arguments.end(), {"--threads", absl::StrCat(options.threads)});
  for (const std::string& root : options.model_roots) arguments.insert(arguments.end(), {"--model-root", root});
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  int lifeline[2];
  if (pipe2(lifeline, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot make a pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, lifeline[0], STDIN_FILENO);
  const std::string log = directory + "/log";
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(lifeline[0]);
  if (error != 0) {
    close(lifeline[1]);
    return absl::FailedPreconditionError(absl::StrCat("cannot start ", arguments[0], ": ", strerror(error)));
  }
  return SpawnedDaemon{pid, lifeline[1]};
}

}  // namespace

absl::Status FromGrpcStatus(const grpc::Status& status) {
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  if (code == absl::StatusCode::kUnauthenticated) {
    return absl::Status(code, absl::StrCat(status.error_message(), ": give --token-file FILE or set METRONOME_TOKEN"));
  }
  return absl::Status(code, status.error_message());
}

Connection::Connection(std::string address, std::shared_ptr<grpc::Channel> channel)
    : address_(std::move(address)),
      inference_(v1::Inference::NewStub(channel)),
      benchmark_(v1::Benchmark::NewStub(channel)) {}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const ServerOptions& options) {
  const bool chosen = !options.address.empty() || options.credentials.any();
  const std::string address = options.address.empty() ? kDefaultAddress : options.address;
  ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, Connect(address, options.credentials));
  // A daemon on this machine answers at once or not at all.
  const auto patience =
      chosen ? std::chrono::milliseconds(1000 * options.timeout_seconds) : std::chrono::milliseconds(300);
  if (WaitConnected(*channel, patience)) return std::unique_ptr<Connection>(new Connection(address, channel));
  if (chosen) return absl::UnavailableError(absl::StrCat("no daemon answers at ", address, WhyNotConnected(channel)));

  char directory[] = "/tmp/bench-client-XXXXXX";
  if (mkdtemp(directory) == nullptr) return absl::FailedPreconditionError("cannot make a temporary directory");
  const absl::StatusOr<SpawnedDaemon> daemon = SpawnDaemon(options, directory);
  if (!daemon.ok()) return daemon.status();
  const pid_t pid = daemon->pid;
  for (int waited_ms = 0; waited_ms < 1000 * options.timeout_seconds; waited_ms += 20) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const std::string port = ReadPort(absl::StrCat(directory, "/ports"));
    if (waitpid(pid, nullptr, WNOHANG) == pid) {
      return absl::FailedPreconditionError(
          absl::StrCat("metronomed did not start: ", LastLine(absl::StrCat(directory, "/log"))));
    }
    if (port.empty()) continue;
    const std::string own = absl::StrCat("127.0.0.1:", port);
    ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> own_channel, Connect(own, ClientCredentials()));
    auto connection = std::unique_ptr<Connection>(new Connection(own, own_channel));
    connection->daemon_ = pid;
    connection->lifeline_ = daemon->lifeline;
    connection->directory_ = directory;
    if (!WaitConnected(*own_channel, std::chrono::seconds(options.timeout_seconds))) {
      return absl::UnavailableError(absl::StrCat("the daemon started at ", own, " does not answer"));
    }
    std::fprintf(stderr, "No daemon on %s: started metronomed on %s for this command.\n", kDefaultAddress, own.c_str());
    return connection;
  }
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  return absl::UnavailableError(absl::StrCat("metronomed did not serve within ", options.timeout_seconds, " s"));
}

Connection::~Connection() {
  if (!daemon_.has_value()) return;
  inference_.reset();  // With the channel gone, the daemon has nobody to wait for.
  benchmark_.reset();
  kill(*daemon_, SIGTERM);
  waitpid(*daemon_, nullptr, 0);
  close(lifeline_);
  std::error_code error;
  fs::remove_all(directory_, error);
}

}  // namespace metronome::client
