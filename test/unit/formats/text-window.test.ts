/** The part of a text that is in memory. */
import { csv } from '../../../lib/formats/text/csv.js';
import { json } from '../../../lib/formats/text/json.js';
import { jsonl } from '../../../lib/formats/text/jsonl.js';
import { TextWindow } from '../../../lib/formats/text/text-window.js';
import { found, sourceOf, tableOf, written } from '../../formats.js';

// Counts the bytes that searches look at.
function countSearches(): () => number {
  let looked = 0;
  const prototype = Buffer.prototype as Buffer;
  const search = prototype.indexOf; // eslint-disable-line @typescript-eslint/unbound-method
  jest.spyOn(prototype, 'indexOf').mockImplementation(function (this: Buffer, value, from) {
    const at = search.call(this, value, from);
    looked += (at < 0 ? this.length : at) - Number(from);
    return at;
  });
  return () => looked;
}

afterEach(() => jest.restoreAllMocks());

test('says where something is, in lines of any length', async () => {
  for (const piece of [1, 5, 1000]) {
    const window = new TextWindow(sourceOf('ab\n\ncdef\ngh', { piece }));
    const places: number[][] = [];
    for (let at = 0; at < 11; at++) {
      while (window.at >= window.end) await window.more();
      const { line, column } = window.place(window.at);
      places.push([line, column]);
      window.at++;
    }
    expect(places.map(String)).toEqual('1,1 1,2 1,3 2,1 3,1 3,2 3,3 3,4 3,5 4,1 4,2'.split(' '));
  }
});

test.each([',', ',\n'])('invalid records are placed in one pass, with %j between them', async (between) => {
  const text = `[${Array.from({ length: 20000 }, () => '{"id":-1,"data":[1]}').join(between)}]`;
  const looked = countSearches();
  const [table] = await found(json, sourceOf(text, { piece: text.length }), { batchBytes: 1e6 });
  expect(looked()).toBeLessThan(4 * text.length);
  expect(table!.invalid.length).toBe(20000);
  const last = { line: between === ',' ? 1 : 20000, column: between === ',' ? 19999 * 21 + 2 : 1 };
  expect(table!.invalid.at(-1)).toMatchObject(last);
});

test('fields in quotes are passed in one search', async () => {
  const names = Array.from({ length: 10000 }, (_, i) => `v${i}`);
  const text = [names, ...[1, 2].map((one) => names.map(() => `"${one}"`))].join('\n');
  const looked = countSearches();
  const [table] = await found(csv, sourceOf(text, { piece: 50000 }), { batchBytes: 1e6 });
  expect(looked()).toBeLessThan(8 * text.length);
  expect(table!.vectors.map(([first]) => first)).toEqual([1, 2]);
});

test.each([json, jsonl, csv])('$name: pieces may all be of the same memory', async (format) => {
  const ids = Array.from({ length: 50 }, (_, i) => i);
  const table = tableOf(
    ids,
    ids.map((id) => [id, 0.1]),
    ids.map((id) => ({ a: 'é"\n'.repeat(id) })),
  );
  const bytes = await written(format, table);
  const whole = await found(format, sourceOf(bytes));
  expect(whole[0]).toMatchObject({ ids, invalid: [] });
  for (const piece of [5, 64, 1000, 3000]) {
    const memory = Buffer.alloc(piece);
    const reused = {
      ...sourceOf(bytes),
      async *bytes() {
        for (let at = 0; at < bytes.length; at += piece) {
          memory.fill(0xff);
          yield await Promise.resolve(memory.subarray(0, bytes.copy(memory, 0, at, at + piece)));
        }
      },
    };
    expect(await found(format, reused)).toEqual(whole);
  }
});
