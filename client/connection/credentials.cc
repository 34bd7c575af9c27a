#include "client/connection/credentials.h"

#include <arpa/inet.h>
#include <grpcpp/support/client_interceptor.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "kernels/base/status_macros.h"
#include "runtime/files/regular_file.h"

namespace metronome::client {
namespace {

constexpr int64_t kMaxTokenFileBytes = 4096;
constexpr int64_t kMaxPemBytes = int64_t{1} << 20;

const char* TokenFromEnvironment() {
  const char* const token = std::getenv("METRONOME_TOKEN");
  return token == nullptr ? "" : token;
}

// Adds the token to the headers of each call. Call credentials of gRPC would do so over TLS alone.
class TokenInterceptor final : public grpc::experimental::Interceptor {
 public:
  explicit TokenInterceptor(const std::string& header) : header_(header) {}
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(grpc::experimental::InterceptionHookPoints::PRE_SEND_INITIAL_METADATA))
      methods->GetSendInitialMetadata()->insert({"authorization", header_});
    methods->Proceed();
  }

 private:
  const std::string& header_;  // Of the factory, which the channel keeps.
};

class TokenInterceptorFactory final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit TokenInterceptorFactory(const std::string& token) : header_(absl::StrCat("Bearer ", token)) {}
  grpc::experimental::Interceptor* CreateClientInterceptor(grpc::experimental::ClientRpcInfo*) override {
    return new TokenInterceptor(header_);
  }

 private:
  const std::string header_;
};

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TransportOf(const ClientCredentials& credentials) {
  if (credentials.tls_cert.empty() != credentials.tls_key.empty())
    return absl::InvalidArgumentError("--tls-cert and --tls-key need each other");
  if (credentials.tls_ca.empty()) {
    if (!credentials.tls_cert.empty()) return absl::InvalidArgumentError("--tls-cert needs --tls-ca");
    return grpc::InsecureChannelCredentials();
  }
  grpc::SslCredentialsOptions options;
  ASSIGN_OR_RETURN(options.pem_root_certs, ReadRegularFile(credentials.tls_ca, kMaxPemBytes));
  if (!credentials.tls_cert.empty()) {
    ASSIGN_OR_RETURN(options.pem_cert_chain, ReadRegularFile(credentials.tls_cert, kMaxPemBytes));
    ASSIGN_OR_RETURN(options.pem_private_key, ReadRegularFile(credentials.tls_key, kMaxPemBytes));
  }
  return grpc::SslCredentials(options);
}

void WarnIfOthersMayRead(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0 || (status.st_mode & S_IRWXO) == 0) return;
  std::fprintf(stderr, "bench-client: everybody on this machine may read the token in %s: chmod 600\n", path.c_str());
}

}  // namespace

bool ClientCredentials::any() const {
  return !tls_ca.empty() || !tls_cert.empty() || !tls_key.empty() || !token_file.empty() ||
         *TokenFromEnvironment() != 0;
}

absl::StatusOr<std::string> ReadToken(const ClientCredentials& credentials) {
  std::string token = TokenFromEnvironment();
  absl::string_view source = "METRONOME_TOKEN";
  if (!credentials.token_file.empty()) {
    source = credentials.token_file;
    ASSIGN_OR_RETURN(token, ReadRegularFile(credentials.token_file, kMaxTokenFileBytes));
    WarnIfOthersMayRead(credentials.token_file);
    absl::StripAsciiWhitespace(&token);
    if (token.empty()) return absl::InvalidArgumentError(absl::StrCat(source, " has no token"));
  }
  if (!std::all_of(token.begin(), token.end(), absl::ascii_isgraph))
    return absl::InvalidArgumentError(absl::StrCat(source, " has more than a token, which is one word of ASCII"));
  return token;
}

bool IsLocalTarget(const std::string& target) {
  absl::string_view host = target;
  if (absl::StartsWith(host, "unix:")) return true;
  const size_t colon = host.rfind(':');
  const bool bracketed = absl::StartsWith(host, "[");
  if (colon != absl::string_view::npos && (!bracketed || host[colon - 1] == ']')) host = host.substr(0, colon);
  if (bracketed && !(absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]"))) return false;
  const std::string name(host);
  if (name == "localhost") return true;
  in_addr ipv4;
  if (inet_pton(AF_INET, name.c_str(), &ipv4) == 1) return (ntohl(ipv4.s_addr) >> 24) == 127;
  in6_addr ipv6;
  return inet_pton(AF_INET6, name.c_str(), &ipv6) == 1 && IN6_IS_ADDR_LOOPBACK(&ipv6);
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const std::string& target,
                                                           const ClientCredentials& credentials,
                                                           const grpc::ChannelArguments& arguments) {
  ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ChannelCredentials> transport, TransportOf(credentials));
  ASSIGN_OR_RETURN(const std::string token, ReadToken(credentials));
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> interceptors;
  if (!token.empty()) {
    if (credentials.tls_ca.empty() && !IsLocalTarget(target) && !credentials.insecure) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the token would go to ", target, " in the clear: give --tls-ca, or accept the risk with --insecure"));
    }
    interceptors.push_back(std::make_unique<TokenInterceptorFactory>(token));
  }
  return grpc::experimental::CreateCustomChannelWithInterceptors(target, transport, arguments, std::move(interceptors));
}

}  // namespace metronome::client
