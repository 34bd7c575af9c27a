#include "runtime/weights/safetensors.h"

#include <sys/stat.h>

#include <cstring>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/runtime/weights/safetensors_file.h"

namespace metronome::runtime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// Two tensors of 8 and 4 bytes.
const char kHeader[] = R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
"b":{"dtype":"BF16","shape":[1,2],"data_offsets":[8,12]}})";

class SafetensorsTest : public testing::Test {
 protected:
  absl::Status Open(const std::string& contents) {
    WriteFile(directory_.File("m.safetensors"), contents);
    auto file = SafetensorsFile::Open(directory_.File("m.safetensors"));
    if (file.ok()) file_ = *std::move(file);
    return file.status();
  }
  absl::Status OpenHeader(const std::string& header, size_t data_bytes = 12) {
    return Open(Safetensors(header, std::string(data_bytes, '\1')));
  }

  TempDirectory directory_;
  std::unique_ptr<SafetensorsFile> file_;
};

TEST_F(SafetensorsTest, ReadsTensorsInPlace) {
  const float values[] = {1.5f, -2.0f};
  std::string data(reinterpret_cast<const char*>(values), sizeof(values));
  ASSERT_TRUE(Open(Safetensors(kHeader, data + std::string("\x80\x3f\x00\xc0", 4))).ok());

  ASSERT_EQ(file_->tensors().size(), 2u);
  const StoredTensor& a = file_->tensors().at("a");
  EXPECT_EQ(a.dtype, kernels::DType::kFloat32);
  EXPECT_THAT(a.shape, ElementsAre(2));
  EXPECT_EQ(std::memcmp(a.data, values, sizeof(values)), 0);
  EXPECT_THAT(file_->tensors().at("b").shape, ElementsAre(1, 2));
  EXPECT_EQ(file_->tensors().at("b").bytes, 4);
}

TEST_F(SafetensorsTest, TypesThatAreNotReadAreKeptWithTheirCode) {
  ASSERT_TRUE(OpenHeader(R"({"q":{"dtype":"F8_E4M3","shape":[12],"data_offsets":[0,12]}})").ok());
  EXPECT_EQ(file_->tensors().at("q").dtype, std::nullopt);
  EXPECT_EQ(file_->tensors().at("q").dtype_code, "F8_E4M3");
}

TEST_F(SafetensorsTest, EmptyTensorsAndScalarsAreAllowed) {
  EXPECT_TRUE(
      OpenHeader(
          R"({"e":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})")
          .ok());
}

TEST_F(SafetensorsTest, MissingFileIsNotFound) {
  const auto file = SafetensorsFile::Open(directory_.File("none"));
  EXPECT_EQ(file.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(file.status().message(), HasSubstr("none"));
}

TEST_F(SafetensorsTest, DirectoryInPlaceOfAFileIsRefused) {
  EXPECT_EQ(SafetensorsFile::Open(directory_.path()).status().code(), kInvalid);
}

// Opening a pipe for reading waits for a writer that may never come.
TEST_F(SafetensorsTest, PipeInPlaceOfAFileIsRefused) {
  ASSERT_EQ(mkfifo(directory_.File("pipe").c_str(), 0600), 0);
  const auto file = SafetensorsFile::Open(directory_.File("pipe"));
  EXPECT_EQ(file.status().code(), kInvalid);
  EXPECT_THAT(file.status().message(), HasSubstr("pipe is not a regular file"));
}

TEST_F(SafetensorsTest, DeepNestingIsRefused) {
  EXPECT_EQ(OpenHeader("{\"a\":" + std::string(1'000'000, '[')).code(), kInvalid);
  EXPECT_EQ(OpenHeader("{\"a\":" + std::string(1'000'000, '[') + std::string(1'000'000, ']') + "}").code(), kInvalid);
}

TEST_F(SafetensorsTest, FilesTooShortOrWithALyingLengthAreRefused) {
  EXPECT_EQ(Open("").code(), kInvalid);
  EXPECT_EQ(Open("1234567").code(), kInvalid);
  EXPECT_THAT(Open(HeaderLength(100) + "{}").message(),
              AllOf(HasSubstr("m.safetensors"), HasSubstr("length of its header"), HasSubstr("10 bytes of file")));
  EXPECT_EQ(Open(HeaderLength(~uint64_t{0}) + "{}").code(), kInvalid);
  EXPECT_EQ(Open(HeaderLength(uint64_t{1} << 63) + "{}").code(), kInvalid);
}

struct BadHeader {
  const char* name;
  const char* header;
  const char* message;
};

class SafetensorsHeaderTest : public SafetensorsTest, public testing::WithParamInterface<BadHeader> {};

TEST_P(SafetensorsHeaderTest, IsRefusedNamingFileAndReason) {
  const absl::Status status = OpenHeader(GetParam().header);

  EXPECT_EQ(status.code(), kInvalid);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("m.safetensors"), HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    All, SafetensorsHeaderTest,
    testing::Values(
        BadHeader{"NotJson", "{\"a\":", "no JSON object"}, BadHeader{"Array", "[]", "no JSON object"},
        BadHeader{"PastTheEnd", R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})",
                  "'a' ends at offset 16, past the 12 data bytes"},
        BadHeader{
            "Overlap",
            R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
            "'b' at offset 4 overlaps 'a'"},
        BadHeader{"Backwards", R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}})", "not [begin, end]"},
        BadHeader{"Size", R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})",
                  "spans 8 bytes, but F32 [3] takes 12"},
        BadHeader{"Negative", R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", "non-negative integer"},
        BadHeader{"NegativeOffset", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}})",
                  "non-negative integer"},
        BadHeader{"Fraction", R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,8]}})", "non-negative integer"},
        BadHeader{"Overflow", R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}})",
                  "overflows"},
        BadHeader{"Dtype", R"({"a":{"dtype":"Q7","shape":[2],"data_offsets":[0,8]}})", "unknown dtype 'Q7'"},
        BadHeader{"Fields", R"({"a":{"dtype":"F32","shape":[2]}})", "lacks dtype, shape or data_offsets"},
        BadHeader{"OffsetsShape", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":8}})", "not an array"},
        BadHeader{"Entry", R"({"a":7})", "lacks dtype"}, BadHeader{"EntryList", R"({"a":[7]})", "lacks dtype"},
        BadHeader{"ShapeObject", R"({"a":{"dtype":"F32","shape":{"x":2},"data_offsets":[0,8]}})",
                  "shape is not an array"},
        BadHeader{"NestedShape", R"({"a":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}})", "non-negative integer"},
        BadHeader{"DtypeNumber", R"({"a":{"dtype":32,"shape":[2],"data_offsets":[0,8]}})", "lacks dtype"},
        BadHeader{
            "Duplicate",
            R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
            "names tensor 'a' twice"},
        // 2^63 - 4 bits fit an int64_t, rounding them up to whole bytes must not leave it.
        BadHeader{"HalfByteOverflow", R"({"a":{"dtype":"F4","shape":[2305843009213693951],"data_offsets":[0,12]}})",
                  "spans 12 bytes, but F4 [2305843009213693951] takes 1152921504606846976"}),
    [](const auto& info) { return info.param.name; });

