// Iteration over a snapshot, some entries at a time. Threads: as task.h says; one call at a time
// for each cursor.
#include <utility>

#include "binding/convert.h"
#include "binding/entry.h"
#include "binding/entry_columns.h"
#include "binding/held_snapshot.h"
#include "binding/task.h"
#include "binding/wrapped.h"

namespace jvdb::binding {
namespace {

using engine::Checker;

// Where an iteration over entries is.
class Cursor {
 public:
  static constexpr napi_type_tag kTag{0x6A766462637572, 0x736F720000000001};

  explicit Cursor(std::shared_ptr<Session> session) : held_(std::move(session)) {}

  const std::shared_ptr<Session>& session() const noexcept { return held_.session(); }
  void end() noexcept { held_.end(); }

  // Entries of the snapshot, also those that were visited.
  Result<std::uint64_t> count() const {
    const engine::Snapshot* snapshot = held_.get();
    if (snapshot == nullptr) return Session::closed();
    return snapshot->live_count();
  }

  // Calls visit(entry) for the next entries until it says false or there are no more;
  // Code::closed once the session is.
  template <typename Visit>
  Status advance(unsigned parts, Visit&& visit) {
    if (held_.ended()) return {};
    const engine::Snapshot* snapshot = held_.get();
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
      if (Status status = snapshot->intact(); !status) return status;
    }
    return {};
  }

 private:
  HeldSnapshot held_;
  std::uint32_t next_slot_ = 0;
};

// cursor(store): a cursor before the first entry of a snapshot taken now
napi_value cursor(const Call& call) {
  return wrap(call.env(), std::make_unique<Cursor>(call.share()));
}

// cursorCount(cursor): how many entries its snapshot has
napi_value cursor_count(const Call& call) {
  const Cursor& cursor = unwrap<Cursor>(call.env(), call[0]);
  const Session::Work work(*cursor.session());
  if (!work) throw Failure{Session::closed()};
  auto count = cursor.count();
  check(count.status());
  return to_number(call.env(), static_cast<double>(*count));
}

napi_value cursor_end(const Call& call) {
  unwrap<Cursor>(call.env(), call[0]).end();
  return nullptr;
}

constexpr std::size_t kIdsAtOnce = 1024;

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
        columns_(cursor.session()->store().schema()) {}

  Status run() override {
    const Session::Work work(*cursor_.session());
    if (!work) return Session::closed();
    return cursor_.advance(Checker::vector | Checker::heap, [&](const engine::Entry& entry) {
      columns_.add(entry);
      return !columns_.full();
    });
  }
  Napi::Value result(Napi::Env env) override { return columns_.to_array(env); }

 private:
  Cursor& cursor_;
  Napi::ObjectReference keep_;  // the cursor's object
  EntryColumns columns_;
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
  define(
      env, exports,
      std::array{Function{"cursor", entry<cursor>}, Function{"cursorCount", entry<cursor_count>},
                 Function{"cursorEnd", entry<cursor_end>}, Function{"cursorIds", entry<cursor_ids>},
                 Function{"cursorEntries", entry<cursor_entries>}});
}

}  // namespace jvdb::binding
