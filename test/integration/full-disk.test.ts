/**
 * Disks that are full, really: a small tmpfs and a small ext4 in a file. Compacting, backing up and restoring say
 * so, and nothing that was there before is gone.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { MemoryMappedVectorStore } from '../../lib/index.js';
import { Directory, expectRejection, vectorOf } from '../support.js';

const directory = new Directory();
const DIMENSION = 256;

function run(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** A mounted file system, undefined where that is not allowed. */
function mounted(type: string): string | undefined {
  const mount = path.join(directory.path, type);
  mkdirSync(mount);
  afterAll(() => {
    run('umount', '-l', mount);
  });
  if (type === 'tmpfs') return run('mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', mount) ? mount : undefined;
  const image = path.join(directory.path, 'image');
  writeFileSync(image, '');
  truncateSync(image, 64 << 20);
  const made = run('mkfs.ext4', '-q', '-F', image) && run('mount', '-o', 'loop', image, mount);
  return made ? mount : undefined;
}

describe.each(['tmpfs', 'ext4'])('%s', (type) => {
  const mount = mounted(type);
  if (mount === undefined) console.warn(`SKIPPED: a full ${type} (mounting one is not allowed here)`);

  (mount === undefined ? test.skip : test)('is full', async () => {
    const file = path.join(mount!, 'db.jvdb');
    const store = new MemoryMappedVectorStore(file, DIMENSION, { initialCapacity: 10, autoCompact: false });
    const rest = path.join(mount!, 'rest');
    let stored = 0;
    for (; stored < 1000; stored++) store.storeVector(stored, vectorOf(DIMENSION, stored), { stored });
    for (let id = 0; id < stored; id += 4) store.deleteVector(id);
    await store.flush();
    spawnSync('dd', ['if=/dev/zero', `of=${rest}`, 'bs=4k'], { stdio: 'ignore' });
    const check = async (one: MemoryMappedVectorStore): Promise<void> => {
      expect(one.vectorCount).toBe(750);
      for (let id = 1; id < stored; id += 4) {
        expect(one.retrieveVector(id)).toMatchObject({ vector: vectorOf(DIMENSION, id), metadata: { stored: id } });
      }
      expect(await one.verify()).toMatchObject({ ok: true, vectorCount: 750 });
    };
    await expectRejection(store.compact(), 'JVDB_NO_SPACE');
    await expectRejection(store.backup(path.join(mount!, 'backup')), 'JVDB_NO_SPACE');
    await expectRejection(MemoryMappedVectorStore.salvage(file, path.join(mount!, 'saved')), 'JVDB_NO_SPACE');
    await check(store);
    const backup = await store.backup(directory.file());
    await expectRejection(MemoryMappedVectorStore.restore(backup.path, path.join(mount!, 'restored')), 'JVDB_NO_SPACE');
    expect(
      readdirSync(mount!)
        .filter((name) => name !== 'lost+found')
        .sort(),
    ).toEqual(['db.jvdb', 'rest']);
    store.close();
    const again = MemoryMappedVectorStore.open(file, { autoCompact: false });
    await check(again);
    rmSync(rest);
    expect((await again.compact()).compacted).toBe(true);
    await check(again);
    again.close();
    expect(existsSync(`${file}.compacting`)).toBe(false);
  });
});
