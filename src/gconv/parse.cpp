#include <optional>

#include "gconv/chain.h"
#include "gconv/text_parts.h"

namespace syncopate::gconv {
namespace {

class Parser {
 public:
  explicit Parser(const std::map<std::string, Tensor>& constants) : constants_(constants) {}

  Chain parse(std::string_view text) {
    int number = 0;
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      const TextLine line(text.substr(0, end), ++number);
      text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
      if (!line.empty()) {
        read(line);
      }
    }
    if (!named_) {
      fail("chain text: no line `chain \"name\" ...` found");
    }
    try {
      verify(chain_);
    } catch (const InternalError& problem) {
      fail("chain text: {}", problem.what());
    }
    return std::move(chain_);
  }

 private:
  void read(const TextLine& line) {
    const std::string& keyword = line.keyword();
    if (keyword == "chain") {
      read_header(line);
    } else if (keyword == "input" || keyword == "output") {
      line.allow_only({}, 1);
      (keyword == "input" ? chain_.inputs : chain_.outputs).push_back(tensor_name(line));
    } else if (keyword == "tensor") {
      read_tensor(line);
    } else if (keyword == "gconv") {
      read_gconv(line);
    } else if (chain_.gconvs.empty()) {
      line.error("'{}' before the first gconv; expected chain, input, output, tensor or gconv",
                 keyword);
    } else {
      read_part(line, chain_.gconvs.back());
    }
  }

  void read_header(const TextLine& line) {
    line.allow_only({"quantized", "synthetic", "weight_bits", "activation_bits"}, 1);
    if (named_) {
      line.error("a second chain");
    }
    named_ = true;
    chain_.name = line.positional(0);
    chain_.quantized = line.number_of<int>("quantized") != 0;
    chain_.synthetic = line.number_of<int>("synthetic") != 0;
    chain_.weight_bits = line.number_of<int>("weight_bits");
    chain_.activation_bits = line.number_of<int>("activation_bits");
  }

  /// Names may be used before their tensor line; the verifier finds those that have none.
  static std::string tensor_name(const TextLine& line) { return line.positional(0); }

  void read_tensor(const TextLine& line) {
    line.allow_only(
        {"elements", "scale", "channel_scale", "shape", "layout", "const", "const_shape"}, 2);
    TensorInfo info;
    try {
      info.dtype = dtype_from(line.positional(1));
    } catch (const InputError& problem) {
      line.error("{}", problem.what());
    }
    info.elements = line.number_of<std::int64_t>("elements");
    info.scale = line.number_or<double>("scale", 0);
    if (line.has("channel_scale")) {
      info.channel_scale = line.list_of<double>("channel_scale");
    }
    if (line.has("shape")) {
      info.shape = line.list_of<std::int64_t>("shape");
    }
    if (line.has("layout")) {
      info.layout = line.text("layout");
      if (info.layout.empty() || info.layout != channels_last(info.shape.size())) {
        line.error("layout '{}' does not fit the shape", info.layout);
      }
    }
    if (line.has("const")) {
      info.constant = find_constant(line, info.dtype);
    }
    if (!chain_.tensors.emplace(line.positional(0), std::move(info)).second) {
      line.error("tensor '{}' is described twice", line.positional(0));
    }
  }

  Tensor find_constant(const TextLine& line, DType dtype) const {
    const std::string& name = line.positional(0);
    const auto found = constants_.find(name);
    if (found == constants_.end()) {
      line.error("the contents of constant '{}' are not given", name);
    }
    const Tensor& tensor = found->second;
    const auto shape = line.list_of<std::int64_t>("const_shape");
    if (tensor.dtype() != dtype || tensor.shape() != shape) {
      line.error("constant '{}' is {} {}, but the text says {} {}", name, name_of(tensor.dtype()),
                 to_string(tensor.shape()), name_of(dtype), to_string(shape));
    }
    const std::string hash = fmt::format("{:016x}", content_hash(tensor));
    if (line.text("const") != hash) {
      line.error("constant '{}' has hash {}, but the text says {}: they do not belong together",
                 name, hash, line.text("const"));
    }
    return tensor;
  }

  template <class Enum>
  static Enum named(const TextLine& line, std::string_view key, int count) {
    const std::string word = line.text(key);
    for (int i = 0; i < count; ++i) {
      if (name_of(static_cast<Enum>(i)) == word) {
        return static_cast<Enum>(i);
      }
    }
    line.error("unknown {} '{}'", key, word);
  }

