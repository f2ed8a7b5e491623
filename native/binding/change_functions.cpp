// Iteration over the journal, some changes at a time. Threads: as task.h says; one call at a time
// for each cursor.
#include <optional>
#include <utility>

#include "binding/convert.h"
#include "binding/entry.h"
#include "binding/entry_columns.h"
#include "binding/held_snapshot.h"
#include "binding/task.h"
#include "binding/wrapped.h"
#include "engine/changes.h"

namespace jvdb::binding {
namespace {

// Where an iteration over changes is.
struct ChangeCursor {
  static constexpr napi_type_tag kTag{0x6A766462637572, 0x736F720000000002};

  ChangeCursor(std::shared_ptr<Session> session, std::uint64_t since_lsn)
      : held(std::move(session)), changes(take(engine::Changes::since(*held.get(), since_lsn))) {}

  HeldSnapshot held;
  engine::Changes changes;
};

// changeCursor(store, sinceLsn): a cursor before the first change above it
napi_value change_cursor(const Call& call) {
  double since = 0;
  must(call.env(), napi_get_value_double(call.env(), call[1], &since));
  return wrap(call.env(),
              std::make_unique<ChangeCursor>(call.share(), static_cast<std::uint64_t>(since)));
}

napi_value change_cursor_end(const Call& call) {
  unwrap<ChangeCursor>(call.env(), call[0]).held.end();
  return nullptr;
}

class ChangesTask final : public Task {
 public:
  ChangesTask(ChangeCursor& cursor, Napi::Object object)
      : cursor_(cursor),
        keep_(Napi::Persistent(object)),
        columns_(cursor.held.session()->store().schema()) {}

  Status run() override {
    const Session::Work work(*cursor_.held.session());
    const engine::Snapshot* const snapshot = cursor_.held.get();
    if (!work || (!cursor_.held.ended() && snapshot == nullptr)) return Session::closed();
    for (engine::Change change; !cursor_.held.ended() && !columns_.full();) {
      auto more = cursor_.changes.next(change);
      if (!more) return more.status();
      if (!*more) {
        cursor_.held.end();
        break;
      }
      columns_.add(change.entry);
      if (Status status = snapshot->intact(); !status) return status;
      marks_.push_back({change.lsn, change.put, change.ends_group});
    }
    return {};
  }

  Napi::Value result(Napi::Env env) override {
    const Napi::Array lsns = Napi::Array::New(env, marks_.size());
    const Napi::Array puts = Napi::Array::New(env, marks_.size());
    const Napi::Array ends = Napi::Array::New(env, marks_.size());
    for (std::uint32_t i = 0; i < marks_.size(); ++i) {
      const Napi::HandleScope scope(env);
      lsns.Set(i, to_number(env, static_cast<double>(marks_[i].lsn)));
      puts.Set(i, Napi::Boolean::New(env, marks_[i].put));
      ends.Set(i, Napi::Boolean::New(env, marks_[i].ends_group));
    }
    const Napi::Array out = columns_.to_array(env, 3);
    out.Set(5U, lsns);
    out.Set(6U, puts);
    out.Set(7U, ends);
    return out;
  }

 private:
  struct Mark {
    std::uint64_t lsn;
    bool put;
    bool ends_group;
  };
  ChangeCursor& cursor_;
  Napi::ObjectReference keep_;  // the cursor's object
  EntryColumns columns_;
  std::vector<Mark> marks_;
};

// cursorChanges(cursor): a promise of some of the next changes, as columns: those of entries, then
// [LSNs, whether each is a put, whether each ends its group]; of none at the end
napi_value cursor_changes(const Call& call) {
  ChangeCursor& cursor = unwrap<ChangeCursor>(call.env(), call[0]);
  const Session::Work work(*cursor.held.session());
  if (!work) throw Failure{Session::closed()};
  return start(call.env(), std::make_unique<ChangesTask>(cursor, call.value(0).As<Napi::Object>()));
}

}  // namespace

void define_change_functions(Napi::Env env, Napi::Object exports) {
  define(env, exports,
         std::array{Function{"changeCursor", entry<change_cursor>},
                    Function{"changeCursorEnd", entry<change_cursor_end>},
                    Function{"cursorChanges", entry<cursor_changes>}});
}

}  // namespace jvdb::binding