// A mutated file is refused or read, never a crash; what is read lies within the file.
TEST_F(SafetensorsTest, MutatedFilesNeverReadOutside) {
  const std::string good = Safetensors(kHeader, std::string(12, '\2'));
  std::mt19937 random(7);
  int accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = good;
    for (int edits = 1 + static_cast<int>(random() % 3); edits > 0; --edits)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (round % 5 == 0) bytes.resize(random() % bytes.size());
    if (!Open(bytes).ok()) continue;
    ++accepted;
    for (const auto& [name, tensor] : file_->tensors()) {
      int sum = 0;
      for (int64_t i = 0; i < tensor.bytes; ++i) sum += static_cast<const char*>(tensor.data)[i];
      EXPECT_NE(sum, -1);
    }
  }
  EXPECT_GT(accepted, 0);
}

class SafetensorsDirectoryTest : public testing::Test {
 protected:
  void WriteShard(const std::string& name, const std::string& tensor) {
    std::filesystem::create_directories(std::filesystem::path(directory_.File(name)).parent_path());
    WriteFile(directory_.File(name),
              Safetensors("{\"" + tensor + R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "abcd"));
  }
  absl::Status OpenIndex(const std::string& index) {
    WriteFile(directory_.File("model.safetensors.index.json"), index);
    return SafetensorsDirectory::Open(directory_.path()).status();
  }

  TempDirectory directory_;
};

TEST_F(SafetensorsDirectoryTest, FindsTensorsAcrossShardsUnderTheFirstNameThatIsThere) {
  WriteShard("one.safetensors", "model.a");
  WriteShard("two.safetensors", "b");
  WriteFile(directory_.File("model.safetensors.index.json"),
            R"({"weight_map":{"model.a":"one.safetensors","b":"two.safetensors"}})");

  const auto opened = SafetensorsDirectory::Open(directory_.path());

  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_TRUE((*opened)->Find({"a", "model.a"}).ok());
  EXPECT_TRUE((*opened)->Find({"c", "b"}).ok());
  const auto missing = (*opened)->Find({"c", "model.c"});
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(missing.status().message(), HasSubstr("c or model.c"));
}

TEST_F(SafetensorsDirectoryTest, AWholeFileWinsOverAStaleIndex) {
  WriteShard("model.safetensors", "a");
  ASSERT_TRUE(OpenIndex(R"({"weight_map":{"old":"gone.safetensors"}})").ok());
  EXPECT_TRUE((*SafetensorsDirectory::Open(directory_.path()))->Find({"a"}).ok());
}

