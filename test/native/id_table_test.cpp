// The id table by itself: growth, collisions of tags and of whole hashes, readers beside a writer.
#include <atomic>
#include <random>
#include <thread>
#include <unordered_map>

#include "check.h"
#include "engine/id_table.h"
#include "engine/published.h"
#include "engine/reader_gate.h"

namespace jvdb::test {
namespace {

using engine::IdTable;

const Test kModel("id_table_test", "it agrees with a map, up to its capacity", [] {
  std::mt19937_64 random(7);
  for (const std::size_t entries : {1, 5, 56, 57, 1000, 50000}) {
    IdTable table(entries);
    expect(table.capacity() >= entries);
    std::unordered_map<std::uint64_t, std::uint32_t> model;
    std::vector<std::uint64_t> hash_of_slot;
    while (table.size() < table.capacity()) {
      const std::uint64_t hash = random() % (table.capacity() * 3) * 0x9E3779B97F4A7C15U;
      const auto at =
          table.find(hash, [&](std::uint32_t slot) { return hash_of_slot[slot] == hash; });
      expect_equal(at.has_value(), model.contains(hash));
      const auto slot = static_cast<std::uint32_t>(hash_of_slot.size());
      hash_of_slot.push_back(hash);
      if (at) {
        expect_equal(table.slot_at(*at), model[hash]);
        table.replace(*at, slot);
      } else {
        table.insert(hash, slot);
      }
      model[hash] = slot;
      if (hash_of_slot.size() > table.capacity() * 2) break;
    }
    expect_equal(table.size(), model.size());
    std::size_t visited = 0;
    table.for_each(
        [&](std::uint32_t slot) { visited += model[hash_of_slot[slot]] == slot ? 1 : 0; });
    expect_equal(visited, model.size());
  }
});

const Test kEqualHashes("id_table_test", "equal hashes are told apart by the caller's comparison",
                        [] {
                          IdTable table(100);
                          for (std::uint32_t slot = 0; slot < 100; ++slot) table.insert(0, slot);
                          for (std::uint32_t slot = 0; slot < 100; ++slot) {
                            const auto at =
                                table.find(0, [&](std::uint32_t found) { return found == slot; });
                            expect(at.has_value());
                            expect_equal(table.slot_at(*at), slot);
                          }
                          expect(!table.find(0, [](std::uint32_t) { return false; }).has_value());
                        });

const Test kPoint("id_table_test", "a published point is always a pair", [] {
  engine::Published published;
  // Slots are a function of the LSN; LSNs pass 2^32 on the way.
  const auto store = [&](std::uint64_t lsn) {
    published.store({lsn, static_cast<std::uint32_t>(lsn / 2)});
  };
  constexpr std::uint64_t first = 0xFFFF0000U;
  store(first);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::uint64_t i = 1; i < 300000; ++i) store(first + i);
    done = true;
  });
  std::uint64_t last = 0;
  while (!done) {
    const engine::Point point = published.load();
    if (point.slot_end != static_cast<std::uint32_t>(point.lsn / 2) || point.lsn < last) {
      done = true;
      writer.join();
      fail("lsn " + std::to_string(point.lsn) + " with slot_end " + std::to_string(point.slot_end));
    }
    last = point.lsn;
  }
  writer.join();
});

const Test kGate("id_table_test", "nothing is freed while a reader may hold it", [] {
  engine::ReaderGate gate;
  std::atomic<std::atomic<int>*> current{new std::atomic<int>(1)};
  std::atomic<bool> done{false};
  std::atomic<bool> bad{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const auto pass = gate.enter();
        const std::atomic<int>* value = current.load();
        for (int look = 0; look < 10; ++look) {
          if (value->load() != 1) bad = true;
        }
      }
    });
  }
  for (int i = 0; i < 2000; ++i) {
    std::atomic<int>* old = current.exchange(new std::atomic<int>(1));
    gate.begin_grace();
    while (!gate.grace_over()) std::this_thread::yield();
    *old = 0;  // seen by a reader that should be gone
    delete old;
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  delete current.load();
  expect(!bad);
});

}  // namespace
}  // namespace jvdb::test
