#include "engine/open_request.h"

#include "base/text.h"
#include "format/layout.h"

namespace jvdb::engine {
namespace {

Status contradiction(const std::string& path, std::string_view what, std::string_view has,
                     std::string_view wanted) {
  return {Code::invalid_argument, text(path, " was created with ", what, " ", has, ", not ", wanted,
                                       "; leave the option out or open another file")};
}

}  // namespace

Status check_request(const std::string& path, const format::Schema& schema,
                     const OpenRequest& request) {
  const auto yes_no = [](bool value) { return value ? "true" : "false"; };
  const auto column = [](bool codes) { return codes ? "int8" : "none"; };
  if (request.dimension.value_or(schema.dimension) != schema.dimension) {
    return {Code::dimension_mismatch, text(path, " holds vectors of dimension ", schema.dimension,
                                           ", not ", *request.dimension)};
  }
  if (request.metric.value_or(schema.metric) != schema.metric) {
    return contradiction(path, "metric", name_of(schema.metric), name_of(*request.metric));
  }
  if (request.id_type.value_or(schema.id_type) != schema.id_type) {
    return contradiction(path, "idType", name_of(schema.id_type), name_of(*request.id_type));
  }
  if (request.has_codes.value_or(schema.has_codes) != schema.has_codes) {
    return contradiction(path, "scanColumn", column(schema.has_codes), column(*request.has_codes));
  }
  if (request.allow_non_finite.value_or(schema.allow_non_finite) != schema.allow_non_finite) {
    return contradiction(path, "allowNonFinite", yes_no(schema.allow_non_finite),
                         yes_no(*request.allow_non_finite));
  }
  return {};
}

Result<format::Schema> schema_to_create(const std::string& path, const OpenRequest& request) {
  if (!request.create || request.read_only || !request.dimension) {
    return Status(
        Code::not_found,
        text(path, " does not exist; create it with new MemoryMappedVectorStore(path, dimension)"));
  }
  if (path.ends_with('/')) {
    return Status(Code::invalid_argument,
                  text("cannot create ", path, ": it ends in a slash; give the path of a file"));
  }
  format::Schema schema;
  schema.dimension = *request.dimension;
  if (schema.dimension == 0 || schema.dimension > format::kMaxDimension) {
    return Status(Code::invalid_argument, text("the dimension must be 1 to ", format::kMaxDimension,
                                               ", not ", schema.dimension));
  }
  schema.metric = request.metric.value_or(schema.metric);
  schema.id_type = request.id_type.value_or(schema.id_type);
  schema.has_codes = request.has_codes.value_or(schema.has_codes);
  schema.allow_non_finite = request.allow_non_finite.value_or(schema.allow_non_finite);
  return schema;
}

}  // namespace jvdb::engine
