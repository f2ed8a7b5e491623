// Many operations as one group, here or on a pool thread. Threads: as task.h says.
#include <optional>
#include <utility>

#include "base/text.h"
#include "binding/convert.h"
#include "binding/entry.h"
#include "binding/task.h"
#include "engine/mutation.h"

namespace jvdb::binding {
namespace {

using engine::Mutation;

// Puts of consecutive rows of one flat array.
class PutBatch final : public engine::Mutations {
 public:
  PutBatch(const Call& call, std::uint32_t dimension, format::IdType type)
      : ids_(call.env(), call[1], type),
        metadata_(call.env(), call[3], ids_.size()),
        dimension_(dimension) {
    const Floats floats = floats_of(call.env(), call[2]);
    if (floats.size != ids_.size() * dimension) {
      // Too many or too few vectors, or such of another dimension?
      fail(floats.size % dimension == 0 ? Code::invalid_argument : Code::dimension_mismatch,
           text("there are ", ids_.size(), " ids but ", floats.size, " values; give ",
                ids_.size() * dimension, ", ", dimension, " for each id", transferred(floats)));
    }
    vectors_ = floats.data;
    if (floats.shared) own_vectors();
  }
  // For another thread: JavaScript may change its memory meanwhile.
  void own_vectors() {
    if (!copy_.empty()) return;
    copy_.assign(vectors_, vectors_ + ids_.size() * dimension_);
    vectors_ = copy_.data();
  }

  std::size_t size() const noexcept override { return ids_.size(); }
  Mutation at(std::size_t index) const noexcept override {
    Mutation out;
    out.id = ids_.at(index);
    out.vector = vectors_ + index * dimension_;
    out.metadata = metadata_.at(index);
    return out;
  }

 private:
  IdList ids_;
  MetadataList metadata_;
  std::uint32_t dimension_;
  const float* vectors_ = nullptr;
  std::vector<float> copy_;
};

class RemoveBatch final : public engine::Mutations {
 public:
  RemoveBatch(const Call& call, format::IdType type) : ids_(call.env(), call[1], type) {}
  std::size_t size() const noexcept override { return ids_.size(); }
  Mutation at(std::size_t index) const noexcept override {
    Mutation out;
    out.kind = Mutation::Kind::remove;
    out.id = ids_.at(index);
    return out;
  }

 private:
  IdList ids_;
};

class PutBatchTask final : public Task {
 public:
  PutBatchTask(std::shared_ptr<Session> session, std::unique_ptr<PutBatch> batch)
      : session_(std::move(session)), batch_(std::move(batch)) {}

  void begin() override {
    work_.emplace(*session_);
    turn_.emplace(*session_);
  }
  Status run() override {
    const Session::Work work(std::move(*work_));  // until here, not until JavaScript takes note
    Session::Turn turn(std::move(*turn_));
    if (!work) return Session::closed();
    turn.await();
    const auto appended = session_->append(work.store(), *batch_);
    turn.end();
    if (!appended) return appended.status();
    stored_ = appended->stored;
    return session_->settle(work.store(), *appended);
  }
  Napi::Value result(Napi::Env env) override {
    return {env, to_number(env, static_cast<double>(stored_))};
  }

 private:
  std::shared_ptr<Session> session_;
  std::unique_ptr<PutBatch> batch_;
  std::optional<Session::Work> work_;
  std::optional<Session::Turn> turn_;
  std::uint64_t stored_ = 0;
};

// Reading an array may run getters, and these may close the store: whatever is read is read before
// the session is looked up.
std::unique_ptr<PutBatch> batch_of(const Call& call) {
  const format::Schema schema = call.session().store().schema();
  return std::make_unique<PutBatch>(call, schema.dimension, schema.id_type);
}

// putBatch(store, ids, vectors, metadata?): the number of different ids stored
napi_value put_batch(const Call& call) {
  const auto batch = batch_of(call);
  const engine::Appended appended = take(call.session().change(*batch));
  return to_number(call.env(), static_cast<double>(appended.stored));
}

// putBatchAsync(store, ids, vectors, metadata?): a promise of that
napi_value put_batch_async(const Call& call) {
  auto batch = batch_of(call);
  batch->own_vectors();
  return start(call.env(), std::make_unique<PutBatchTask>(call.share(), std::move(batch)));
}

// removeBatch(store, ids): the number removed
napi_value remove_batch(const Call& call) {
  const RemoveBatch batch(call, call.session().store().schema().id_type);
  return to_number(call.env(), static_cast<double>(take(call.session().change(batch)).removed));
}

}  // namespace

void define_batch_functions(Napi::Env env, Napi::Object exports) {
  define(env, exports,
         std::array{Function{"putBatch", entry<put_batch>},
                    Function{"putBatchAsync", entry<put_batch_async>},
                    Function{"removeBatch", entry<remove_batch>}});
}

}  // namespace jvdb::binding
