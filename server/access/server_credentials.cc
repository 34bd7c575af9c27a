#include "server/access/server_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <spdlog/spdlog.h>

#include <string>
#include <utility>
#include <vector>

#include "server/rpc/grpc_status.h"
#include "server/rpc/guard.h"

namespace metronome::server {
namespace {

// Owned by gRPC's credentials, which outlive the server's last handshake and call.
struct State {
  std::shared_ptr<AccessControl> access;
  std::shared_ptr<TlsIdentity> tls;
};

absl::string_view View(const grpc_slice& slice) {
  return {reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(slice)), GRPC_SLICE_LENGTH(slice)};
}

// gRPC calls it for every call of every service, those that it does not know included.
void Admit(void* state, grpc_auth_context*, const grpc_metadata* metadata, size_t count,
           grpc_process_auth_metadata_done_cb done, void* user_data) {
  const absl::Status status = Guarded("authentication", [&] {
    absl::string_view path;
    std::vector<absl::string_view> authorizations;
    for (const grpc_metadata* at = metadata; at != metadata + count; ++at) {
      if (View(at->key) == ":path") path = View(at->value);
      if (View(at->key) == "authorization") authorizations.push_back(View(at->value));
    }
    return static_cast<State*>(state)->access->Admit(path, authorizations);
  });
  const grpc::Status denial = ToGrpcStatus(status);
  done(user_data, nullptr, 0, nullptr, 0, static_cast<grpc_status_code>(denial.error_code()),
       status.ok() ? nullptr : denial.error_message().c_str());
}

void Destroy(void* state) { delete static_cast<State*>(state); }

// gRPC calls it before every handshake, one at a time.
grpc_ssl_certificate_config_reload_status FetchCertificate(void* state, grpc_ssl_server_certificate_config** config) {
  const std::optional<TlsMaterial> material = static_cast<State*>(state)->tls->TakeIfNew();
  if (!material.has_value()) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  const grpc_ssl_pem_key_cert_pair pair = {.private_key = material->key.c_str(),
                                           .cert_chain = material->certificate.c_str()};
  // gRPC insists on authorities even where it asks clients for no certificate.
  const std::string& authorities = material->client_ca.empty() ? material->certificate : material->client_ca;
  *config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

// gRPC's C++ interface offers neither certificates that change when they are told to nor a look at calls without TLS;
// its C interface, which is as stable, has both.
class Credentials final : public grpc::ServerCredentials {
 public:
  Credentials(std::shared_ptr<AccessControl> access, std::shared_ptr<TlsIdentity> tls, bool require_client) {
    auto* const state = new State{std::move(access), std::move(tls)};
    if (state->tls == nullptr) {
      credentials_ = grpc_insecure_server_credentials_create();
    } else {
      credentials_ = grpc_ssl_server_credentials_create_with_options(
          grpc_ssl_server_credentials_create_options_using_config_fetcher(
              require_client ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                             : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
              FetchCertificate, state));
    }
    grpc_server_credentials_set_auth_metadata_processor(credentials_, {Admit, Destroy, state});
  }
  ~Credentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}  // It has one.

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  grpc_server_credentials* credentials_ = nullptr;
};

}  // namespace

void TlsIdentity::Replace(TlsMaterial material) {
  absl::MutexLock lock(&mutex_);
  material_ = std::move(material);
  taken_ = false;
}

std::optional<TlsMaterial> TlsIdentity::TakeIfNew() {
  absl::MutexLock lock(&mutex_);
  if (std::exchange(taken_, true)) return std::nullopt;
  return material_;
}

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(std::shared_ptr<AccessControl> access,
                                                               std::shared_ptr<TlsIdentity> tls, bool require_client) {
  return std::make_shared<Credentials>(std::move(access), std::move(tls), require_client);
}

}  // namespace metronome::server
