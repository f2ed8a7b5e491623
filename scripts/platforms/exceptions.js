'use strict';
// What of the jest suite a platform does not pass as it is run here, and why. `tests` chooses some of a
// file's tests by their full names: they are run all the same, and one that passes is reported, unless it
// is `may`, for those that pass now and then, or `never` run, for those that would not end. `itself`: they skip
// themselves where they have to, and fail like any other. Without `tests` the file is not run.

const SOURCES = { file: 'test/unit/architecture.test.ts', reason: 'is about the sources, the same everywhere' };
const EXAMPLES = {
  file: 'test/integration/examples.test.ts',
  reason: 'takes tsx, whose compiler is a binary for the system that installed it',
};

const integration = (name, tests, reason, more = {}) => ({
  file: `test/integration/${name}.test.ts`,
  tests,
  reason,
  ...more,
});

const LINKS = 'Wine 8.0 makes no symbolic links, and says that it did';
const IN_USE = 'Windows replaces and removes no file that is open';
const PENDING = 'Wine 8.0 keeps a removed file in its folder, under another name, while it is open';
const PROCESS = 'takes /proc, prlimit or ulimit';

const EXCEPTIONS = {
  'linux-x64': [SOURCES, EXAMPLES],
  'old-processors': [SOURCES, EXAMPLES],
  'win32-x64': [
    SOURCES,
    EXAMPLES,
    { file: 'test/integration/signals-again.test.ts', reason: 'POSIX signals' },
    { file: 'test/integration/mapping-faults.test.ts', reason: 'SIGBUS; on Windows such a fault ends the process' },
    { file: 'test/integration/full-disk.test.ts', reason: 'takes mount' },
    { file: 'test/integration/moved-files.test.ts', reason: IN_USE },
    {
      file: 'test/unit/upkeep.test.ts',
      tests: /^compact gives space back/,
      reason: 'compacts beside a view: on Windows it refuses',
    },
    { file: 'test/unit/upkeep.test.ts', tests: /a link stays a link/, reason: LINKS },
    { file: 'test/unit/opening.test.ts', tests: /links that lead to no file/, reason: LINKS },
    { file: 'test/unit/opening.test.ts', tests: /^a full disk/, reason: 'takes mount' },
    { file: 'test/unit/flush-manager.test.ts', tests: /^a flush that fails/, reason: PROCESS },
    {
      file: 'test/unit/transfer-sinks.test.ts',
      tests: /is replaced by several exports at once/,
      reason: IN_USE,
      may: true,
    },
    { file: 'test/unit/formats/optional-packages.test.ts', tests: /where one is missing/, reason: LINKS },
    integration(
      'cli-files',
      /^estimate is the size of a real file: [1-9]/,
      'its files keep the space that they had when they were open',
    ),
    integration('cli-files', /^completion bash/, 'takes bash'),
    integration('cli-upkeep', /SIGINT leaves the database whole/, 'POSIX signals'),
    integration('signals', /./, 'POSIX signals', { itself: true }),
    integration('scenarios', /9: opening an existing database erases nothing/, 'looks at POSIX rights'),
    integration('open-files', /./, PROCESS, { itself: true }),
    integration('opening-races', /closing/, PROCESS, { itself: true }),
    integration('odd-paths', /^links .*(symbolic|leads nowhere|loop)/, LINKS),
    integration('odd-paths', /of 5,000 characters/, 'Windows allows paths of 32,767'),
    integration(
      'odd-paths',
      /pipe|device|socket|through a file|permission|may (not )?be (written|read)/,
      'pipes, devices and rights of POSIX',
    ),
    integration('isolates', /through a symbolic link/, LINKS),
    integration(
      'followers',
      /until another file takes its place|is opened anew, while|is of another dimension/,
      IN_USE,
    ),
    integration('followers', /./, 'takes mount', { itself: true }),
    integration('failed-closing', /./, PROCESS, { itself: true }),
    integration('backup-directory', /what is not a backup/, LINKS),
    integration('database-files', /10,000 databases are listed/, 'its time limit: Wine is slow'),
    integration('database-files', /flat and folder/, PENDING),
    integration('database-files', /./, 'links and rights of POSIX', { itself: true }),
    integration('database-workers', /^8 workers/, 'its time limit: Wine is slow', { may: true }),
  ],
  'linux-arm64': [
    SOURCES,
    EXAMPLES,
    { file: 'test/integration/transfer-memory.test.ts', reason: 'measures memory, of QEMU too there' },
    { file: 'test/integration/no-external-buffers.test.ts', reason: 'takes a compiler that runs there' },
    integration('signals', /ends process 1, which the kernel spares/, 'as process 1, QEMU outlives its own signal', {
      never: true,
    }),
    integration('database-files', /10,000 databases are listed/, 'its time limit: QEMU is slow', { may: true }),
  ],
};

const unit = (names) => names.map((name) => `test/unit/${name}.test.ts`);
/** What runs without --full: the files that say most for their time. */
const QUICK = {
  // What differs by Node: values that cross Node-API, workers, memory shared with JavaScript.
  'linux-x64': [
    ...unit(['async', 'bad-input', 'changes', 'cli-help', 'cli-output', 'flush-manager', 'hostile', 'inspect']),
    ...unit(['migrate', 'opening', 'persistence', 'persistence-calls', 'search', 'search-options', 'simd']),
    ...unit(['store', 'transfer', 'upkeep']),
    ...['cli-vectors', 'isolates', 'views', 'database-workers'].map((name) => `test/integration/${name}.test.ts`),
    'test/crash/terminate.test.ts',
  ],
  'old-processors': unit(['simd', 'search', 'store']),
  'win32-x64': [
    ...unit(['async', 'bad-input', 'changes', 'flush-manager', 'hostile', 'opening', 'persistence-calls']),
    ...unit(['persistence', 'search-options', 'search', 'simd', 'store', 'transfer', 'migrate', 'upkeep']),
    ...['cli-vectors', 'golden', 'model', 'odd-paths', 'open-files'].map((name) => `test/integration/${name}.test.ts`),
    'test/crash/scenarios.test.ts',
  ],
  'linux-arm64': [
    ...unit(['bad-input', 'changes', 'persistence', 'simd', 'store', 'upkeep']),
    'test/integration/golden.test.ts',
    'test/crash/scenarios.test.ts',
  ],
};

module.exports = { EXCEPTIONS, QUICK };