  void read_gconv(const TextLine& line) {
    line.allow_only({"layer", "channel", "pre", "main", "reduce", "input_factor", "kernel_factor"},
                    1);
    GConv gconv;
    gconv.name = line.positional(0);
    gconv.layer = line.text("layer");
    gconv.channel = line.has("channel") ? line.text("channel") : "";
    gconv.pre = named<Pre>(line, "pre", 4);
    gconv.main = named<Main>(line, "main", 4);
    gconv.reduce = named<Reduce>(line, "reduce", 3);
    gconv.input_factor = line.number_or<std::int64_t>("input_factor", 1);
    gconv.kernel_factor = line.number_or<std::int64_t>("kernel_factor", 1);
    chain_.gconvs.push_back(std::move(gconv));
  }

  static void read_part(const TextLine& line, GConv& gconv) {
    const std::string& keyword = line.keyword();
    if (keyword == "dim") {
      gconv.dims.push_back(read_dim(line));
    } else if (keyword == "in") {
      gconv.input = read_view(line);
    } else if (keyword == "kernel") {
      gconv.kernel = read_view(line);
    } else if (keyword == "out") {
      gconv.output = read_view(line);
    } else if (keyword == "fixed") {
      gconv.fixed = read_fixed(line);
    } else {
      gconv.post.push_back(read_post(line));
    }
  }

  static Dim read_dim(const TextLine& line) {
    line.allow_only({"ng", "nop", "nopc", "nks", "stride", "dilation", "pad", "nips"}, 1);
    Dim dim;
    dim.name = line.positional(0);
    const auto read = [&](std::string_view key, std::int64_t& field) {
      field = line.number_or<std::int64_t>(key, field);
    };
    read("ng", dim.ng);
    read("nop", dim.nop);
    read("nopc", dim.nopc);
    read("nks", dim.nks);
    read("stride", dim.stride);
    read("dilation", dim.dilation);
    read("pad", dim.pad);
    read("nips", dim.nips);
    return dim;
  }

  static View read_view(const TextLine& line) {
    line.allow_only({"base", "strides"}, 1);
    return {line.positional(0), line.number_of<std::int64_t>("base"),
            line.list_of<std::int64_t>("strides")};
  }

  static PostOp read_post(const TextLine& line) {
    PostOp op;
    if (line.keyword() == "affine") {
      line.allow_only({"scale", "bias"}, 0);
      op.kind = PostOp::Kind::affine;
      op.scale = line.list_of<double>("scale");
      op.bias = line.list_of<double>("bias");
    } else if (line.keyword() == "clamp") {
      line.allow_only({"low", "high"}, 0);
      op.kind = PostOp::Kind::clamp;
      op.low = line.number_of<double>("low");
      op.high = line.number_of<double>("high");
    } else if (line.keyword() == "function") {
      line.allow_only({"kind", "alpha", "beta", "gamma"}, 0);
      op.kind = PostOp::Kind::function;
      op.function = named<Function>(line, "kind", 9);
      op.alpha = line.number_of<double>("alpha");
      op.beta = line.number_of<double>("beta");
      op.gamma = line.number_of<double>("gamma");
    } else {
      line.error("unknown word '{}'; expected dim, in, kernel, out, affine, clamp, function, fixed",
                 line.keyword());
    }
    return op;
  }

  static FixedPost read_fixed(const TextLine& line) {
    line.allow_only({"multiplier", "bias", "shift", "low", "high", "table"}, 0);
    FixedPost post;
    post.multiplier = line.list_of<std::int64_t>("multiplier");
    post.bias = line.list_of<std::int64_t>("bias");
    post.shift = line.list_of<int>("shift");
    post.low = line.number_of<std::int64_t>("low");
    post.high = line.number_of<std::int64_t>("high");
    if (line.has("table")) {
      post.table =
          std::make_shared<const std::vector<std::int16_t>>(line.list_of<std::int16_t>("table"));
    }
    return post;
  }

  const std::map<std::string, Tensor>& constants_;
  Chain chain_;
  bool named_ = false;
};

}  // namespace

Chain parse_text(std::string_view text, const std::map<std::string, Tensor>& constants) {
  return Parser(constants).parse(text);
}

}  // namespace syncopate::gconv
