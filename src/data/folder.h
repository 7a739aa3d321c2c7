#pragma once

#include <string>

#include "data/dataset.h"

namespace syncopate::data {

/// A folder of PNG and JPEG pictures as a data set, cropped and resized to `shape`. Three forms:
///
///   FOLDER/train/CLASS/*, FOLDER/test/CLASS/*   (or val/ instead of test/)
///   FOLDER/CLASS/*       every fifth picture is for testing, chosen by a hash of class and name
///   FOLDER/LABEL_*       pictures whose names start with the number of their class: testing only
///
/// Classes are numbered in the alphabetical order of their names (of both splits together). The
/// pictures of classes come in an order made by hashes of their names, the same everywhere, so that
/// the first `limit` are a fair sample; of LABEL_* files, `limit` takes some spread evenly over the
/// sorted names. 0 takes all. InputError for a folder of none of these forms, for a damaged
/// picture, and for more than fits in memory.
DataSet load_picture_folder(const std::string& path, const PictureShape& shape, Split split,
                            std::int64_t limit);

}  // namespace syncopate::data
