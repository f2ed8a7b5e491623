/** Names of files where the file system has no links, as FAT has none. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import { renameNew } from '../../lib/directories.js';
import { Directory } from '../support.js';

const directory = new Directory();

describe.each(['EPERM', 'EISDIR'])('a link fails by %s', (code) => {
  beforeEach(() => {
    jest.spyOn(fs, 'link').mockRejectedValue(Object.assign(new Error('no links'), { code }));
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  test('a file gets another name, which nothing may have', async () => {
    const [from, to] = [directory.file(), directory.file()];
    writeFileSync(from, 'new');
    await renameNew(from, to);
    expect([existsSync(from), readFileSync(to, 'utf8')]).toEqual([false, 'new']);
    writeFileSync(from, 'other');
    await expect(renameNew(from, to)).rejects.toMatchObject({ code: 'EEXIST' });
    expect([readFileSync(from, 'utf8'), readFileSync(to, 'utf8')]).toEqual(['other', 'new']);
  });

  test('one that gets none leaves none', async () => {
    const [from, to] = [directory.file(), directory.file()];
    await expect(renameNew(from, to)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(existsSync(to)).toBe(false);
  });
});
