/** Which backups follow each other, and which of them hold a state. */
import type { BackupInfo, BackupRestoreOptions, Retention } from './types.js';

/** A whole copy and the increments that follow it, in order. */
export type Chain = readonly [BackupInfo, ...BackupInfo[]];

/**
 * Puts the backups of one database in chains.
 *
 * @param backups - in any order
 * @returns the chains, the newest whole copy first, and the increments that follow none of these
 */
export function chainsOf(backups: readonly BackupInfo[]): { chains: Chain[]; orphans: BackupInfo[] } {
  const followers = new Map<string | undefined, BackupInfo[]>();
  for (const backup of byAge(backups)) {
    const list = followers.get(backup.base) ?? [];
    followers.set(backup.base, [...list, backup]);
  }
  const used = new Set<BackupInfo>();
  const chains = (followers.get(undefined) ?? []).map((full): Chain => {
    const chain: [BackupInfo, ...BackupInfo[]] = [full];
    used.add(full);
    for (;;) {
      // Of two that follow the same, the newer one: the other was made at the same time by another process.
      const next = followers.get((chain.at(-1) ?? full).id)?.at(-1);
      if (next === undefined || used.has(next)) return chain;
      used.add(next);
      chain.push(next);
    }
  });
  return { chains: chains.reverse(), orphans: backups.filter((backup) => !used.has(backup)) };
}

function byAge(backups: readonly BackupInfo[]): BackupInfo[] {
  return [...backups].sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || a.lastLsn - b.lastLsn);
}

/**
 * What a state can be restored from.
 *
 * @param chains - of one database
 * @param wanted - which state
 * @returns parts of chains that hold it, the best first
 */
export function candidates(chains: readonly Chain[], wanted: BackupRestoreOptions): Chain[] {
  const { backup, lsn, time } = wanted;
  const prefixes = chains.flatMap((chain) =>
    chain.map((_, last): Chain => [chain[0], ...chain.slice(1, last + 1)]).reverse(),
  );
  const ends = (chain: Chain): BackupInfo => chain.at(-1) ?? chain[0];
  if (backup !== undefined) return prefixes.filter((chain) => ends(chain).id === backup);
  if (lsn !== undefined) {
    const holding = prefixes.filter((chain) => chain[0].sinceLsn <= lsn && lsn <= ends(chain).lastLsn);
    return shortestOfEach(holding);
  }
  if (time === undefined) return prefixes;
  const at = time.getTime();
  const begun = prefixes.filter((chain) => chain[0].sinceTime.getTime() <= at);
  // One that goes on behind the time holds it for certain; else the longest is nearest to it.
  const holding = shortestOfEach(begun.filter((chain) => ends(chain).lastTime.getTime() >= at));
  return [...holding, ...begun.filter((chain) => !holding.includes(chain))];
}

function shortestOfEach(chains: readonly Chain[]): Chain[] {
  const shortest = new Map<string, Chain>();
  for (const chain of chains) {
    const known = shortest.get(chain[0].id);
    if (known === undefined || chain.length < known.length) shortest.set(chain[0].id, chain);
  }
  return [...shortest.values()];
}

/**
 * Which backups of one database need not be kept.
 *
 * @param backups - all of them
 * @param retention - what to keep
 * @param now - milliseconds since 1970
 * @returns those to remove, the last of each chain first
 */
export function outdated(backups: readonly BackupInfo[], retention: Retention, now: number): BackupInfo[] {
  const { keepFull = Infinity, maxAgeSeconds = Infinity } = retention;
  const { chains, orphans } = chainsOf(backups);
  const isOld = ({ createdAt }: BackupInfo): boolean => now - createdAt.getTime() > maxAgeSeconds * 1000;
  const gone = chains.filter((chain, place) => place >= keepFull || (place > 0 && chain.every(isOld)));
  return [...gone.flatMap((chain) => [...chain].reverse()), ...orphans.filter(isOld)];
}
