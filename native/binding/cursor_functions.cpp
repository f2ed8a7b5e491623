// Iteration over a snapshot, some entries at a time. Threads: as task.h says; one call at a time
// for each cursor.
#include <utility>

#include "binding/convert.h"
#include "binding/entry.h"
#include "binding/task.h"
#include "binding/wrapped.h"

namespace jvdb::binding {
namespace {

using engine::Checker;

// Where an iteration is. Its snapshot is the session's.
class Cursor {
 public:
  static constexpr napi_type_tag kTag{0x6A766462637572, 0x736F720000000001};

  explicit Cursor(std::shared_ptr<Session> session)
      : session_(std::move(session)), number_(session_->add_snapshot()) {}
  ~Cursor() { session_->drop_snapshot(number_); }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  const std::shared_ptr<Session>& session() const noexcept { return session_; }
  // Gives the snapshot back early; the cursor yields nothing more.
  void end() noexcept {
    session_->drop_snapshot(number_);
    ended_ = true;
  }

  // Calls visit(entry) for the next entries until it says false or there are no more;
  // Code::closed once the session is.
  template <typename Visit>
  Status advance(unsigned parts, Visit&& visit) {
    if (ended_) return {};
    const engine::Snapshot* snapshot = session_->snapshot(number_);
    if (snapshot == nullptr) return Session::closed();
    for (bool more = true; more;) {
      const auto slot = snapshot->next(next_slot_);
      if (!slot) {
        end();
        return {};
      }
      auto entry = snapshot->entry(*slot, parts);
      if (!entry) return entry.status();
      next_slot_ = *slot + 1;
      more = visit(*entry);
    }
    return {};
  }

 private:
  std::shared_ptr<Session> session_;
  std::uint64_t number_;
  std::uint32_t next_slot_ = 0;
  bool ended_ = false;
};

// cursor(store): a cursor before the first entry of a snapshot taken now
napi_value cursor(const Call& call) {
  return wrap(call.env(), std::make_unique<Cursor>(call.share()));
}

napi_value cursor_end(const Call& call) {
  unwrap<Cursor>(call.env(), call[0]).end();
  return nullptr;
}

constexpr std::size_t kIdsAtOnce = 1024;
constexpr std::size_t kBytesAtOnce = std::size_t{1} << 20;

struct CopiedId {
  std::uint64_t number;
  std::string text;
};

// cursorIds(cursor): some of the next ids; none at the end
napi_value cursor_ids(const Call& call) {
  Cursor& cursor = unwrap<Cursor>(call.env(), call[0]);
  format::IdType type{};
  std::vector<CopiedId> copies;
  {
    // Ends before JavaScript's arrays are filled: a setter of a polluted prototype may close.
    const Session::Work work(*cursor.session());
    if (!work) throw Failure{Session::closed()};
    type = cursor.session()->store().schema().id_type;
    const unsigned parts = type == format::IdType::string ? Checker::heap : 0U;
    check(cursor.advance(parts, [&](const engine::Entry& entry) {
      copies.push_back({entry.id.number, std::string(entry.id.text)});
      return copies.size() < kIdsAtOnce;
    }));
  }
  const Napi::Array ids = Napi::Array::New(call.env(), copies.size());
  for (std::uint32_t i = 0; i < copies.size(); ++i) {
    const Napi::HandleScope scope(call.env());
    ids.Set(i, to_id(call.env(), copies[i].number, copies[i].text, type));
  }
  return ids;
}

class EntriesTask final : public Task {
 public:
  EntriesTask(Cursor& cursor, Napi::Object object)
      : cursor_(cursor),
        keep_(Napi::Persistent(object)),
        schema_(cursor.session()->store().schema()) {}

  Status run() override {
    const Session::Work work(*cursor_.session());
    if (!work) return Session::closed();
    std::size_t bytes = 0;
    return cursor_.advance(Checker::vector | Checker::heap, [&](const engine::Entry& entry) {
      entries_.push_back({entry.id.number, std::string(entry.id.text), std::string(entry.metadata),
                          entry.created_us, entry.updated_us});
      vectors_.insert(vectors_.end(), entry.vector, entry.vector + schema_.dimension);
      bytes += sizeof(Copy) + schema_.vector_bytes() + entry.id.text.size() + entry.metadata.size();
      return bytes < kBytesAtOnce;
    });
  }

  // [ids, metadata, created, updated, all vectors one after the other]
  Napi::Value result(Napi::Env env) override {
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
    Napi::ArrayBuffer vectors = Napi::ArrayBuffer::New(env, vectors_.size() * sizeof(float));
    std::copy(vectors_.begin(), vectors_.end(), static_cast<float*>(vectors.Data()));
    const Napi::Array out = Napi::Array::New(env, 5);
    for (std::uint32_t i = 0; i < columns.size(); ++i) out.Set(i, columns[i]);
    out.Set(4U, vectors);
    return out;
  }

 private:
  struct Copy {
    std::uint64_t id;
    std::string text;
    std::string metadata;
    std::uint64_t created_us;
    std::uint64_t updated_us;
  };
  Cursor& cursor_;
  Napi::ObjectReference keep_;  // the cursor's object
  const format::Schema schema_;
  std::vector<Copy> entries_;
  std::vector<float> vectors_;
};

// cursorEntries(cursor): a promise of some of the next entries, as columns; of none at the end
napi_value cursor_entries(const Call& call) {
  Cursor& cursor = unwrap<Cursor>(call.env(), call[0]);
  const Session::Work work(*cursor.session());
  if (!work) throw Failure{Session::closed()};
  return start(call.env(), std::make_unique<EntriesTask>(cursor, call.value(0).As<Napi::Object>()));
}

}  // namespace

void define_cursor_functions(Napi::Env env, Napi::Object exports) {
  define(env, exports,
         std::array{Function{"cursor", entry<cursor>}, Function{"cursorEnd", entry<cursor_end>},
                    Function{"cursorIds", entry<cursor_ids>},
                    Function{"cursorEntries", entry<cursor_entries>}});
}

}  // namespace jvdb::binding
