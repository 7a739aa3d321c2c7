#include "train/optimizer.h"

#include <algorithm>
#include <numeric>

namespace syncopate::train {
namespace {

using torch::Tensor;

/// The parameter of that name; InputError that lists what constraints can be put on.
Variable& find(Module& module, const std::string& name, std::string_view what) {
  for (Variable& variable : module.parameters()) {
    if (variable.name == name) return variable;
  }
  fail("{} for '{}': the network trains no constant of that name", what, name);
}

/// The gradient of a parameter; zeros where the loss does not depend on it.
Tensor gradient(const Variable& variable) {
  Tensor& grad = variable.tensor.mutable_grad();
  if (!grad.defined()) grad = torch::zeros_like(variable.tensor);
  return grad;
}

/// Gives every element its entry.
void show(Variable& variable, const Tensor& entries, const Tensor& slot) {
  variable.tensor.copy_(entries.index_select(0, slot).view(variable.tensor.sizes()));
}

/// The elements whose entry is not zero; under masks they are few.
Members members_of(const Tensor& entries, const Tensor& slot) {
  const Tensor index = entries.index_select(0, slot).nonzero().flatten();
  return {index, slot.index_select(0, index)};
}

/// Gives members their entries; the other elements are zero and stay so.
void show(Variable& variable, const Tensor& entries, const Members& members) {
  variable.tensor.view(-1).index_copy_(0, members.index, entries.index_select(0, members.slot));
}

/// Sums of the members' values by entry, f64. Accumulating by index_put_ sorts on a GPU, where
/// index_add_ would add in another order each time.
Tensor sums_by_entry(const Tensor& values, const Members& members, const Tensor& entries) {
  Tensor sums = torch::zeros_like(entries, torch::kDouble);
  const Tensor picked = values.flatten().index_select(0, members.index);
  sums.index_put_({members.slot}, picked.to(torch::kDouble), /*accumulate=*/true);
  return sums;
}

/// Entries may become fewer, but a run that is continued has to find as many: 2^bits and a zero.
std::size_t padded_entries(const codec::CodebookOptions& how) {
  return (std::size_t{1} << how.bits) + 1;
}

}  // namespace

Optimizer::Optimizer(Module& module, const Options& options, const Constraints& constraints,
                     std::int64_t choosing)
    : module_(module), options_(options), choosing_(choosing) {
  const torch::NoGradGuard guard;
  for (const auto& [name, bytes] : constraints.masks) add_mask(find(module, name, "mask"), bytes);
  for (const auto& [name, books] : constraints.codebooks) {
    add_book(find(module, name, "codebook"), books);
  }
  for (const auto& [name, how] : constraints.clusters) {
    if (constraints.codebooks.contains(name)) fail("'{}': has codebooks and is clustered", name);
    add_clusters(find(module, name, "clusters"), how);
  }
  for (const auto& [name, how] : constraints.dynamic) {
    if (constraints.codebooks.contains(name) || constraints.clusters.contains(name)) {
      fail("'{}': has codebooks or is clustered, and a dynamic mask", name);
    }
    add_dynamic(find(module, name, "dynamic mask"), how);
  }
  for (Variable& variable : module.parameters()) {
    if (constraints.codebooks.contains(variable.name)) continue;
    if (constraints.clusters.contains(variable.name)) continue;
    if (constraints.dynamic.contains(variable.name)) continue;
    free_.push_back(&variable);
    momenta_.push_back(torch::zeros_like(variable.tensor));
  }
}

double Optimizer::decay_of(const Variable& variable) const {
  const bool decays = options_.decay_all || variable.role == Role::weight;
  return decays ? options_.weight_decay : 0;
}

void Optimizer::add_mask(Variable& variable, const std::vector<std::uint8_t>& bytes) {
  if (static_cast<std::int64_t>(bytes.size()) != variable.tensor.numel()) {
    fail("mask for '{}': {} entries for {} weights", variable.name, bytes.size(),
         variable.tensor.numel());
  }
  Tensor keep = torch::empty(variable.tensor.sizes(), torch::kByte);
  std::ranges::transform(bytes, keep.data_ptr<std::uint8_t>(),
                         [](std::uint8_t byte) -> std::uint8_t { return byte != 0 ? 1 : 0; });
  keep = keep.to(variable.tensor.options().requires_grad(false));
  variable.tensor.copy_(torch::where(keep == 0, torch::zeros_like(keep), variable.tensor));
  masks_.push_back({&variable, std::move(keep)});
}

void Optimizer::add_book(Variable& variable, const codec::Codebooks& codebooks) {
  const Shape shape(variable.tensor.sizes().begin(), variable.tensor.sizes().end());
  if (codebooks.shape != shape ||
      static_cast<std::int64_t>(codebooks.assignment.size()) != variable.tensor.numel()) {
    fail("codebook for '{}': its shape is {}, the weights' {}", variable.name,
         to_string(codebooks.shape), to_string(shape));
  }
  std::vector<std::int64_t> first{0};  // of each book
  std::vector<float> entries;
  for (const std::vector<float>& book : codebooks.books) {
    entries.insert(entries.end(), book.begin(), book.end());
    first.push_back(static_cast<std::int64_t>(entries.size()));
  }
  std::vector<std::int64_t> slots;
  std::vector<float> members(entries.size(), 0);
  for (std::size_t i = 0; i < codebooks.assignment.size(); ++i) {
    const std::size_t book = codebooks.book_of(i);
    const std::int64_t slot = first.at(book) + codebooks.assignment[i];
    if (codebooks.assignment[i] < 0 || slot >= first.at(book + 1)) {
      fail("codebook for '{}': weight {} has the entry {} of {}", variable.name, i,
           codebooks.assignment[i], first[book + 1] - first[book]);
    }
    slots.push_back(slot);
    members[static_cast<std::size_t>(slot)] += 1;
  }
  for (const Mask& mask : masks_) {
    if (mask.variable != &variable) continue;
    const Tensor keep = mask.keep.to(torch::kCPU, torch::kFloat).contiguous();
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const bool masked = keep.data_ptr<float>()[i] == 0;
      if (masked && entries[static_cast<std::size_t>(slots[i])] != 0) {
        fail("'{}': weight {} is masked, but its codebook entry is not zero", variable.name, i);
      }
    }
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    members[i] = entries[i] == 0 || members[i] == 0 ? 0 : 1 / members[i];
  }
  const auto options = variable.tensor.options().requires_grad(false);
  Book book{&variable,
            codebooks,
            {},
            torch::tensor(entries).to(options),
            torch::tensor(members).to(options),
            {},
            0};
  const Tensor slot = torch::tensor(slots, torch::kLong).to(options.device());
  book.members = members_of(book.entries, slot);
  book.momentum = torch::zeros_like(book.entries);
  book.decay = decay_of(variable);
  show(variable, book.entries, slot);
  books_.push_back(std::move(book));
}

