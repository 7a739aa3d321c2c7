#include "cli/training/progress.h"

#include <fmt/core.h>

#include <algorithm>

namespace syncopate::cli {
namespace {

std::string duration(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

}  // namespace

std::string epoch_line(const train::EpochLog& log, std::int64_t epochs) {
  const std::string test = log.test_accuracy < 0
                               ? std::string(14, ' ')
                               : fmt::format("  test {:5.2f} %", 100 * log.test_accuracy);
  return fmt::format("epoch {:>3}/{}  loss {:.4f}  train {:5.2f} %{}  rate {:.2g}  {}", log.epoch,
                     epochs, log.loss, 100 * log.train_accuracy, test, log.rate,
                     duration(log.seconds));
}

void draw(ProgressBar& bar, std::string_view phase, const train::Progress& progress) {
  if (progress.to_look_at > 0) {
    bar.update("teacher", "looks at the pictures", progress.looked_at, progress.to_look_at);
    return;
  }
  const std::string detail =
      progress.batch == 0
          ? ""
          : fmt::format("loss {:.3f}  train {:.1f} %  {:.0f} pictures/s  all done in {}",
                        progress.loss, 100 * progress.train_accuracy, progress.pictures_per_second,
                        duration(progress.seconds_left));
  const std::string epoch = fmt::format("epoch {}", std::min(progress.epoch, progress.epochs));
  bar.update(phase.empty() ? epoch : fmt::format("{}: {} of {}", phase, epoch, progress.epochs),
             detail, progress.batch, progress.batches);
}

}  // namespace syncopate::cli
