// The daemon in this process with TLS, client certificates and tokens, and clients on real channels.
#include <sys/stat.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "runtime/access/token.h"
#include "tests/server/access/certificates.h"
#include "tests/server/served_daemon.h"

namespace metronome::server {
namespace {

struct Files {
  Files() {
    WriteTls(authority);
    std::string lines;
    for (const char* role : {"read", "infer", "benchmark", "admin"}) lines += Line(role, role);
    WriteTokens(lines);
  }
  static std::string Line(const std::string& name, const std::string& roles) {
    return FormatTokenEntry({.name = name, .roles = *ParseRoles(roles), .hash = HashToken(name + "-token")}) + "\n";
  }
  void WriteTokens(const std::string& lines) const { chmod(directory.Write("tokens", lines).c_str(), 0600); }
  void WriteTls(const CertificateAuthority& issuer) const {
    const IssuedCertificate own = issuer.Issue("server");
    directory.Write("cert.pem", own.certificate);
    directory.Write("key.pem", own.key);
    directory.Write("ca.pem", authority.certificate());
  }
  void Configure(DaemonConfig& config) const {
    config.tls_cert = directory.File("cert.pem");
    config.tls_key = directory.File("key.pem");
    config.tls_client_ca = directory.File("ca.pem");
    config.tokens = directory.File("tokens");
  }

  const CertificateAuthority authority{"authority"};
  const TempDirectory directory;
};

class AccessServiceTest : protected Files, public ServedDaemon {
 protected:
  AccessServiceTest() : ServedDaemon([this](DaemonConfig& config) { Configure(config); }) {
    Use(Channel(authority, &client_));
  }

  // `own`: the client's certificate, or nullptr.
  std::shared_ptr<grpc::Channel> Channel(const CertificateAuthority& trusted, const IssuedCertificate* own) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = trusted.certificate();
    if (own != nullptr) {
      options.pem_cert_chain = own->certificate;
      options.pem_private_key = own->key;
    }
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // A connection of its own.
    return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", daemon_->grpc_port()), grpc::SslCredentials(options),
                                     arguments);
  }
  void Use(std::shared_ptr<grpc::Channel> channel) {
    channel_ = std::move(channel);
    inference_ = v1::Inference::NewStub(channel_);
    benchmark_ = v1::Benchmark::NewStub(channel_);
  }
  static void Show(Context& context, const std::string& name) {
    if (!name.empty()) context.AddMetadata("authorization", absl::StrCat("Bearer ", name, "-token"));
  }
  grpc::Status ListModels(const std::string& name) {
    Context context;
    Show(context, name);
    v1::ListModelsResponse response;
    return inference_->ListModels(&context, {}, &response);
  }
  grpc::Status Unload(const std::string& name, const std::string& model) {
    Context context;
    Show(context, name);
    v1::UnloadRequest request;
    request.set_model(model);
    v1::UnloadResponse response;
    return inference_->Unload(&context, request, &response);
  }
  grpc::Status CompileAs(const std::string& name, const v1::CompileRequest& request) {
    Context context;
    Show(context, name);
    std::vector<v1::CompileResponse> messages;
    return ReadAll(inference_->Compile(&context, request), &messages);
  }
  DaemonConfig ReloadedConfig() const {
    DaemonConfig config;
    Configure(config);
    return config;
  }

  const IssuedCertificate client_ = authority.Issue("client");
};