void Optimizer::add_clusters(Variable& variable, const codec::CodebookOptions& how) {
  Clusters clusters{&variable, how, variable.tensor.detach().clone(), {}, {}, {}, {}, {}};
  clusters.momentum = torch::zeros_like(clusters.hidden);
  cluster(clusters);
  clusters_.push_back(std::move(clusters));
}

void Optimizer::add_dynamic(Variable& variable, const prune::DynamicMask& how) {
  if (how.layer.weights.size() != variable.tensor.numel()) {
    fail("dynamic mask for '{}': its layer has {} weights, the constant {}", variable.name,
         how.layer.weights.size(), variable.tensor.numel());
  }
  Dynamic dynamic{&variable, how, variable.tensor.detach().clone(), {}, {}};
  dynamic.momentum = torch::zeros_like(dynamic.hidden);
  dynamic.keep = torch::ones_like(dynamic.hidden);
  choose(dynamic, choosing_ > 0 ? 0 : 1);
  dynamic_.push_back(std::move(dynamic));
}

void Optimizer::choose(Dynamic& dynamic, double share) {
  // The loss shows it too; whoever looks at that can say more.
  if (!dynamic.hidden.isfinite().all().item<bool>()) return;
  const syncopate::Tensor weights = to_host(dynamic.hidden);
  prune::Mask mask = dynamic.how.choose(weights.data<float>(), share);
  const Tensor bytes = torch::from_blob(mask.data(), dynamic.hidden.sizes(), torch::kByte);
  dynamic.keep.copy_(bytes);
  dynamic.variable->tensor.copy_(dynamic.hidden * dynamic.keep);
}

void Optimizer::step_dynamic(Dynamic& dynamic, double rate, std::int64_t number) {
  Tensor slope = gradient(*dynamic.variable);
  const double decay = decay_of(*dynamic.variable);
  if (decay != 0) slope.add_(dynamic.hidden, decay);
  const bool stays = number >= choosing_;
  if (stays) slope.mul_(dynamic.keep);
  dynamic.hidden.add_(directions({slope}, {dynamic.momentum})[0], -rate);
  const std::int64_t done = number + 1;
  if (stays || (done < choosing_ && done % options_.choose_every != 0)) {
    dynamic.variable->tensor.copy_(dynamic.hidden * dynamic.keep);
    return;
  }
  choose(dynamic, static_cast<double>(done) / static_cast<double>(choosing_));
  if (done < choosing_) return;
  dynamic.hidden.mul_(dynamic.keep);
  dynamic.momentum.mul_(dynamic.keep);
}

