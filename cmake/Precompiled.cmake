# One precompiled header of what nearly every file includes of others' code, for all targets below the
# present folder. It hides includes that are missing, so a build without it must be kept beside it.

# syncopate_precompile(): after all targets.
function(syncopate_precompile)
  file(WRITE ${CMAKE_BINARY_DIR}/precompiled.cpp "")
  add_library(syncopate_precompiled STATIC ${CMAKE_BINARY_DIR}/precompiled.cpp)
  target_link_libraries(syncopate_precompiled PRIVATE syncopate_options fmt::fmt GTest::gtest)
  # Without a time stamp in it, compiler caches may keep what was compiled with it.
  target_compile_options(syncopate_precompiled PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  target_precompile_headers(syncopate_precompiled PRIVATE
    <algorithm> <array> <cmath> <cstdint> <functional> <map> <memory> <optional> <set> <span>
    <string> <string_view> <utility> <variant> <vector> <fmt/format.h> <gtest/gtest.h>)
  foreach(folder ${ARGN})
    syncopate_reuse_precompiled(${folder})
  endforeach()
endfunction()

function(syncopate_reuse_precompiled folder)
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target ${targets})
    get_target_property(type ${target} TYPE)
    if(type MATCHES "EXECUTABLE|STATIC_LIBRARY")
      target_precompile_headers(${target} REUSE_FROM syncopate_precompiled)
    endif()
  endforeach()
  get_property(folders DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
  foreach(below ${folders})
    syncopate_reuse_precompiled(${below})
  endforeach()
endfunction()
