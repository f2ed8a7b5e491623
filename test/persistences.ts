/** Both kinds of persistence, for tests of what they have in common. */
import { InMemoryDatabasePersistence, PersistentDatabasePersistence, type DatabasePersistence } from '../lib/index.js';
import type { Directory } from './support.js';

/** Between any two calls, five other databases are used: all that may be open. */
function evicting(persistence: PersistentDatabasePersistence): DatabasePersistence {
  const others = Array.from({ length: 5 }, (_, i) => `zz-other-${i}`);
  const hide = (names: string[]): string[] => names.filter((name) => !others.includes(name));
  for (const name of others) persistence.createDatabase(name, { dimension: 1 });
  return new Proxy(persistence, {
    get(target, key) {
      if (!target.closed) for (const name of others) target.vectorCount(name);
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      const bound = value.bind(target) as (...args: unknown[]) => unknown;
      return key === 'listDatabases' ? () => hide(bound() as string[]) : bound;
    },
  });
}

/** What a test is run on. */
export interface Kind {
  name: string;
  make: () => DatabasePersistence;
  /** Databases that the test did not create. */
  others: number;
}

/** Every kind, closed after each test. */
export function kinds(directory: Directory): Kind[] {
  const made: DatabasePersistence[] = [];
  afterEach(() => {
    for (const one of made.splice(0)) one.close();
  });
  const kind = (name: string, make: () => DatabasePersistence, others = 0): Kind => ({
    name,
    others,
    make: () => {
      const one = make();
      made.push(one);
      return one;
    },
  });
  const inFiles = (options: object): PersistentDatabasePersistence =>
    new PersistentDatabasePersistence(directory.file(), options);
  return [
    kind('in files', () => inFiles({})),
    kind('in folders', () => inFiles({ layout: 'folder' })),
    kind('in files, evicted all the time', () => evicting(inFiles({ maxOpenFiles: 5 })), 5),
    kind('in memory', () => new InMemoryDatabasePersistence()),
  ];
}
