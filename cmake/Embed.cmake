# Run as a script: writes FILES (a list) as a C++ table into OUT. Text files only; raw strings are cut
# into pieces, because compilers limit the length of one literal.
set(code "#include \"base/embedded.h\"\n\nnamespace ${NAMESPACE} {\nstd::span<const syncopate::base::EmbeddedFile> embedded_files() {\n  static const syncopate::base::EmbeddedFile files[] = {\n")
foreach(file ${FILES})
  get_filename_component(name ${file} NAME)
  file(READ ${file} hex HEX)
  string(LENGTH "${hex}" hex_length)
  math(EXPR bytes "${hex_length} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" hex "${hex}")
  string(REGEX REPLACE "((\\\\x[0-9a-f][0-9a-f])(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?)" "\\1\"\n     \"" hex "${hex}")
  string(APPEND code "    {\"${name}\", std::string_view(\"${hex}\", ${bytes})},\n")
endforeach()
string(APPEND code "  };\n  return files;\n}\n}  // namespace ${NAMESPACE}\n")
file(WRITE ${OUT} "${code}")
