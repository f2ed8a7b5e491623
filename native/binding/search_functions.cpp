// Searches, here or on a pool thread. Threads: as task.h says; a canceller's flag from any thread.
#include <atomic>
#include <utility>

#include "binding/convert.h"
#include "binding/entry.h"
#include "binding/task.h"
#include "binding/wrapped.h"

namespace jvdb::binding {
namespace {

using engine::Hit;

// What an AbortSignal raises.
struct Canceller {
  static constexpr napi_type_tag kTag{0x6A76646263616E63, 0x656C6C6572000001};
  std::shared_ptr<std::atomic<bool>> flag = std::make_shared<std::atomic<bool>>(false);
};

engine::SearchOptions options_of(const Call& call) {
  engine::SearchOptions options;
  double top_k = 0;
  must(call.env(), napi_get_value_double(call.env(), call[2], &top_k));
  options.top_k = static_cast<std::size_t>(top_k);
  options.metadata = truthy(call.env(), call[3]);
  options.vectors = truthy(call.env(), call[4]);
  return options;
}

// [ids, scores, distances, metadata or undefined, all vectors one after the other or undefined]
Napi::Value to_columns(Napi::Env env, const std::vector<Hit>& hits,
                       const engine::SearchOptions& options, const format::Schema& schema) {
  const auto column = [&] { return Napi::Array::New(env, hits.size()); };
  const Napi::Array ids = column();
  const Napi::Array scores = column();
  const Napi::Array distances = column();
  const Napi::Array metadata = options.metadata ? column() : Napi::Array();
  for (std::uint32_t i = 0; i < hits.size(); ++i) {
    const Napi::HandleScope scope(env);
    const Hit& hit = hits[i];
    ids.Set(i, to_id(env, hit.id_number, hit.id_text, schema.id_type));
    scores.Set(i, to_number(env, hit.score));
    distances.Set(i, to_number(env, hit.distance));
    if (options.metadata && !hit.metadata.empty()) metadata.Set(i, to_string(env, hit.metadata));
  }
  const Napi::Array out = Napi::Array::New(env, 5);
  out.Set(0U, ids);
  out.Set(1U, scores);
  out.Set(2U, distances);
  if (options.metadata) out.Set(3U, metadata);
  if (options.vectors) {
    Napi::ArrayBuffer vectors = Napi::ArrayBuffer::New(env, hits.size() * schema.vector_bytes());
    auto* at = static_cast<float*>(vectors.Data());
    for (const Hit& hit : hits) at = std::copy(hit.vector.begin(), hit.vector.end(), at);
    out.Set(4U, vectors);
  }
  return out;
}

class SearchTask final : public Task {
 public:
  SearchTask(std::shared_ptr<Session> session, std::vector<float> query,
             const engine::SearchOptions& options, std::shared_ptr<std::atomic<bool>> cancelled)
      : session_(std::move(session)),
        query_(std::move(query)),
        options_(options),
        schema_(session_->store().schema()),
        cancelled_(std::move(cancelled)) {
    session_->watch(*cancelled_);
  }
  ~SearchTask() override { session_->unwatch(*cancelled_); }

  Status run() override {
    const Session::Work work(*session_);
    if (!work) return Session::closed();
    auto hits = work.store().search(query_, options_, *cancelled_);
    if (!hits)
      return hits.status().code() == Code::aborted && session_->closing() ? Session::closed()
                                                                          : hits.status();
    hits_ = std::move(*hits);
    return {};
  }
  Napi::Value result(Napi::Env env) override { return to_columns(env, hits_, options_, schema_); }

 private:
  std::shared_ptr<Session> session_;
  const std::vector<float> query_;
  const engine::SearchOptions options_;
  const format::Schema schema_;
  std::shared_ptr<std::atomic<bool>> cancelled_;
  std::vector<Hit> hits_;
};

// search(store, query, topK, metadata, vectors): columns
napi_value search(const Call& call) {
  const engine::Store& store = call.session().store();
  const format::Schema schema = store.schema();
  const Floats query = floats_of(call.env(), call[1]);
  const std::vector<float> copy(query.data, query.data + query.size);
  const engine::SearchOptions options = options_of(call);
  const std::atomic<bool> never{false};
  const std::vector<Hit> hits = take(store.search(copy, options, never));
  // From here on JavaScript may run, and close the store: setters of a polluted prototype.
  return to_columns(call.env(), hits, options, schema);
}

// searchAsync(store, query, topK, metadata, vectors, canceller?): a promise of columns
napi_value search_async(const Call& call) {
  const Floats query = floats_of(call.env(), call[1]);
  auto cancelled = is_undefined(call.env(), call[5]) ? std::make_shared<std::atomic<bool>>(false)
                                                     : unwrap<Canceller>(call.env(), call[5]).flag;
  return start(call.env(),
               std::make_unique<SearchTask>(call.share(),
                                            std::vector<float>(query.data, query.data + query.size),
                                            options_of(call), std::move(cancelled)));
}

// canceller(): an object for cancel() and searchAsync()
napi_value canceller(const Call& call) {
  return wrap(call.env(), std::make_unique<Canceller>());
}

napi_value cancel(const Call& call) {
  unwrap<Canceller>(call.env(), call[0]).flag->store(true);
  return nullptr;
}

}  // namespace

void define_search_functions(Napi::Env env, Napi::Object exports) {
  define(env, exports,
         std::array{Function{"search", entry<search>}, Function{"searchAsync", entry<search_async>},
                    Function{"canceller", entry<canceller>}, Function{"cancel", entry<cancel>}});
}

}  // namespace jvdb::binding
