// Single operations on a store. Threads: JavaScript threads.
#include <cstring>

#include "base/text.h"
#include "binding/convert.h"
#include "binding/entry.h"
#include "engine/mutation.h"

namespace jvdb::binding {
namespace {

using engine::Checker;
using engine::Entry;
using engine::Mutation;
using engine::Store;

std::string_view metadata_of(const Call& call, std::size_t index, std::string& storage) {
  if (!append_utf8(call.env(), call[index], storage)) return {};
  return storage;
}

napi_value append_one(const Call& call, Session& session, const Mutation& mutation) {
  const engine::Appended appended = take(session.change(engine::OneMutation(mutation)));
  return to_number(call.env(), static_cast<double>(appended.lsn));
}

// put(store, id, vector, metadata?): LSN
napi_value put(const Call& call) {
  Session& session = call.session();
  const format::Schema& schema = session.store().schema();
  const IdValue id(call.env(), call[1], schema.id_type);
  const VectorValue vector(call.env(), call[2], schema.dimension);
  std::string storage;
  Mutation mutation;
  mutation.id = id.id();
  mutation.vector = vector.data();
  mutation.metadata = metadata_of(call, 3, storage);
  return append_one(call, session, mutation);
}

// update(store, id, vector?, metadata?, keepMetadata): LSN, 0 where the id is absent
napi_value update(const Call& call) {
  Session& session = call.session();
  const format::Schema& schema = session.store().schema();
  const IdValue id(call.env(), call[1], schema.id_type);
  std::optional<VectorValue> vector;
  if (!is_undefined(call.env(), call[2])) vector.emplace(call.env(), call[2], schema.dimension);
  std::string storage;
  Mutation mutation;
  mutation.kind = Mutation::Kind::update;
  mutation.id = id.id();
  mutation.vector = vector ? vector->data() : nullptr;
  mutation.metadata = metadata_of(call, 3, storage);
  mutation.keep_metadata = truthy(call.env(), call[4]);
  return append_one(call, session, mutation);
}

// remove(store, id): LSN, 0 where the id is absent
napi_value remove(const Call& call) {
  Session& session = call.session();
  const IdValue id(call.env(), call[1], session.store().schema().id_type);
  Mutation mutation;
  mutation.kind = Mutation::Kind::remove;
  mutation.id = id.id();
  return append_one(call, session, mutation);
}

// has(store, id): boolean
napi_value has(const Call& call) {
  const Store& store = call.session().store();
  const IdValue id(call.env(), call[1], store.schema().id_type);
  return Napi::Boolean::New(call.env(), take(store.read().has(id.id())));
}

Floats output_of(const Call& call, std::size_t index, std::size_t size) {
  const Floats out = floats_of(call.env(), call[index], "the array to fill is a Float32Array");
  if (out.size < size) {
    fail(Code::dimension_mismatch, text("the array to fill has room for ", out.size, " values, ",
                                        size, " are needed", transferred(out)));
  }
  return out;
}

// read(store, id, out): boolean
napi_value read(const Call& call) {
  const Store& store = call.session().store();
  const format::Schema& schema = store.schema();
  const IdValue id(call.env(), call[1], schema.id_type);
  const Floats out = output_of(call, 2, schema.dimension);
  const Store::Reader reader = store.read();
  const float* vector = take(reader.vector(id.id()));
  if (vector != nullptr) std::memcpy(out.data, vector, schema.vector_bytes());
  check(reader.intact());
  return Napi::Boolean::New(call.env(), vector != nullptr);
}

// Whether this environment is ending. Then a finalizer runs early: JavaScript may have handed the
// memory on to another thread (ArrayBuffer.prototype.transfer(), then postMessage()).
bool is_ending(napi_env env) noexcept {
  napi_value value = nullptr;
  bool equal = false;
  return napi_get_undefined(env, &value) != napi_ok ||
         napi_strict_equals(env, value, value, &equal) != napi_ok;
}

using Keep = std::shared_ptr<const float>;

// The ArrayBuffer over a view; nullptr where the runtime has none over memory of others.
napi_value mapped_buffer(napi_env env, Keep mapped, std::size_t bytes) {
  auto keep = std::make_unique<Keep>(std::move(mapped));
  const auto finalize = [](napi_env of, void*, void* hint) {
    if (!is_ending(of)) delete static_cast<Keep*>(hint);  // else the mapping stays for good
  };
  napi_value out = nullptr;
  const napi_status status = napi_create_external_arraybuffer(env, const_cast<float*>(keep->get()),
                                                              bytes, finalize, keep.get(), &out);
  if (status == napi_no_external_buffers_allowed) return nullptr;
  must(env, status);
  (void)keep.release();
  return out;
}

// view(store, id): an ArrayBuffer with the vector, undefined where the id is absent
napi_value view(const Call& call) {
  const Store& store = call.session().store();
  const format::Schema& schema = store.schema();
  const IdValue id(call.env(), call[1], schema.id_type);
  const Store::Reader reader = store.read();
  engine::View view = take(reader.view(id.id()));
  if (view.vector == nullptr) return nullptr;
  if (view.mapped) {
    napi_value mapped = mapped_buffer(call.env(), std::move(view.mapped), schema.vector_bytes());
    if (mapped != nullptr) return mapped;
  }
  Napi::ArrayBuffer copy = make_buffer(call.env(), schema.vector_bytes());
  std::memcpy(copy.Data(), view.vector, schema.vector_bytes());
  check(reader.intact());
  return copy;
}

// readMany(store, ids, out): the number found; the rows of the others become NaN
napi_value read_many(const Call& call) {
  const format::Schema schema = call.session().store().schema();
  // Reading an array may run getters: the store is looked up afterwards.
  const IdList ids(call.env(), call[1], schema.id_type);
  const Floats out = output_of(call, 2, ids.size() * schema.dimension);
  const Store::Reader reader = call.session().store().read();
  std::uint32_t found = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    float* row = out.data + i * schema.dimension;
    const float* vector = take(reader.vector(ids.at(i)));
    if (vector != nullptr) {
      std::memcpy(row, vector, schema.vector_bytes());
      ++found;
    } else {
      std::fill_n(row, schema.dimension, std::numeric_limits<float>::quiet_NaN());
    }
  }
  check(reader.intact());
  return to_number(call.env(), found);
}

// get(store, id, out, times): undefined where the id is absent, else the metadata text, null for
// none; `out` gets the vector, `times` created and updated in milliseconds.
napi_value get(const Call& call) {
  const Store& store = call.session().store();
  const format::Schema& schema = store.schema();
  const IdValue id(call.env(), call[1], schema.id_type);
  const Floats out = output_of(call, 2, schema.dimension);
  const Store::Reader reader = store.read();
  const auto entry = take(reader.get(id.id(), Checker::vector | Checker::heap));
  if (!entry) return nullptr;
  std::memcpy(out.data, entry->vector, schema.vector_bytes());
  void* times = nullptr;
  must(call.env(),
       napi_get_typedarray_info(call.env(), call[3], nullptr, nullptr, &times, nullptr, nullptr));
  static_cast<double*>(times)[0] = milliseconds(entry->created_us);
  static_cast<double*>(times)[1] = milliseconds(entry->updated_us);
  napi_value metadata = call.env().Null();
  if (!entry->metadata.empty()) metadata = to_string(call.env(), entry->metadata);
  check(reader.intact());
  return metadata;
}

// facts(store): [dimension, metric, idType, allowNonFinite]
napi_value facts(const Call& call) {
  const format::Schema schema = call.session().store().schema();
  const Napi::Array out = Napi::Array::New(call.env(), 4);
  out.Set(0U, schema.dimension);
  out.Set(1U, name_of(schema.metric));
  out.Set(2U, name_of(schema.id_type));
  out.Set(3U, schema.allow_non_finite);
  return out;
}

napi_value count_of(const Call& call, std::uint64_t (Store::*count)() const) {
  const Store& store = call.session().store();
  check(store.intact());
  return to_number(call.env(), static_cast<double>((store.*count)()));
}
napi_value vector_count(const Call& call) {
  return count_of(call, &Store::live);
}
napi_value capacity(const Call& call) {
  return count_of(call, &Store::capacity);
}
napi_value last_lsn(const Call& call) {
  return count_of(call, &Store::last_lsn);
}
napi_value durable_lsn(const Call& call) {
  return count_of(call, &Store::durable_lsn);
}

Napi::Object recovery_of(const Call& call, const engine::RecoveryReport& report) {
  const Napi::Object out = Napi::Object::New(call.env());
  const auto set = [&](Name name, napi_value value) {
    out.Set(call.environment().name(name), value);
  };
  const auto number = [&](std::uint64_t value) {
    return to_number(call.env(), static_cast<double>(value));
  };
  set(Name::clean, Napi::Boolean::New(call.env(), report.clean));
  set(Name::durable_lsn, number(report.durable_lsn));
  set(Name::recovered_lsn, number(report.recovered_lsn));
  set(Name::dropped_records, number(report.dropped_records));
  set(Name::duration_ms, to_number(call.env(), static_cast<double>(report.duration_us) / 1000));
  return out;
}

// stats(store): the figures of StoreStats
napi_value stats(const Call& call) {
  const engine::Stats stats = take(call.session().store().stats());
  const Napi::Object out = Napi::Object::New(call.env());
  const auto set = [&](Name name, std::uint64_t value) {
    out.Set(call.environment().name(name), to_number(call.env(), static_cast<double>(value)));
  };
  set(Name::live, stats.live);
  set(Name::dead, stats.dead);
  set(Name::capacity, stats.capacity);
  set(Name::extents, stats.extents);
  set(Name::file_bytes, stats.file_bytes);
  set(Name::allocated_bytes, stats.allocated_bytes);
  set(Name::memory_bytes, stats.memory_bytes);
  set(Name::last_lsn, stats.last_lsn);
  set(Name::durable_lsn, stats.durable_lsn);
  set(Name::durable_at, stats.durable_time_us / 1000);
  set(Name::flushes, stats.flushes);
  out.Set(call.environment().name(Name::recovery), recovery_of(call, stats.recovery));
  return out;
}

}  // namespace

void define_store_functions(Napi::Env env, Napi::Object exports) {
  define(env, exports,
         std::array{Function{"put", entry<put>}, Function{"update", entry<update>},
                    Function{"remove", entry<remove>}, Function{"has", entry<has>},
                    Function{"read", entry<read>}, Function{"view", entry<view>},
                    Function{"readMany", entry<read_many>}, Function{"get", entry<get>},
                    Function{"facts", entry<facts>}, Function{"vectorCount", entry<vector_count>},
                    Function{"capacity", entry<capacity>}, Function{"lastLsn", entry<last_lsn>},
                    Function{"durableLsn", entry<durable_lsn>}, Function{"stats", entry<stats>}});
}

}  // namespace jvdb::binding