void Optimizer::cluster(Clusters& clusters) {
  // The loss shows it too; whoever looks at that can say more.
  if (!clusters.hidden.isfinite().all().item<bool>()) return;
  const syncopate::Tensor weights = to_host(clusters.hidden);
  const codec::Codebooks books =
      clusters.entries.defined() ? codec::cluster_again(weights, clusters.how, books_of(clusters))
                                 : codec::cluster(weights, clusters.how);
  const std::size_t apart = padded_entries(clusters.how);
  std::vector<float> entries(apart * books.books.size(), 0);
  for (std::size_t i = 0; i < books.books.size(); ++i) {
    std::ranges::copy(books.books[i], entries.begin() + static_cast<std::ptrdiff_t>(apart * i));
  }
  std::vector<std::int64_t> slots(books.assignment.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    slots[i] = static_cast<std::int64_t>(apart * books.book_of(i)) + books.assignment[i];
  }
  const auto options = clusters.hidden.options();
  clusters.slot = torch::tensor(slots, torch::kLong).to(options.device());
  clusters.entries = torch::tensor(entries).to(options);
  count_members(clusters);
  show(*clusters.variable, clusters.entries, clusters.slot);
}

codec::Codebooks Optimizer::books_of(const Clusters& clusters) const {
  const Tensor slots = clusters.slot.to(torch::kCPU).contiguous();
  const Tensor entries = clusters.entries.to(torch::kCPU, torch::kFloat).contiguous();
  const auto apart = static_cast<std::int64_t>(padded_entries(clusters.how));
  codec::Codebooks result{Shape(clusters.hidden.sizes().begin(), clusters.hidden.sizes().end()),
                          clusters.how.rows_per_book,
                          {},
                          {}};
  const float* next = entries.data_ptr<float>();
  for (std::int64_t i = 0; i < entries.numel(); i += apart) {
    result.books.emplace_back(next + i, next + i + apart);
  }
  const std::int64_t* slot = slots.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < slots.numel(); ++i) {
    result.assignment.push_back(static_cast<std::int32_t>(slot[i] % apart));
  }
  return result;
}

void Optimizer::clear_gradients() {
  for (Variable& variable : module_.parameters()) variable.tensor.mutable_grad().reset();
}

void Optimizer::clip() {
  std::vector<Tensor> norms;
  for (const Variable& variable : module_.parameters()) norms.push_back(gradient(variable).norm());
  const Tensor factor =
      (options_.clip_gradient / (torch::stack(norms).norm() + 1e-12)).clamp_max(1);
  for (const Variable& variable : module_.parameters()) gradient(variable).mul_(factor);
}

void Optimizer::step(double rate, std::int64_t number) {
  const torch::NoGradGuard guard;
  mask_gradients();
  if (options_.clip_gradient > 0) clip();
  step_free(rate);
  for (Book& book : books_) step_book(book, rate);
  for (Dynamic& dynamic : dynamic_) step_dynamic(dynamic, rate, number);
  const bool again = (number + 1) % options_.cluster_every == 0;
  for (Clusters& clusters : clusters_) step_clusters(clusters, rate, again);
}

void Optimizer::mask_gradients() {
  if (masks_.empty()) return;
  std::vector<Tensor> gradients, keep;
  for (const Mask& mask : masks_) {
    gradients.push_back(gradient(*mask.variable));
    keep.push_back(mask.keep);
  }
  at::_foreach_mul_(gradients, keep);
}

std::vector<Tensor> Optimizer::directions(std::vector<Tensor> slopes,
                                          const std::vector<Tensor>& momenta) const {
  if (options_.momentum == 0) return slopes;
  at::_foreach_mul_(momenta, options_.momentum);
  at::_foreach_add_(momenta, slopes, 1);
  if (!options_.nesterov) return momenta;
  at::_foreach_add_(slopes, momenta, options_.momentum);
  return slopes;
}

void Optimizer::step_free(double rate) {
  if (free_.empty()) return;
  // A list at a time: on a GPU a kernel for all of them instead of one each.
  std::vector<Tensor> weights, slopes, decaying, decaying_slopes;
  for (const Variable* variable : free_) {
    weights.push_back(variable->tensor);
    slopes.push_back(gradient(*variable));
    if (decay_of(*variable) == 0) continue;
    decaying.push_back(weights.back());
    decaying_slopes.push_back(slopes.back());
  }
  if (!decaying.empty()) at::_foreach_add_(decaying_slopes, decaying, options_.weight_decay);
  at::_foreach_add_(weights, directions(std::move(slopes), momenta_), -rate);
}

