/**
 * What the old server's file can only show as a whole, found in one pass over its index before any row is read:
 * which vectors share bytes, and which ids are there twice. It takes 16 bytes of memory for each entry.
 * Threads: no state.
 */
import { Column, has, Places } from './columns.js';
import { ACTIVE, damaged, ENTRY_BYTES, entryAt, flagsAt, HEADER_BYTES } from './header.js';
import type { LegacyEntry, LegacyHeader } from './header.js';
import type { ReadAt } from './reads.js';

/** Slots read at once: 1 MiB. */
const SLOTS_AT_ONCE = 16_384;

/** Ids with equal hashes that are compared: there is none in a file that is whole, and each takes memory. */
const MAX_REPEATED = 1 << 20;

/** Gives the ids of entries. */
export type IdsOf = (entries: LegacyEntry[]) => Promise<string[]>;

/** The slots of an index, some at a time. */
export interface Slots {
  /** They, one after the other. */
  readonly bytes: Buffer;
  /** The first of them. */
  readonly first: number;
  /** How many. */
  readonly count: number;
}

/** What is known of a file before its rows are read. */
export interface Survey {
  /**
   * What is wrong with the place of a vector.
   *
   * @param entry - whose
   * @returns the reason; undefined for nothing
   */
  misplaced(entry: LegacyEntry): string | undefined;
  /**
   * Whether an entry's id is that of a newer one too. Slots are asked for in order.
   *
   * @param slot - which
   * @returns whether it is
   */
  isOutdated(slot: number): boolean;
}

/**
 * Reads an index from its start to its end.
 *
 * @param readAt - reads the file
 * @param header - of the file
 * @returns its slots
 */
export async function* indexOf(readAt: ReadAt, header: LegacyHeader): AsyncIterable<Slots> {
  for (let first = 0; first < header.slots; first += SLOTS_AT_ONCE) {
    const count = Math.min(SLOTS_AT_ONCE, header.slots - first);
    yield { bytes: await readAt(HEADER_BYTES + first * ENTRY_BYTES, count * ENTRY_BYTES), first, count };
  }
}

/**
 * Surveys a file.
 *
 * @param readAt - reads the file
 * @param header - of the file
 * @param idsOf - gives the ids of entries
 * @returns what was found
 */
export async function survey(readAt: ReadAt, header: LegacyHeader, idsOf: IdsOf): Promise<Survey> {
  const hashes = new Column();
  const offsets = new Column();
  const places = new Places(header);
  for await (const { bytes, first, count } of indexOf(readAt, header)) {
    for (let i = 0; i < count; i++) {
      if (flagsAt(bytes, i * ENTRY_BYTES) !== ACTIVE) continue;
      const entry = entryAt(bytes, i * ENTRY_BYTES, first + i);
      hashes.pushHash(entry);
      if (places.add(entry)) offsets.push(entry.dataOffset);
    }
  }
  places.conclude(hashes.length);
  const repeated = hashes.repeatedHashes();
  const outdated = { slots: new Column(), offsets: new Column() };
  if (repeated.length > 0) await findOutdated(readAt, header, { repeated, idsOf, outdated, places });
  const shared = sharedOffsets(offsets.sorted(), places, outdated.offsets.sorted());
  const outdatedSlots = outdated.slots.sorted();
  let next = 0;
  return {
    misplaced: (entry) =>
      places.misplaced(entry) ??
      (has(shared, entry.dataOffset)
        ? `its vector at byte ${entry.dataOffset} shares bytes with another's`
        : undefined),
    isOutdated(slot) {
      while (next < outdatedSlots.length && (outdatedSlots[next] ?? 0) < slot) next++;
      return outdatedSlots[next] === slot;
    },
  };
}

interface Repeats {
  /** Hashes that several entries have. */
  repeated: BigUint64Array;
  idsOf: IdsOf;
  /** The places of vectors. */
  places: Places;
  /** To fill: entries whose id a newer one has too, and the places of their vectors. */
  outdated: { slots: Column; offsets: Column };
}

// Different ids may have equal hashes: what counts is the id. The newest stays, of equals that of the first slot.
async function findOutdated(readAt: ReadAt, header: LegacyHeader, repeats: Repeats): Promise<void> {
  const { repeated, idsOf, places, outdated } = repeats;
  const newest = new Map<string, LegacyEntry>();
  for await (const { bytes, first, count } of indexOf(readAt, header)) {
    const entries: LegacyEntry[] = [];
    for (let i = 0; i < count; i++) {
      if (flagsAt(bytes, i * ENTRY_BYTES) !== ACTIVE) continue;
      if (!has(repeated, bytes.readBigUInt64LE(i * ENTRY_BYTES))) continue;
      entries.push(entryAt(bytes, i * ENTRY_BYTES, first + i));
    }
    const ids = entries.length === 0 ? [] : await idsOf(entries);
    for (const [i, entry] of entries.entries()) {
      const id = ids[i] ?? '';
      const other = newest.get(id);
      if (other === undefined || entry.timestamp > other.timestamp) newest.set(id, entry);
      if (other === undefined) continue;
      const older = entry.timestamp > other.timestamp ? other : entry;
      outdated.slots.push(older.slot);
      if (places.isInside(older)) outdated.offsets.push(older.dataOffset);
    }
    if (newest.size > MAX_REPEATED) throw damaged(header.name, `more than ${MAX_REPEATED} ids have hashes of others`);
  }
}

// An outdated entry may still name the bytes that the newer one of its id took over: it harms nobody.
function sharedOffsets(offsets: Float64Array, places: Places, gone: Float64Array): Float64Array {
  const shared = new Column();
  let nextGone = 0;
  let last = -Infinity;
  let wasShared = false;
  for (const offset of offsets) {
    while ((gone[nextGone] ?? Infinity) < offset) nextGone++;
    if (gone[nextGone] === offset) {
      nextGone++;
      continue;
    }
    if (!places.isPlausible(offset)) continue;
    const isShared = offset - last < places.vectorBytes;
    if (isShared && !wasShared) shared.push(last);
    if (isShared) shared.push(offset);
    last = offset;
    wasShared = isShared;
  }
  return shared.sorted();
}
