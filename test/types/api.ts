/** What TypeScript must accept and refuse; read by the type checker only. */
import {
  InMemoryDatabasePersistence,
  JvdbError,
  MemoryMappedVectorStore,
  PersistentDatabasePersistence,
  profiles,
  simd,
  type DatabasePersistence,
  type JvdbErrorCode,
  type SearchHit,
  type StoreStats,
  type VectorId,
  type VectorRecord,
} from 'jvdb';

/** Whether two types are one, to the letter: `any` is only `any`. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- that is the trick
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Expect<T extends true> = T;

interface Meta {
  title: string;
  year?: number;
}
type Store = MemoryMappedVectorStore<Meta, string>;
type Untyped = MemoryMappedVectorStore;
type Databases = DatabasePersistence<Meta, string>;
type Yielded<T> = T extends Iterable<infer V> | AsyncIterable<infer V> ? V : never;

/** Types of results. */
export type Results = [
  Expect<Equal<ReturnType<typeof simd.cosineSimilarity>, number>>,
  Expect<Equal<typeof simd.supported, readonly string[]>>,
  Expect<Equal<ReturnType<Store['storeVector']>, number>>,
  Expect<Equal<ReturnType<Store['retrieveVector']>, VectorRecord<Meta, string> | undefined>>,
  Expect<Equal<VectorRecord<Meta, string>['metadata'], Meta | undefined>>,
  Expect<Equal<Awaited<ReturnType<Store['search']>>, SearchHit<Meta, string>[]>>,
  Expect<Equal<SearchHit<Meta, string>['id'], string>>,
  Expect<Equal<Yielded<ReturnType<Store['ids']>>, string>>,
  Expect<Equal<Yielded<ReturnType<Store['entries']>>, VectorRecord<Meta, string>>>,
  Expect<Equal<ReturnType<Store['stats']>, StoreStats>>,
  Expect<Equal<Yielded<ReturnType<Untyped['ids']>>, VectorId>>,
  Expect<Equal<ReturnType<Databases['retrieveVector']>, VectorRecord<Meta, string> | undefined>>,
  Expect<Equal<Awaited<ReturnType<Databases['search']>>, SearchHit<Meta, string>[]>>,
  Expect<Equal<Yielded<ReturnType<Databases['entries']>>, VectorRecord<Meta, string>>>,
  Expect<Equal<Parameters<Databases['storeVector']>[1], string>>,
  Expect<Equal<SearchHit['metadata'], Record<string, unknown> | undefined>>,
  Expect<Equal<JvdbError['code'], JvdbErrorCode>>,
  Expect<Equal<Store extends Disposable & AsyncDisposable ? true : false, true>>,
];

/** Calls that are right. */
export async function right(): Promise<Store> {
  using store = new MemoryMappedVectorStore<Meta, string>('a.jvdb', 3, { idType: 'string', metric: 'dot' });
  store.storeVector('a', [1, 2, 3], { title: 'A' });
  store.storeVector('a', new Float32Array(3), '{"title":"A"}');
  store.batchStore(['a', 'b'], [[1, 2, 3], new Float32Array(3)], [{ title: 'A' }, undefined]);
  await store.search([1, 2, 3], { topK: 5, includeVectors: true, signal: AbortSignal.timeout(1000) });
  return await MemoryMappedVectorStore.openAsync<Meta, string>('a.jvdb');
}

/** Calls that are wrong. */
export function wrong(store: Store): void {
  // @ts-expect-error the ids are strings
  store.storeVector(1, [1, 2, 3]);
  // @ts-expect-error the metadata has a title
  store.storeVector('a', [1, 2, 3], { year: 1 });
  // @ts-expect-error no such metric
  new MemoryMappedVectorStore('a.jvdb', 3, { metric: 'manhattan' });
  // @ts-expect-error no such option
  new MemoryMappedVectorStore('a.jvdb', 3, { metirc: 'dot' });
  // @ts-expect-error the ids of a new store are numbers unless it is said
  new MemoryMappedVectorStore<Meta, string>('a.jvdb', 3);
  // @ts-expect-error a dimension is needed
  new MemoryMappedVectorStore('a.jvdb');
}

/** Calls of databases by name, whose two kinds are one type. */
export async function named(inMemory: boolean): Promise<Databases> {
  const databases: Databases = inMemory
    ? new InMemoryDatabasePersistence<Meta, string>()
    : new PersistentDatabasePersistence<Meta, string>('data', { ...profiles.balanced, layout: 'folder' });
  databases.createDatabase('db', { dimension: 3, distanceMetric: 'dot', indexType: 'FLAT' });
  databases.on('flush', ({ name, lsn }) => name.length + lsn).on('error', ({ code }, { name }) => code + name);
  await databases.batchStoreAsync('db', ['a'], [[1, 2, 3]], [{ title: 'A' }]);
  // @ts-expect-error the ids are strings
  databases.has('db', 1);
  // @ts-expect-error a schema has a dimension
  databases.createDatabase('db', {});
  // @ts-expect-error no such event
  databases.on('close', () => undefined);
  // @ts-expect-error no such option
  new PersistentDatabasePersistence('data', { maxFiles: 7 });
  return databases;
}