TEST_F(AccessServiceTest, RolesDecide) {
  EXPECT_TRUE(ListModels("read").ok()) << ListModels("read").error_message();
  EXPECT_EQ(ListModels("").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ListModels("stranger").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Unload("infer", "tiny-llama").error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Unload("admin", "tiny-llama").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(CompileAs("read", TinyRequest()).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(CompileAs("infer", TinyRequest()).ok());
}

// Loaded, known or unheard of: whoever may not ask gets the same answer.
TEST_F(AccessServiceTest, DenialsTellNothing) {
  ASSERT_TRUE(CompileAs("infer", TinyRequest()).ok());
  for (const char* name : {"", "read"}) {
    const grpc::Status loaded = Unload(name, "tiny-llama");
    for (const char* model : {"llama-3.2-1b", "no-such-model", "/etc", ""}) {
      const grpc::Status other = Unload(name, model);
      EXPECT_EQ(other.error_code(), loaded.error_code());
      EXPECT_EQ(other.error_message(), loaded.error_message());
    }
  }
}

TEST_F(AccessServiceTest, OnlyAnAdminHasNewDirectoriesLookedInto) {
  const std::string there = METRONOME_GOLDEN_DIR "/models/qwen3", not_there = "/no/such/directory";
  const grpc::Status denied = CompileAs("infer", TinyRequest(there));
  EXPECT_EQ(denied.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(CompileAs("infer", TinyRequest(not_there)).error_message(), denied.error_message());
  v1::CompileRequest weights = TinyRequest();
  weights.set_weights(there);
  EXPECT_EQ(CompileAs("infer", weights).error_code(), grpc::StatusCode::PERMISSION_DENIED);

  Context context;
  Show(context, "benchmark");
  v1::RunBenchmarkRequest benchmark;
  benchmark.mutable_spec()->set_model(there);
  benchmark.mutable_spec()->set_iters(1);
  benchmark.mutable_spec()->set_decode_tokens(2);
  benchmark.mutable_spec()->set_prompt_tokens(2);
  std::vector<v1::RunBenchmarkResponse> messages;
  EXPECT_EQ(ReadAll(benchmark_->RunBenchmark(&context, benchmark), &messages).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);

  const grpc::Status admitted = CompileAs("admin", TinyRequest(there));
  ASSERT_TRUE(admitted.ok()) << admitted.error_message();
  EXPECT_TRUE(CompileAs("infer", TinyRequest(there)).ok());  // No longer new.
}

TEST_F(AccessServiceTest, OnlyAnAdminRecords) {
  for (const auto& [name, code] : {std::pair{"benchmark", grpc::StatusCode::PERMISSION_DENIED},
                                   std::pair{"admin", grpc::StatusCode::INVALID_ARGUMENT}}) {
    Context context;
    Show(context, name);
    v1::RecordResultResponse response;
    EXPECT_EQ(benchmark_->RecordResult(&context, {}, &response).error_code(), code) << name;
  }
}

TEST_F(AccessServiceTest, ClientsNeedACertificateOfTheRightAuthority) {
  const CertificateAuthority other("other");
  const IssuedCertificate foreign = other.Issue("client");
  const IssuedCertificate old = authority.Issue("client", {.from = -absl::Hours(48), .until = -absl::Hours(1)});
  for (const IssuedCertificate* shown : {static_cast<const IssuedCertificate*>(nullptr), &foreign, &old}) {
    Use(Channel(authority, shown));
    EXPECT_EQ(ListModels("admin").error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  Use(Channel(other, &client_));  // The client does not trust the daemon.
  EXPECT_EQ(ListModels("admin").error_code(), grpc::StatusCode::UNAVAILABLE);
  Use(grpc::CreateChannel(absl::StrCat("127.0.0.1:", daemon_->grpc_port()), grpc::InsecureChannelCredentials()));
  EXPECT_EQ(ListModels("admin").error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(AccessServiceTest, ReloadedTokensCountForTheNextCallOnTheSameConnection) {
  ASSERT_TRUE(ListModels("read").ok());
  WriteTokens(Line("new", "read"));
  daemon_->Reload(ReloadedConfig());

  EXPECT_EQ(ListModels("read").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(ListModels("new").ok());
}

TEST_F(AccessServiceTest, AReloadedCertificateIsThatOfTheNextConnection) {
  ASSERT_TRUE(ListModels("read").ok());
  const CertificateAuthority successor("successor");
  WriteTls(successor);
  daemon_->Reload(ReloadedConfig());

  EXPECT_TRUE(ListModels("read").ok());  // On the connection that there is.
  Use(Channel(successor, &client_));
  EXPECT_TRUE(ListModels("read").ok());
  Use(Channel(authority, &client_));
  EXPECT_EQ(ListModels("read").error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(AccessServiceTest, AStreamOutlivesItsToken) {
  ASSERT_TRUE(CompileAs("infer", TinyRequest()).ok());
  Context context;
  Show(context, "infer");
  v1::GenerateRequest request;
  request.set_model("tiny-llama");
  request.mutable_prompt()->mutable_tokens()->add_ids(3);
  request.set_max_tokens(200);
  const auto stream = inference_->Generate(&context, request);
  v1::DecodeResponse message;
  ASSERT_TRUE(stream->Read(&message));
  WriteTokens(Line("new", "read"));
  daemon_->Reload(ReloadedConfig());

  int tokens = 1;
  while (stream->Read(&message)) tokens += message.has_token() ? 1 : 0;
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(tokens, 200);
}

}  // namespace
}  // namespace metronome::server
