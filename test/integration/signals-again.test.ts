/** Signals that come twice, and a handler that is initialized anew, while a program shuts down. */
import { Directory, ended, startNode } from '../support.js';

const directory = new Directory();
const notOnWindows = process.platform === 'win32' ? test.skip : test;

async function run(atEnd: string, ...signals: NodeJS.Signals[]): Promise<unknown> {
  const child = startNode([
    '-e',
    `const { PersistentDatabasePersistence, SignalHandler } = require('jvdb');
     const databases = new PersistentDatabasePersistence(process.argv[1]);
     databases.createDatabase('db', { dimension: 2 });
     databases.storeVector('db', 1, [1, 2]);
     setInterval(() => undefined, 1000);
     SignalHandler.initialize();
     SignalHandler.registerShutdownCallback(async () => {
       ${atEnd}
       await new Promise((done) => setTimeout(done, 200));
       console.log('ended');
     });
     console.log('ready');`,
    directory.file(),
  ]);
  const end = ended(child);
  await new Promise((ready) => child.stdout!.once('data', ready));
  for (const signal of signals) {
    child.kill(signal);
    await new Promise((later) => setTimeout(later, 5));
  }
  return end;
}

notOnWindows('the same signal right after is no second one: npm passes on what the terminal sent too', async () => {
  const end = { signal: 'SIGINT', stdout: 'ready\nended\n', stderr: '' };
  expect(await run('', 'SIGINT', 'SIGINT')).toMatchObject(end);
});

notOnWindows('another signal is', async () => {
  expect(await run('', 'SIGINT', 'SIGTERM')).toMatchObject({ signal: 'SIGTERM', stdout: 'ready\n' });
});

notOnWindows('to initialize meanwhile does not keep the program', async () => {
  const end = { signal: 'SIGTERM', stdout: 'ready\nended\n', stderr: '' };
  expect(await run('SignalHandler.initialize();', 'SIGTERM')).toMatchObject(end);
});
