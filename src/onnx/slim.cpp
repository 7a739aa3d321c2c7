// Compiled alone: other files of the folder have names of their own that are the same.
#include "onnx/slim.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/error.h"

namespace syncopate::onnx {
namespace {

/// Messages on the way from a model to its tensors.
enum class Message : std::uint8_t { model, graph, node, attribute, tensor };

enum Wire : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// Field numbers of onnx.proto.
constexpr std::uint64_t kModelGraph = 7;
constexpr std::uint64_t kGraphNode = 1;
constexpr std::uint64_t kGraphInitializer = 5;
constexpr std::uint64_t kNodeAttribute = 5;
constexpr std::uint64_t kAttributeTensor = 5;
constexpr std::uint64_t kTensorFloats = 4;
constexpr std::uint64_t kTensorRaw = 9;
constexpr std::uint64_t kTensorDoubles = 10;

void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

/// Walks the wire format once, front to back, copying all but tensor contents.
class Scanner {
 public:
  Scanner(const ByteSource& source, const std::string& file) : source_(source), file_(file) {}

  Slimmed run(Message root) {
    copy_message(root, source_.size(), slim_.bytes);
    if (slim_.bytes.size() > std::numeric_limits<std::int32_t>::max()) {
      fail("{}: over 2 GB without its tensors", file_);
    }
    return std::move(slim_);
  }

 private:
  [[noreturn]] void damaged() const {
    fail("{}: not an ONNX file, or truncated (at byte {} of {})", file_, at_, source_.size());
  }

  std::uint8_t next_byte(std::uint64_t end) {
    if (at_ >= end) damaged();
    if (at_ < window_at_ || at_ >= window_at_ + window_size_) {
      window_at_ = at_;
      window_size_ = std::min<std::uint64_t>(window_.size(), source_.size() - at_);
      source_.read(at_, std::span(window_).first(window_size_));
    }
    return static_cast<std::uint8_t>(window_[at_++ - window_at_]);
  }

  std::uint64_t varint(std::uint64_t end) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint64_t byte = next_byte(end);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    damaged();
  }

  void copy_bytes(std::uint64_t count, std::uint64_t end, std::string& out) {
    if (count > end - at_) damaged();
    const std::size_t old = out.size();
    out.resize(old + count);
    source_.read(at_, std::as_writable_bytes(std::span(out).subspan(old)));
    at_ += count;
  }

  void copy_message(Message message, std::uint64_t end, std::string& out) {
    while (at_ < end) {
      const std::uint64_t tag = varint(end);
      const std::uint64_t field = tag >> 3;
      switch (tag & 7) {
        case kVarint:
          put_varint(out, tag);
          put_varint(out, varint(end));
          break;
        case kFixed64:
          put_varint(out, tag);
          copy_bytes(8, end, out);
          break;
        case kFixed32:
          put_varint(out, tag);
          copy_bytes(4, end, out);
          break;
        case kBytes:
          copy_field(message, field, tag, end, out);
          break;
        default:
          damaged();
      }
    }
  }

  void copy_field(Message message, std::uint64_t field, std::uint64_t tag, std::uint64_t end,
                  std::string& out) {
    const std::uint64_t length = varint(end);
    if (length > end - at_) damaged();
    if (message == Message::tensor && length >= kCutBytes && cut(field, length)) {
      at_ += length;
      return;
    }
    put_varint(out, tag);
    Message inner = message;
    if (!enter(message, field, inner)) {
      put_varint(out, length);
      copy_bytes(length, end, out);
      return;
    }
    std::string child;
    copy_message(inner, at_ + length, child);
    put_varint(out, child.size());
    out += child;
  }

  /// Whether the field leads to tensors; keeps count of where the walk is.
  bool enter(Message message, std::uint64_t field, Message& inner) {
    if (message == Message::model && field == kModelGraph) {
      inner = Message::graph;
    } else if (message == Message::graph && field == kGraphInitializer) {
      inner = Message::tensor;
      cuts_ = &slim_.initializers[++initializer_];
    } else if (message == Message::graph && field == kGraphNode) {
      inner = Message::node;
      ++node_;
      attribute_ = -1;
    } else if (message == Message::node && field == kNodeAttribute) {
      inner = Message::attribute;
      ++attribute_;
    } else if (message == Message::attribute && field == kAttributeTensor) {
      inner = Message::tensor;
      cuts_ = &slim_.attributes[{node_, attribute_}];
    } else {
      return false;
    }
    return true;
  }

  bool cut(std::uint64_t field, std::uint64_t length) {
    Cut::Field kind{};
    if (field == kTensorRaw) {
      kind = Cut::Field::raw_data;
    } else if (field == kTensorFloats) {
      kind = Cut::Field::float_data;
    } else if (field == kTensorDoubles) {
      kind = Cut::Field::double_data;
    } else {
      return false;
    }
    cuts_->push_back({kind, at_, length});
    return true;
  }

  const ByteSource& source_;
  const std::string& file_;
  Slimmed slim_;
  std::uint64_t at_ = 0;
  std::array<std::byte, 16384> window_{};
  std::uint64_t window_at_ = 0;
  std::uint64_t window_size_ = 0;
  std::vector<Cut>* cuts_ = &slim_.own;
  int initializer_ = -1;
  int node_ = -1;
  int attribute_ = -1;
};

}  // namespace

Slimmed slim_model(const ByteSource& source, const std::string& file) {
  return Scanner(source, file).run(Message::model);
}

Slimmed slim_tensor(const ByteSource& source, const std::string& file) {
  return Scanner(source, file).run(Message::tensor);
}

}  // namespace syncopate::onnx