// Shards that are listed are searched, whatever the index says of single tensors.
TEST_F(SafetensorsDirectoryTest, TheIndexNamesShardsAndTensorsAreWhereTheyAre) {
  WriteShard("one.safetensors", "a");
  WriteShard("two.safetensors", "b");
  WriteShard("three.safetensors", "c");
  ASSERT_TRUE(OpenIndex(R"({"weight_map":{"a":"two.safetensors","gone":"one.safetensors"}})").ok());
  const auto opened = SafetensorsDirectory::Open(directory_.path());
  EXPECT_TRUE((*opened)->Find({"a"}).ok());
  EXPECT_TRUE((*opened)->Find({"b"}).ok());
  EXPECT_EQ((*opened)->Find({"gone"}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ((*opened)->Find({"c"}).status().code(), absl::StatusCode::kNotFound);  // Of no listed shard.
}

TEST_F(SafetensorsDirectoryTest, ShardsMayLieInFoldersOfTheDirectory) {
  WriteShard("parts/one.safetensors", "a");
  WriteShard("two.safetensors", "b");
  ASSERT_TRUE(OpenIndex(R"({"weight_map":{"a":"parts/one.safetensors","b":"parts/../two.safetensors"}})").ok());
  const auto opened = SafetensorsDirectory::Open(directory_.path());
  EXPECT_TRUE((*opened)->Find({"a"}).ok());
  EXPECT_TRUE((*opened)->Find({"b"}).ok());
}

TEST_F(SafetensorsDirectoryTest, ATensorThatIsThereTwiceIsRefusedWhenItIsWanted) {
  WriteShard("one.safetensors", "a");
  WriteShard("two.safetensors", "a");
  WriteShard("three.safetensors", "model.b");
  WriteShard("four.safetensors", "b");
  WriteShard("five.safetensors", "c");
  ASSERT_TRUE(OpenIndex(R"({"weight_map":{"1":"one.safetensors","2":"two.safetensors","3":"three.safetensors",
                                          "4":"four.safetensors","5":"five.safetensors"}})")
                  .ok());
  const auto opened = SafetensorsDirectory::Open(directory_.path());
  EXPECT_TRUE((*opened)->Find({"c"}).ok());
  const absl::Status files = (*opened)->Find({"a"}).status(), names = (*opened)->Find({"b", "model.b"}).status();
  EXPECT_EQ(files.code(), kInvalid);
  EXPECT_THAT(files.message(), HasSubstr("both in one.safetensors and in two.safetensors"));
  EXPECT_EQ(names.code(), kInvalid);
  EXPECT_THAT(names.message(), HasSubstr("tensors b and model.b"));
}

TEST_F(SafetensorsDirectoryTest, OtherFormatsAreNamed) {
  WriteFile(directory_.File("pytorch_model.bin"), "PK");
  EXPECT_THAT(SafetensorsDirectory::Open(directory_.path()).status().message(),
              HasSubstr("pytorch_model.bin is there"));
}

TEST_F(SafetensorsDirectoryTest, MissingDirectoryAndMissingFilesAreNotFound) {
  EXPECT_EQ(SafetensorsDirectory::Open(directory_.File("none")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(SafetensorsDirectory::Open(directory_.path()).status().message(), HasSubstr("no model.safetensors"));
}

TEST_F(SafetensorsDirectoryTest, ShardsOutsideTheDirectoryAreRefused) {
  for (const char* shard : {"../x.safetensors", "/etc/passwd", "..", "", ".", "a/", "a/../../x", "a/.."}) {
    const absl::Status status = OpenIndex(std::string(R"({"weight_map":{"a":")") + shard + "\"}}");
    EXPECT_EQ(status.code(), kInvalid) << shard;
    EXPECT_THAT(status.message(), HasSubstr("no file name"));
  }
}

TEST_F(SafetensorsDirectoryTest, MalformedIndexesAreRefused) {
  WriteShard("one.safetensors", "a");
  EXPECT_EQ(OpenIndex("{").code(), kInvalid);
  EXPECT_EQ(OpenIndex("{}").code(), kInvalid);
  EXPECT_EQ(OpenIndex(R"({"weight_map":{"a":3}})").code(), kInvalid);
  EXPECT_EQ(OpenIndex(R"({"weight_map":{}})").code(), kInvalid);
  const absl::Status gone = OpenIndex(R"({"weight_map":{"a":"gone.safetensors","b":"one.safetensors"}})");
  EXPECT_EQ(gone.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(gone.message(), HasSubstr("lacks gone.safetensors, which model.safetensors.index.json names"));
  std::filesystem::remove(directory_.File("model.safetensors.index.json"));
  ASSERT_EQ(mkfifo(directory_.File("model.safetensors.index.json").c_str(), 0600), 0);
  EXPECT_EQ(SafetensorsDirectory::Open(directory_.path()).status().code(), kInvalid);
}

}  // namespace
}  // namespace metronome::runtime
