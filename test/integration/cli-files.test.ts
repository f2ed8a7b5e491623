/** The command line's inspect, estimate, bench and completion. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { estimate } from '../../lib/inspect/estimate.js';
import { MemoryMappedVectorStore } from '../../lib/index.js';
import { asked, jvdb } from '../cli.js';
import { Directory, ROOT } from '../support.js';

const directory = new Directory();
const golden = path.join(ROOT, 'test/fixtures/int64-v1.jvdb');

describe('inspect', () => {
  test('a file for people', async () => {
    const { status, stdout } = await jvdb(['inspect', golden, '--records', '--limit', '3']);
    expect(status).toBe(0);
    const [first, ...sections] = stdout.split('\n\n');
    expect(first).toContain(
      'whole      yes\nsize       655360 bytes (640 KiB)\nvectors    7, 3 dead, at the last flush\n',
    );
    expect(sections.map((section) => section.split('\n')[0])).toEqual(['Headers', 'Superblocks', 'Extents', 'Records']);
    expect(sections[0]).toBe(
      'Headers\noffset  status  version  vectorsAtClosing\n     0  whole         1                 7\n 12288  whole         1                 0',
    );
    expect(sections[3]).toMatch(/\n 69824 +whole +1 +3 +put +9223372036854775807 .*\nand 8 more\n$/);
  });

  test('a file for machines, a damaged one, and none', async () => {
    const report = (await asked(['inspect', golden, '--records'])) as { records: object[] };
    expect(report).toMatchObject({ ok: true, vectorCount: 7, deadCount: 3, recordCount: 11, lastLsn: 11, errors: [] });
    expect(report.records).toHaveLength(11);
    expect(report.records[2]).toMatchObject({ id: '9223372036854775807', lsn: 3, metadataBytes: 38, heap: 'whole' });
    const file = directory.file();
    writeFileSync(file, new Uint8Array(100_000));
    const damaged = await jvdb(['inspect', file]);
    expect(damaged.status).toBe(0);
    expect(damaged.stdout).toContain('\nErrors:\noffset  lsn  message\n     0       the header is none of a database;');
    expect(await jvdb(['inspect', `${file}.none`])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^jvdb: JVDB_NOT_FOUND: cannot open .*\n$/) as string,
    });
    expect(await jvdb(['inspect', directory.path])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^jvdb: JVDB_IO: cannot read .*EISDIR.*\n$/) as string,
    });
  });
});

describe('estimate', () => {
  const shapes = [
    { vectors: 0, dimension: 8, metadataBytes: 0, idBytes: 0, scanColumn: 'int8' },
    { vectors: 60_000, dimension: 384, metadataBytes: 0, idBytes: 0, scanColumn: 'int8' },
    { vectors: 20_000, dimension: 100, metadataBytes: 200, idBytes: 0, scanColumn: 'none' },
    { vectors: 30_000, dimension: 33, metadataBytes: 50, idBytes: 20, scanColumn: 'int8' },
  ] as const;

  test.each(shapes)('is the size of a real file: $vectors × $dimension, $scanColumn', (shape) => {
    const { vectors, dimension, metadataBytes, idBytes, scanColumn } = shape;
    const file = directory.file();
    const idType = idBytes > 0 ? 'string' : 'int64';
    const idOf = (n: number): string | number => (idBytes > 0 ? `${n}`.padStart(idBytes, '0') : n);
    const metadata = metadataBytes > 0 ? JSON.stringify({ a: 'x'.repeat(metadataBytes - 8) }) : undefined;
    let open: number;
    {
      using store = new MemoryMappedVectorStore(file, dimension, { idType, scanColumn } as object);
      for (let first = 0; first < vectors; first += 1000) {
        const ids = Array.from({ length: 1000 }, (_, i) => idOf(first + i));
        store.batchStore(
          ids,
          new Float32Array(1000 * dimension).fill(1),
          ids.map(() => metadata),
        );
      }
      open = store.stats().allocatedBytes;
    }
    using store = MemoryMappedVectorStore.open(file);
    const { allocatedBytes, fileBytes, memoryBytes } = store.stats();
    const found = estimate({ databases: 3, ...shape });
    const within = (value: number, real: number): void => {
      expect(Math.abs(value - real)).toBeLessThanOrEqual(0.02 * real);
    };
    within(found.fileBytes, fileBytes);
    if (vectors > 0) within(found.fileBytes, open);
    // A file system may allocate more at a time than a page.
    if (vectors > 0) within(found.closedBytes, allocatedBytes);
    within(found.memoryBytes, 3 * memoryBytes);
    expect(found).toMatchObject({ vectors: 3 * vectors, totalFileBytes: 3 * found.fileBytes });
    expect(found.recommendedDiskBytes).toBeGreaterThan(4 * found.fileBytes);
  });

  test('is printed', async () => {
    const args = ['estimate', '--vectors', '1000000', '--dimension', '384'];
    expect((await jvdb(args)).stdout).toBe(`vectors            1000000
each file          2.1 GiB, 2240 bytes a vector; 2.0 GiB once closed
all files          2.1 GiB
memory             44.8 MiB for tables, with all databases open
each search reads  366 MiB, from memory where the page cache has room for it
recommended disk   4.4 GiB
`);
    expect(await asked([...args, '--databases', '2', '--scan-column', 'none', '--metadata-bytes', '0'])).toMatchObject({
      vectors: 2_000_000,
      scannedBytes: 1_536_000_000,
    });
    expect(await jvdb(['estimate', '--vectors', '-1', '--dimension', '3'])).toMatchObject({ status: 2 });
    expect(await jvdb([...args, '--scan-column', 'int4'])).toMatchObject({ status: 2 });
  });
});

test('bench measures, checks, and leaves nothing', async () => {
  const storage = directory.file();
  mkdirSync(storage);
  const report = await asked(['bench', '--seconds', '1', '--dimension', '32', '--vectors', '5000'], { storage });
  expect(report).toMatchObject({ dimension: 32, threads: expect.any(Number) as number });
  const { steps, checks } = report as { steps: Record<string, unknown>[]; checks: number };
  expect(steps.map(({ step }) => step)).toEqual([
    ...['store', 'batch store', 'flush', 'retrieve', 'search, one thread', 'search, all threads', 'reopen', 'verify'],
  ]);
  expect(steps.every(({ count, perSecond }) => Number(count) > 0 && Number(perSecond) > 0)).toBe(true);
  expect(checks).toBeGreaterThan(5);
  const { status, stdout } = await jvdb(['bench', '--seconds', '1', '--vectors', '50', '--dimension', '3'], {
    storage,
  });
  expect(status).toBe(0);
  expect(stdout).toMatch(
    /^step +count +time +per second +µs each +GB\/s\nstore +13 [^]*\nvectors +50 of dimension 3\n/,
  );
  expect(readdirSync(storage)).toEqual([]);
});

test('bench has figures of each step with two vectors, and refuses one', async () => {
  const storage = directory.file();
  mkdirSync(storage);
  const { steps } = (await asked(['bench', '--seconds', '1', '--vectors', '2'], { storage })) as { steps: object[] };
  expect(steps).toHaveLength(8);
  for (const { step, ...figures } of steps as Record<string, unknown>[]) {
    expect([step, Object.values(figures).every(Number.isFinite)]).toEqual([step, true]);
  }
  expect(await jvdb(['bench', '--vectors', '1'], { storage })).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/^jvdb: option '--vectors <n>' argument '1' is invalid\. .* from 2 to /) as string,
  });
});

describe('completion', () => {
  const bashIn = (storage: string, ...words: string[]): string[] => {
    const script =
      'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _jvdb; printf "%s\\n" "${COMPREPLY[@]}"';
    const out = execFileSync('bash', ['-c', script, 'bash', file, 'jvdb', ...words], {
      encoding: 'utf8',
      env: { ...process.env, JVDB_STORAGE: storage },
    });
    return out.split('\n').filter(Boolean);
  };
  const bash = (...words: string[]): string[] => bashIn('', ...words);
  const file = directory.file();

  test('bash completes commands, options and choices', async () => {
    const { status, stdout } = await jvdb(['completion', 'bash']);
    expect(status).toBe(0);
    writeFileSync(file, stdout);
    execFileSync('bash', ['-n', file]);
    expect(bash('comp')).toEqual(['compact', 'completion']);
    expect(bash('')).toEqual(expect.arrayContaining(['create', 'verify', 'estimate', '--version']));
    expect(bash('verify', '--q')).toEqual(['--quick']);
    expect(bash('verify', '--s')).toEqual(['--storage']);
    expect(bash('completion', '')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
    expect(bash('estimate', '--scan-column', '')).toEqual(['int8', 'none']);
    // Files, which bash completes by itself.
    expect(bash('salvage', '')).toEqual([]);
    expect(bash('verify', '--backups', '')).toEqual([]);
  });

  test('bash completes names of databases', () => {
    const [there, elsewhere] = [directory.file(), `${directory.file()} of mine`];
    for (const [place, names] of [
      [there, ['words', 'works', 'points']],
      [elsewhere, ['others']],
    ] as const) {
      mkdirSync(place);
      for (const name of names) writeFileSync(path.join(place, `${name}.jvdb`), '');
      writeFileSync(path.join(place, 'notes.import'), '');
    }
    expect(bashIn(there, 'count', '--database', '')).toEqual(['points', 'words', 'works']);
    expect(bashIn(there, 'query', '--top-k', '3', '--database', 'wor')).toEqual(['words', 'works']);
    expect(bashIn(there, 'drop', 'p')).toEqual(['points']);
    expect(bashIn(there, 'count', '--storage', elsewhere, '--database', '')).toEqual(['others']);
    expect(bashIn(there, 'count', '-s', directory.file(), '--database', '')).toEqual([]);
    expect(bash('count', '--database', '')).toEqual([]);
  });

  test('zsh and fish have each command and option', async () => {
    const zsh = (await jvdb(['completion', 'zsh'])).stdout;
    expect(zsh).toMatch(/^#compdef jvdb\n/);
    expect(zsh).toContain("    'salvage:copy what is whole out of a damaged file'\n");
    expect(zsh).toContain("'--scan-column[int8 copies for searches]:value:(int8 none)'");
    const fish = (await jvdb(['completion', 'fish'])).stdout;
    expect(fish).toContain("complete -c jvdb -n __fish_use_subcommand -f -a compact -d 'give back the space");
    expect(fish).toContain("complete -c jvdb -n '__fish_seen_subcommand_from verify' -l quick -d 'without the bytes");
    expect(await jvdb(['completion', 'tcsh'])).toMatchObject({ status: 2 });
  });
});
