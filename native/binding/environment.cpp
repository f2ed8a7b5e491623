#include "binding/environment.h"

#include <array>

#include "binding/failure.h"

namespace jvdb::binding {
namespace {

// A handle is generation × kPlaces + index of its place: exact in a double for 2^29 generations.
constexpr std::uint64_t kPlaces = std::uint64_t{1} << 24;

constexpr std::array<const char*, static_cast<std::size_t>(Name::count_of_names)> kNames = {
    "osError",        "vectorCount", "deadCount",    "capacity",       "extentCount", "fileBytes",
    "allocatedBytes", "memoryBytes", "lastLsn",      "durableLsn",     "durableAt",   "flushCount",
    "recovery",       "clean",       "recoveredLsn", "droppedRecords", "durationMs",
};

}  // namespace

Environment::Environment(Napi::Env env) : env_(env) {
  const Napi::Array names = Napi::Array::New(env, kNames.size());
  for (std::uint32_t i = 0; i < kNames.size(); ++i) names.Set(i, Napi::String::New(env, kNames[i]));
  names_ = Napi::Persistent(names.As<Napi::Object>());
}

Environment::~Environment() {
  close_all();
}

void Environment::create(Napi::Env env) {
  auto* environment = new Environment(env);
  env.SetInstanceData(environment);
  // Before the JavaScript objects are finalized, whose order is not defined.
  env.AddCleanupHook([environment] { environment->close_all(); });
}

Environment& Environment::of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Environment*>(data);
}

double Environment::add(std::shared_ptr<Session> session) {
  std::size_t index = places_.size();
  if (free_.empty()) {
    if (index == kPlaces) fail(Code::too_many_open_files, "16,777,216 stores are open; close some");
    places_.emplace_back();
    free_.reserve(places_.size());  // so that remove() can't fail
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Place& place = places_[index];
  ++place.generation;
  place.session = std::move(session);
  return static_cast<double>(place.generation * kPlaces + index);
}

const Environment::Place* Environment::find(double handle) const noexcept {
  if (!(handle >= 0 && handle < 9007199254740992.0)) return nullptr;
  const auto number = static_cast<std::uint64_t>(handle);
  const std::size_t index = number % kPlaces;
  if (index >= places_.size() || places_[index].generation != number / kPlaces) return nullptr;
  return places_[index].session ? &places_[index] : nullptr;
}

Environment::Place* Environment::find(double handle) noexcept {
  return const_cast<Place*>(std::as_const(*this).find(handle));
}

Session& Environment::session(double handle) const {
  const Place* place = find(handle);
  if (place == nullptr) throw Failure{Session::closed()};
  const engine::Store& store = place->session->store();
  if (store.removed()) throw Failure{engine::removed_failure(store.path())};
  return *place->session;
}

std::shared_ptr<Session> Environment::share(double handle) const {
  (void)session(handle);
  return find(handle)->session;
}

std::shared_ptr<Session> Environment::remove(double handle) noexcept {
  Place* place = find(handle);
  if (place == nullptr) return nullptr;
  free_.push_back(static_cast<std::size_t>(place - places_.data()));
  return std::move(place->session);
}

std::shared_ptr<Session> Environment::remove_to_close(double handle) {
  std::erase_if(closing_, [](const auto& closing) { return closing.second.expired(); });
  const Place* place = find(handle);
  if (place != nullptr) closing_.emplace(handle, place->session);
  return remove(handle);
}

std::shared_ptr<Session> Environment::closing(double handle) const noexcept {
  const auto found = closing_.find(handle);
  return found == closing_.end() ? nullptr : found->second.lock();
}

bool Environment::removed(double handle) const noexcept {
  const Place* place = find(handle);
  return place != nullptr && place->session->store().removed();
}

void Environment::flush_all() noexcept {
  for (const Place& place : places_) {
    if (place.session) place.session->cancel();
  }
  for (const Place& place : places_) {
    if (place.session && place.session->flush_on_exit()) (void)place.session->store().flush();
  }
  for (const auto& [handle, closing] : closing_) {
    if (const auto session = closing.lock()) (void)session->close(true);
  }
}

void Environment::close_all() noexcept {
  if (forked()) return;
  for (Place& place : places_) {
    if (const auto session = std::move(place.session))
      (void)session->close(session->flush_on_exit());
  }
  places_.clear();
  free_.clear();
}

napi_value Environment::name(Name name) const {
  return names_.Value().Get(static_cast<std::uint32_t>(name));
}

}  // namespace jvdb::binding