void Optimizer::step_book(Book& book, double rate) {
  Tensor slope = sums_by_entry(gradient(*book.variable), book.members, book.entries);
  slope = slope.to(book.entries.scalar_type()) * book.weights;
  if (book.decay != 0) slope.add_(book.entries, book.decay);
  book.entries.add_(directions({slope}, {book.momentum})[0], -rate * options_.codebook_rate);
  show(*book.variable, book.entries, book.members);
}

void Optimizer::step_clusters(Clusters& clusters, double rate, bool again) {
  Tensor slope = gradient(*clusters.variable);
  const double decay = decay_of(*clusters.variable);
  if (decay != 0) slope.add_(clusters.hidden, decay);
  clusters.hidden.add_(directions({slope}, {clusters.momentum})[0], -rate);
  if (again) {
    cluster(clusters);
    return;
  }
  const Tensor means = sums_by_entry(clusters.hidden, clusters.members, clusters.entries) /
                       clusters.counts.clamp_min(1);
  clusters.entries.copy_(torch::where(clusters.entries == 0, clusters.entries,
                                      means.to(clusters.entries.scalar_type())));
  show(*clusters.variable, clusters.entries, clusters.members);
}

void Optimizer::count_members(Clusters& clusters) {
  clusters.members = members_of(clusters.entries, clusters.slot);
  clusters.counts =
      sums_by_entry(torch::ones_like(clusters.hidden), clusters.members, clusters.entries);
}

std::map<std::string, torch::Tensor> Optimizer::parameters() const {
  std::map<std::string, torch::Tensor> result;
  for (const Variable* variable : free_) result["weights " + variable->name] = variable->tensor;
  for (const Book& book : books_) result["entries " + book.variable->name] = book.entries;
  for (const Dynamic& dynamic : dynamic_) {
    result["weights " + dynamic.variable->name] = dynamic.variable->tensor;
  }
  return result;
}

void Optimizer::restored() {
  const torch::NoGradGuard guard;
  for (Book& book : books_) show(*book.variable, book.entries, book.members);
  for (Clusters& clusters : clusters_) count_members(clusters);
}

std::map<std::string, torch::Tensor> Optimizer::state() const {
  std::map<std::string, torch::Tensor> result;
  for (std::size_t i = 0; i < free_.size(); ++i) result["momentum " + free_[i]->name] = momenta_[i];
  for (const Book& book : books_) {
    result["entries " + book.variable->name] = book.entries;
    result["momentum " + book.variable->name] = book.momentum;
  }
  for (const Clusters& clusters : clusters_) {
    const std::string& name = clusters.variable->name;
    result["hidden " + name] = clusters.hidden;
    result["momentum " + name] = clusters.momentum;
    result["entries " + name] = clusters.entries;
    result["slots " + name] = clusters.slot;
  }
  for (const Dynamic& dynamic : dynamic_) {
    const std::string& name = dynamic.variable->name;
    result["hidden " + name] = dynamic.hidden;
    result["momentum " + name] = dynamic.momentum;
    result["keep " + name] = dynamic.keep;
  }
  return result;
}

std::map<std::string, codec::Codebooks> Optimizer::codebooks() const {
  std::map<std::string, codec::Codebooks> result;
  for (const Book& book : books_) {
    codec::Codebooks trained = book.given;
    const Tensor entries = book.entries.to(torch::kCPU, torch::kFloat).contiguous();
    const float* next = entries.data_ptr<float>();
    std::vector<std::vector<std::int32_t>> places;  // of each book's entries, once in order
    for (std::vector<float>& values : trained.books) {
      values.assign(next, next + values.size());
      next += values.size();
      std::vector<std::int32_t> order(values.size());
      std::iota(order.begin(), order.end(), 0);
      std::ranges::stable_sort(order, {},
                               [&](std::int32_t i) { return values[static_cast<std::size_t>(i)]; });
      places.emplace_back(values.size());
      std::vector<float> sorted;
      for (const std::int32_t entry : order) {
        places.back()[static_cast<std::size_t>(entry)] = static_cast<std::int32_t>(sorted.size());
        sorted.push_back(values[static_cast<std::size_t>(entry)]);
      }
      values = std::move(sorted);
    }
    for (std::size_t i = 0; i < trained.assignment.size(); ++i) {
      std::int32_t& entry = trained.assignment[i];
      entry = places[trained.book_of(i)][static_cast<std::size_t>(entry)];
    }
    result[book.variable->name] = std::move(trained);
  }
  for (const Clusters& clusters : clusters_) {
    result[clusters.variable->name] =
        codec::read_codebooks(to_host(clusters.variable->tensor), clusters.how.rows_per_book);
  }
  return result;
}

}  // namespace syncopate::train
