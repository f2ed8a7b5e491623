// Searches, here or on a pool thread. Threads: as task.h says.
#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "binding/convert.h"
#include "binding/entry.h"
#include "binding/job_handle.h"
#include "binding/task.h"

namespace jvdb::binding {
namespace {

using engine::Hit;
using Answers = std::vector<std::vector<Hit>>;

// What a search asks for, with all memory of its own. Built on the JavaScript thread.
class Question {
 public:
  // The arguments of search().
  explicit Question(const Call& call, const format::Schema& schema);
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  Result<Answers> ask(const engine::Store& store, const std::atomic<bool>& cancelled) const {
    return store.search(queries_, options_, cancelled);
  }
  const engine::SearchOptions& options() const noexcept { return options_; }

 private:
  std::vector<float> queries_;
  std::optional<IdList> only_;
  std::optional<IdList> except_;
  engine::SearchOptions options_;
};

std::vector<engine::Id> ids_in(const IdList& list) {
  std::vector<engine::Id> out;
  out.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) out.push_back(list.at(i));
  return out;
}

std::size_t count_of(const Call& call, std::size_t argument) {
  return static_cast<std::size_t>(number_of(call.env(), call[argument]));
}

Question::Question(const Call& call, const format::Schema& schema) {
  const Napi::Env env = call.env();
  const Floats queries = floats_of(env, call[1]);
  queries_.assign(queries.data, queries.data + queries.size);
  options_.top_k = count_of(call, 2);
  options_.offset = count_of(call, 3);
  options_.min_score = number_of(env, call[4]);
  options_.max_distance = number_of(env, call[5]);
  if (!is_undefined(env, call[6])) {
    only_.emplace(env, call[6], schema.id_type);
    options_.only = ids_in(*only_);
  }
  if (!is_undefined(env, call[7])) {
    except_.emplace(env, call[7], schema.id_type);
    options_.except = ids_in(*except_);
  }
  options_.threads = static_cast<unsigned>(count_of(call, 8));
  options_.metadata = truthy(env, call[9]);
  options_.vectors = truthy(env, call[10]);
}

// [ids, scores, distances, metadata or undefined, all vectors one after the other or undefined,
// hits of each query], the hits of all queries one after the other.
Napi::Value to_columns(Napi::Env env, const Answers& answers, const engine::SearchOptions& options,
                       const format::Schema& schema) {
  std::size_t size = 0;
  for (const auto& hits : answers) size += hits.size();
  const auto column = [&](std::size_t length) { return Napi::Array::New(env, length); };
  const Napi::Array ids = column(size);
  const Napi::Array scores = column(size);
  const Napi::Array distances = column(size);
  const Napi::Array metadata = options.metadata ? column(size) : Napi::Array();
  const Napi::Array counts = column(answers.size());
  Napi::ArrayBuffer vectors;
  float* vector = nullptr;
  if (options.vectors) {
    vectors = make_buffer(env, size * schema.vector_bytes());
    vector = static_cast<float*>(vectors.Data());
  }
  std::uint32_t i = 0;
  for (std::uint32_t query = 0; query < answers.size(); ++query) {
    counts.Set(query, to_number(env, static_cast<double>(answers[query].size())));
    for (const Hit& hit : answers[query]) {
      const Napi::HandleScope scope(env);
      ids.Set(i, to_id(env, hit.id_number, hit.id_text, schema.id_type));
      scores.Set(i, to_number(env, hit.score));
      distances.Set(i, to_number(env, hit.distance));
      if (options.metadata && !hit.metadata.empty()) metadata.Set(i, to_string(env, hit.metadata));
      if (options.vectors) vector = std::copy(hit.vector.begin(), hit.vector.end(), vector);
      ++i;
    }
  }
  const Napi::Array out = column(6);
  out.Set(0U, ids);
  out.Set(1U, scores);
  out.Set(2U, distances);
  if (options.metadata) out.Set(3U, metadata);
  if (options.vectors) out.Set(4U, vectors);
  out.Set(5U, counts);
  return out;
}

class SearchTask : public Task {
 public:
  explicit SearchTask(const Call& call)
      : session_(call.share()),
        schema_(session_->store().schema()),
        question_(call, schema_),
        job_(job_of(call, 11)) {
    session_->watch(job_->cancelled);
  }
  ~SearchTask() override { session_->unwatch(job_->cancelled); }

