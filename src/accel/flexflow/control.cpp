#include "accel/flexflow/control.h"

namespace syncopate::accel::flexflow {
namespace {

/// The first number from `base` on that is `residue` modulo `factor`.
std::int64_t first_from(std::int64_t base, std::int64_t residue, std::int64_t factor) {
  return base + (((residue - base) % factor) + factor) % factor;
}

}  // namespace

Event Control::move(std::int64_t row, std::int64_t col) {
  const map::Loops& l = mapping_.loops();
  const Side& in = mapping_.setup().factors.in;
  const auto base = [&](std::int64_t at, std::size_t d) {
    const std::int64_t corner = at * l.stride[d] - l.pad[d];
    return corner >= 0 ? corner / l.dilation[d] : -((-corner + l.dilation[d] - 1) / l.dilation[d]);
  };
  const std::int64_t base_row = base(row, 1), base_col = base(col, 2);
  const std::int64_t first_row = first_from(base_row, u_, in.rows);
  const std::int64_t first_col = first_from(base_col, v_, in.cols);
  kernel_row_ = first_row - base_row;
  kernel_col_ = first_col - base_col;
  Event event = Event::start;
  state_ = State::initial;
  if (!fresh_) {
    const bool same_row = first_row == row_;
    event = same_row && first_col == col_ ? Event::stay : same_row ? Event::slide : Event::jump;
    state_ = event == Event::stay    ? State::hold
             : event == Event::slide ? State::increase
                                     : State::jump;
  }
  fresh_ = false;
  row_ = first_row;
  col_ = first_col;
  return event;
}

}  // namespace syncopate::accel::flexflow
