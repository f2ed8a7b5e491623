/** What lies beside the old server's vectors. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { legacyFormat } from '../../../lib/formats/legacy/legacy-jvdb.js';
import { readSidecars, type LegacySidecars } from '../../../lib/formats/legacy/sidecars.js';
import { found, sourceOf, type Found } from '../../formats.js';
import { oldFile } from './legacy-files.js';

const folder = mkdtempSync(path.join(tmpdir(), 'jvdb-legacy-'));
const vectors = path.join(folder, 'vectors.jvdb');
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Reads what the files of these texts say. */
async function sidecarsOf(metadata?: string, vectorMetadata?: string): Promise<LegacySidecars> {
  for (const [name, text] of [
    ['metadata.json', metadata],
    ['vector_metadata.json', vectorMetadata],
  ] as const) {
    if (text === undefined) rmSync(path.join(folder, name), { force: true });
    else writeFileSync(path.join(folder, name), text);
  }
  return readSidecars(vectors);
}

async function read(sidecars: LegacySidecars): Promise<Found> {
  const file = oldFile(['a', 'b'].map((id, i) => ({ id, vector: [i] })));
  const [table] = await found(legacyFormat(sidecars), sourceOf(file));
  return table!;
}

const metadataOfA = async (json: string): Promise<unknown> => {
  const table = await read(await sidecarsOf(undefined, `{"a":${json}}`));
  return table.ids!.includes('a') ? table.metadata[table.ids!.indexOf('a')] : table.invalid[0]!.reason;
};

test('where there is none nothing is said', async () => {
  expect(await sidecarsOf()).toEqual({ metadata: undefined, vectorMetadata: undefined });
  expect(await read(await sidecarsOf())).toMatchObject({ name: undefined, distanceMetric: undefined });
});

test('give the name of the database', async () => {
  expect((await read(await sidecarsOf('{"database_id":"x","name":"docs","vector_dimension":1}'))).name).toBe('docs');
  for (const json of ['{}', '{"name":""}', '{"name":7}']) {
    expect((await read(await sidecarsOf(json))).name).toBeUndefined();
  }
});

test.each(['DistanceMetric', 'constructor', 'manhattan'])(
  'the metric %s is an error for who has no other',
  async (metric) => {
    const reading = read(await sidecarsOf(JSON.stringify({ metric })));
    await expect(reading).rejects.toThrow(`names the metric "${metric}", which is none of`);
  },
);

test.each(['{', '', '[]', 'null', '"text"', '1'])(
  'damaged, as %j is, are an error that names the file',
  async (text) => {
    for (const [index, name] of ['metadata.json', 'vector_metadata.json'].entries()) {
      const texts = index === 0 ? [text] : [undefined, text];
      await expect(sidecarsOf(...texts)).rejects.toMatchObject({
        code: 'JVDB_INVALID_ARGUMENT',
        message: expect.stringMatching(
          new RegExp(
            `^${path.join(folder, name).replaceAll('\\', '\\\\')} (is damaged|must hold a JSON object).*move it away to import without it$`,
          ),
        ) as string,
      });
    }
  },
);

test('give metadata, with the fields of _custom beside the others', async () => {
  const own = '{"source":"s","owner":"o","category":"c","status":"active"';
  const fields = { source: 's', owner: 'o', category: 'c', status: 'active' };
  expect(await metadataOfA(`${own}}`)).toEqual(fields);
  expect(await metadataOfA(`${own},"_custom":{}}`)).toEqual(fields);
  expect(await metadataOfA(`${own},"_custom":{"x":1,"y":{"z":[2]}}}`)).toEqual({ ...fields, x: 1, y: { z: [2] } });
  expect(await metadataOfA(`${own},"_custom":{"owner":"me","x":1}}`)).toEqual({
    ...fields,
    x: 1,
    _custom: { owner: 'me' },
  });
  expect(await metadataOfA('{"_custom":{"_custom":1}}')).toEqual({ _custom: { _custom: 1 } });
  for (const odd of ['"text"', '[1]', 'null']) {
    expect(await metadataOfA(`{"_custom":${odd}}`)).toEqual({ _custom: JSON.parse(odd) as unknown });
  }
  const hidden = (await metadataOfA('{"_custom":{"__proto__":{"x":1}}}')) as object;
  expect(JSON.stringify(hidden)).toBe('{"__proto__":{"x":1}}');
  expect(await metadataOfA('null')).toBeUndefined();
});

test('metadata that cannot be taken makes an invalid record', async () => {
  const why = 'the metadata of "a" in vector_metadata.json cannot be taken: ';
  expect(await metadataOfA('"text"')).toBe(`${why}metadata must be an object, not "text"`);
  expect(await metadataOfA('[]')).toBe(`${why}metadata must be an object, not an array of 0`);
  expect(await metadataOfA(`${'{"a":'.repeat(65)}1${'}'.repeat(65)}`)).toContain('nested 64 levels deep at most');
  expect(await metadataOfA(`${'{"a":'.repeat(64)}1${'}'.repeat(64)}`)).toHaveProperty('a.a.a.a');
  const most = (1 << 20) - '{"a":""}'.length;
  expect(await metadataOfA(`{"a":"${'x'.repeat(most)}"}`)).toHaveProperty('a');
  expect(await metadataOfA(`{"a":"${'x'.repeat(most + 1)}"}`)).toContain('of 1048577 bytes is longer than 1048576');
});

test('ids like names of Object.prototype are ids', async () => {
  const ids = ['__proto__', 'constructor', 'toString'];
  const sidecars = await sidecarsOf(undefined, '{"__proto__":{"source":"s"}}');
  const file = oldFile(ids.map((id, i) => ({ id, vector: [i] })));
  const [table] = await found(legacyFormat(sidecars), sourceOf(file));
  const byId = new Map(table!.ids!.map((id, i) => [id, table!.metadata[i]]));
  expect(byId).toEqual(
    new Map<unknown, unknown>([
      ['__proto__', { source: 's' }],
      ['constructor', undefined],
      ['toString', undefined],
    ]),
  );
});
