/** Which backups follow each other, and which of them hold a state. */
import type { BackupInfo, BackupRestoreOptions, Retention } from './types.js';

/** A whole copy and increments that follow it, in order. */
export type Chain = readonly [BackupInfo, ...BackupInfo[]];

/**
 * What a backup is restored from.
 *
 * @param backup - the last of the chain
 * @param all - the backups of its database
 * @returns the chain; undefined where a part of it is missing
 */
export function chainTo(backup: BackupInfo, all: ReadonlyMap<string, BackupInfo>): Chain | undefined {
  const behind: BackupInfo[] = [];
  for (let part: BackupInfo | undefined = backup; part !== undefined;) {
    if (part.base === undefined) return [part, ...behind.reverse()];
    behind.push(part);
    const { base, sequence }: BackupInfo = part;
    part = all.get(base);
    if (part !== undefined && part.sequence >= sequence) return undefined; // a forged circle
  }
  return undefined;
}

/**
 * The backups that a state can be restored up to.
 *
 * @param backups - of one database, the oldest first
 * @param wanted - which state
 * @returns the last of each chain that holds it, the best first
 */
export function candidates(backups: readonly BackupInfo[], wanted: BackupRestoreOptions): BackupInfo[] {
  const { backup, lsn, time } = wanted;
  const all = new Map(backups.map((one) => [one.id, one]));
  const newest = [...backups].reverse();
  if (backup !== undefined) return newest.filter(({ id }) => id === backup);
  if (lsn === undefined && time === undefined) return newest;
  const rootOf = (one: BackupInfo): BackupInfo | undefined => chainTo(one, all)?.[0];
  const begins = newest.filter((one) => {
    const root = rootOf(one);
    if (root === undefined) return false;
    return lsn === undefined ? root.sinceTime.getTime() <= (time?.getTime() ?? 0) : root.sinceLsn <= lsn;
  });
  // Of those that go on behind the point the shortest holds it; else, for a time, the longest is nearest to it.
  const beyond = begins.filter((one) =>
    lsn === undefined ? one.lastTime.getTime() > (time?.getTime() ?? 0) : one.lastLsn >= lsn,
  );
  const shortest = beyond.filter((one) => !beyond.some((other) => one.base === other.id));
  const rest = lsn === undefined ? begins.filter((one) => !beyond.includes(one)) : [];
  // The newest history that had begun by then.
  const rootSequence = (one: BackupInfo): number => rootOf(one)?.sequence ?? 0;
  return [...shortest, ...rest].sort((a, b) => rootSequence(b) - rootSequence(a));
}

/**
 * Which backups of one database need not be kept.
 *
 * @param backups - all of them, the oldest first
 * @param retention - what to keep
 * @param now - milliseconds since 1970
 * @param isThere - whether a whole copy is still what was written, as far as that can be told at once
 * @returns those to remove, the last of each chain first
 */
export function outdated(
  backups: readonly BackupInfo[],
  retention: Retention,
  now: number,
  isThere: (full: BackupInfo) => boolean,
): BackupInfo[] {
  const { keepFull = Infinity, maxAgeSeconds = Infinity } = retention;
  const all = new Map(backups.map((one) => [one.id, one]));
  const isOld = ({ createdAt }: BackupInfo): boolean => now - createdAt.getTime() > maxAgeSeconds * 1000;
  const families = new Map<string, BackupInfo[]>();
  const orphans: BackupInfo[] = [];
  for (const backup of backups) {
    const root = chainTo(backup, all)?.[0];
    if (root === undefined) orphans.push(backup);
    else families.set(root.id, [...(families.get(root.id) ?? []), backup]);
  }
  const fulls = backups.filter(({ base }) => base === undefined).reverse();
  let whole = 0;
  const gone = fulls.filter((full) => {
    const enough = whole >= keepFull;
    const needed = whole === 0;
    if (isThere(full)) whole++;
    return enough || (!needed && (families.get(full.id) ?? []).every(isOld));
  });
  return [...gone.flatMap(({ id }) => [...(families.get(id) ?? [])].reverse()), ...orphans.filter(isOld)];
}
