/** A database that could not be flushed when it was closed for another: who is told, and what mends it. */
import { Directory, runScript } from '../support.js';

const directory = new Directory();
const onLinux = process.platform === 'linux' ? test : test.skip;

/** In a process whose files may not be written to for a while: db0 has changed, and is closed for db5. */
const PRELUDE = `
  const { PersistentDatabasePersistence } = require('jvdb');
  const { execFileSync } = require('node:child_process');
  const mayWrite = (may) => execFileSync('prlimit', ['--fsize=' + (may ? 'unlimited' : '0') + ':', '--pid', String(process.pid)]);
  const code = (promise) => promise.then(() => 'ok', (error) => error.code);
  const databases = new PersistentDatabasePersistence(process.argv[1], { maxOpenFiles: 5, flushIntervalSeconds: 0 });
  const told = [];
  databases.on('error', ({ code }, { name }) => told.push(name + ' ' + code));
  const durable = () => new PersistentDatabasePersistence(process.argv[1]).getDatabaseInfo('db0').vectorCount;
  const evict = async (name) => {
    databases.storeVector('db0', 2, [1, 2]);
    for (let i = 1; i < 5; i++) databases.has('db' + i, 1);
    mayWrite(false);
    await databases.search(name, [1, 2]);
    mayWrite(true);
  };
  const say = (value) => console.log(JSON.stringify(value));
  (async () => {
    for (let i = 0; i < 7; i++) databases.createDatabase('db' + i, { dimension: 2 });
    for (let i = 0; i < 5; i++) databases.storeVector('db' + i, 1, [1, 2]);
    await databases.flush();
    await evict('db5');`;

async function run(script: string): Promise<unknown> {
  const { stdout, stderr } = await runScript(`${PRELUDE}${script}})();`, directory.file());
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

onLinux('the event, the statistics, a health check and the next flush tell; the flush mends it', async () => {
  const said = await run(`
    const { errors, lastError } = await databases.getStorageStats();
    const health = await databases.healthCheck();
    say([told, errors, lastError.code, health.healthy, health.error.code, await code(databases.flush()), durable(),
      await code(databases.flush()), (await databases.healthCheck()).healthy, databases.vectorCount('db0')]);`);
  const error = 'JVDB_NO_SPACE';
  expect(said).toEqual([[`db0 ${error}`], 1, error, false, error, error, 2, 'ok', true, 2]);
});

onLinux('every flush that is under way is told', async () => {
  const said = await run(`
    say(await Promise.all([databases.flush(), databases.flush(), databases.flushDatabase('db0'), databases.flushDatabase('db1')].map(code)));`);
  expect(said).toEqual(['JVDB_NO_SPACE', 'JVDB_NO_SPACE', 'JVDB_NO_SPACE', 'ok']);
});

onLinux('flushSync and closing tell', async () => {
  const said = await run(`
    const outcomes = [];
    const attempt = (call) => { try { call(); outcomes.push('ok'); } catch (error) { outcomes.push(error.code); } };
    attempt(() => databases.flushSync());
    attempt(() => databases.flushSync());
    outcomes.push(durable());
    await evict('db6');
    attempt(() => databases.close());
    say(outcomes);`);
  expect(said).toEqual(['JVDB_NO_SPACE', 'ok', 2, 'JVDB_NO_SPACE']);
});

onLinux('of a deleted database nobody is told', async () => {
  expect(await run("databases.deleteDatabase('db0'); say(await code(databases.flush()));")).toBe('ok');
});

onLinux('closeDatabase gives a database whose sync failed back', async () => {
  const said = await run(`
    await databases.flush().catch(() => undefined);
    databases.storeVector('db0', 3, [1, 2]);
    mayWrite(false);
    const refused = [];
    for (let i = 0; i < 2; i++) try { databases.storeVector('db0', 4, [1, 2]); } catch (error) { refused.push(error.code); }
    mayWrite(true);
    await databases.closeDatabase('db0').catch(() => undefined);
    say([refused.length, databases.storeVector('db0', 5, [1, 2]) > 0, databases.vectorCount('db0')]);`);
  expect(said).toEqual([2, true, 4]);
});

onLinux('two failures at once do not end a program that listens once', async () => {
  const { status, stdout, stderr } = await runScript(
    `const { PersistentDatabasePersistence } = require('jvdb');
     const { execFileSync } = require('node:child_process');
     const databases = new PersistentDatabasePersistence(process.argv[1], { flushIntervalSeconds: 0.05 });
     for (const name of ['a', 'b']) { databases.createDatabase(name, { dimension: 2 }); databases.storeVector(name, 1, [1, 2]); }
     databases.once('error', ({ code }) => console.log(code));
     execFileSync('prlimit', ['--fsize=0:', '--pid', String(process.pid)]);
     setTimeout(() => process.exit(7), 300);`,
    directory.file(),
  );
  expect({ status, stdout }).toEqual({ status: 7, stdout: 'JVDB_NO_SPACE\n' });
  expect(stderr).toMatch(/JVDB_NO_SPACE.*JvdbError/);
});

test('process.exit() while all is being closed: all is durable', async () => {
  const place = directory.file();
  const { status } = await runScript(
    `const { PersistentDatabasePersistence } = require('jvdb');
     const databases = new PersistentDatabasePersistence(process.argv[1], { flushIntervalSeconds: 0 });
     for (let i = 0; i < 20; i++) {
       databases.createDatabase('db' + i, { dimension: 64 });
       databases.batchStore('db' + i, Array.from({ length: 1000 }, (_, id) => id), new Float32Array(64000).fill(1));
     }
     void databases.closeAsync();
     process.exit(3);`,
    place,
  );
  expect(status).toBe(3);
  const { stdout } = await runScript(
    `const { PersistentDatabasePersistence } = require('jvdb');
     const databases = new PersistentDatabasePersistence(process.argv[1]);
     console.log(databases.listDatabases().filter((name) => databases.stats(name).recovery.durableLsn === 1000).length);`,
    place,
  );
  expect(stdout).toBe('20\n');
});