  Status run() override {
    const Session::Work work(*session_);
    if (!work) return Session::closed();
    auto answers = question_.ask(work.store(), job_->cancelled);
    if (!answers) return session_->outcome(answers.status());
    answers_ = std::move(*answers);
    return {};
  }
  Napi::Value result(Napi::Env env) override {
    return to_columns(env, answers_, question_.options(), schema_);
  }

 protected:
  const Answers& answers() const noexcept { return answers_; }
  const format::Schema& schema() const noexcept { return schema_; }

 private:
  std::shared_ptr<Session> session_;
  const format::Schema schema_;
  const Question question_;
  const std::shared_ptr<engine::Job> job_;
  Answers answers_;
};

// search(store, queries, topK, offset, minScore, maxDistance, filterIds?, excludeIds?, threads,
// metadata, vectors): columns
napi_value search(const Call& call) {
  const std::shared_ptr<Session> session = call.share();
  const format::Schema schema = session->store().schema();
  const Question question(call, schema);
  // Reading ids may have run JavaScript that closed the store: the handle is asked again.
  const std::atomic<bool> never{false};
  const Answers answers = take(question.ask(call.session().store(), never));
  return to_columns(call.env(), answers, question.options(), schema);
}

// searchAsync(…, job?): a promise of columns
napi_value search_async(const Call& call) {
  return start(call.env(), std::make_unique<SearchTask>(call));
}

// Two columns and no object for each hit.
class RawSearchTask final : public SearchTask {
 public:
  using SearchTask::SearchTask;

  // [ids, scores]: scores in an ArrayBuffer, and ids too, 8 bytes each, where they are numbers.
  Napi::Value result(Napi::Env env) override {
    const std::vector<Hit>& hits = answers().front();
    const bool numbers = schema().id_type == format::IdType::int64;
    Napi::ArrayBuffer scores = make_buffer(env, hits.size() * sizeof(double));
    auto* score = static_cast<double*>(scores.Data());
    for (const Hit& hit : hits) *score++ = hit.score;
    const Napi::Array out = Napi::Array::New(env, 2);
    out.Set(0U, numbers ? numbers_of(env, hits) : texts_of(env, hits));
    out.Set(1U, scores);
    return out;
  }

 private:
  static Napi::Value numbers_of(Napi::Env env, const std::vector<Hit>& hits) {
    Napi::ArrayBuffer ids = make_buffer(env, hits.size() * sizeof(std::uint64_t));
    auto* id = static_cast<std::uint64_t*>(ids.Data());
    for (const Hit& hit : hits) *id++ = hit.id_number;
    return ids;
  }
  Napi::Value texts_of(Napi::Env env, const std::vector<Hit>& hits) const {
    const Napi::Array ids = Napi::Array::New(env, hits.size());
    for (std::uint32_t i = 0; i < hits.size(); ++i) {
      const Napi::HandleScope scope(env);
      ids.Set(i, to_id(env, hits[i].id_number, hits[i].id_text, schema().id_type));
    }
    return ids;
  }
};

// searchRaw(…, job?): a promise of what RawSearchTask gives
napi_value search_raw(const Call& call) {
  return start(call.env(), std::make_unique<RawSearchTask>(call));
}

}  // namespace

void define_search_functions(Napi::Env env, Napi::Object exports) {
  define(env, exports,
         std::array{Function{"search", entry<search>}, Function{"searchAsync", entry<search_async>},
                    Function{"searchRaw", entry<search_raw>}});
}

}  // namespace jvdb::binding
