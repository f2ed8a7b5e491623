#include "binding/entry_columns.h"

#include <algorithm>
#include <array>

#include "binding/convert.h"

namespace jvdb::binding {

void EntryColumns::add(const engine::Entry& entry) {
  entries_.push_back({entry.id.number, std::string(entry.id.text), std::string(entry.metadata),
                      entry.created_us, entry.updated_us});
  bytes_ += sizeof(Copy) + entry.id.text.size() + entry.metadata.size();
  if (entry.vector == nullptr) return;
  vectors_.insert(vectors_.end(), entry.vector, entry.vector + schema_.dimension);
  bytes_ += schema_.vector_bytes();
}

Napi::Array EntryColumns::to_array(Napi::Env env, std::size_t more) const {
  const auto column = [&] { return Napi::Array::New(env, entries_.size()); };
  const std::array<Napi::Array, 4> columns = {column(), column(), column(), column()};
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    const Napi::HandleScope scope(env);
    const Copy& entry = entries_[i];
    columns[0].Set(i, to_id(env, entry.id, entry.text, schema_.id_type));
    if (!entry.metadata.empty()) columns[1].Set(i, to_string(env, entry.metadata));
    columns[2].Set(i, to_number(env, milliseconds(entry.created_us)));
    columns[3].Set(i, to_number(env, milliseconds(entry.updated_us)));
  }
  Napi::ArrayBuffer vectors = make_buffer(env, vectors_.size() * sizeof(float));
  std::copy(vectors_.begin(), vectors_.end(), static_cast<float*>(vectors.Data()));
  const Napi::Array out = Napi::Array::New(env, 5 + more);
  for (std::uint32_t i = 0; i < columns.size(); ++i) out.Set(i, columns[i]);
  out.Set(4U, vectors);
  return out;
}

}  // namespace jvdb::binding
