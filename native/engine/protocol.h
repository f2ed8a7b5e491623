// The rules of the journal protocol (docs/format.md) that tests switch off one at a time, to show
// that each is needed. The engine is always run with all of them on.
// Threads: plain data.
#pragma once

namespace jvdb::engine {

struct Protocol {
  bool payload_checksums = true;             // rule 2
  bool group_flag = true;                    // rule 3
  bool epoch_at_open = true;                 // rule 4
  bool epoch_after_failed_append = true;     // rule 4
  bool two_superblocks = true;               // rule 5
  bool epoch_in_both = true;                 // rule 5
  bool superblock_after_sync = true;         // rule 6
  bool tail_before_sync = true;              // rule 6
  bool sync_in_recovery = true;              // rule 7
  bool write_found_again = true;             // rule 7
  bool epoch_in_extent_header = true;        // rule 8
  bool floor_records = true;                 // rule 9
  bool reserve_before_map = true;            // rule 10
  bool failed_sync_is_final = true;          // rule 12
  bool sync_before_rename = true;            // rule 13
  bool directory_sync_in_compaction = true;  // rule 13
  bool catch_up_alone = true;                // rule 13
  bool lock_before_rename = true;            // rule 13
  bool enter_before_rename = true;           // rule 13
  bool stat_after_lock = true;               // rule 15
  bool replaced_inode = true;                // rule 18
  bool rewritten_history = true;             // rule 18
  bool epoch_after_refresh = true;           // rule 18
  bool distrust_unsynced = true;             // rule 18
};

}  // namespace jvdb::engine
