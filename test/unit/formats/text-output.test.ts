/** Texts on their way out: nothing of them is lost, however long they are. */
import fc from 'fast-check';
import { csv } from '../../../lib/formats/text/csv.js';
import { json } from '../../../lib/formats/text/json.js';
import { jsonl } from '../../../lib/formats/text/jsonl.js';
import { TextOutput } from '../../../lib/formats/text/text-output.js';
import { found, sourceOf, tableOf, written } from '../../formats.js';

const part = fc.oneof(
  fc.constant(undefined), // where full pieces are taken
  fc
    .tuple(fc.constantFrom('a', 'é', '€', '😀'), fc.oneof(fc.nat(20), fc.integer({ min: 100000, max: 800000 })))
    .map(([character, length]) => character.repeat(length)),
  fc.nat(50000).map((length) => new Float32Array(length).fill(0.5)),
);

test('all that goes in comes out, in pieces that are taken now and then', () => {
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.boolean(), (parts, twice) => {
      const output = new TextOutput();
      const pieces: Buffer[] = [];
      const texts: string[] = [];
      for (const one of twice ? [...parts, null, ...parts] : parts) {
        if (one === undefined || one === null) pieces.push(...output.take(one === null));
        else if (typeof one === 'string') {
          output.text(one);
          texts.push(one);
        } else {
          output.floats(one, 0, one.length, true);
          texts.push(one.join(','));
        }
      }
      pieces.push(...output.take(true));
      expect(Buffer.concat(pieces).equals(Buffer.from(texts.join('')))).toBe(true);
      expect(output.take(true)).toEqual([]);
    }),
    { numRuns: 30 },
  );
});

test.each([json, jsonl, csv])('$name: the last records may have much metadata', async (format) => {
  for (const length of [350_000, 530_000, (1 << 20) - 8]) {
    for (const behind of [0, 2]) {
      const ids = Array.from({ length: 3 + behind }, (_, i) => i);
      const metadata = ids.map((id) => (id === 2 ? { a: 'x'.repeat(length) } : { id }));
      const vectors = ids.map((id) => [id, 1]);
      const bytes = await written(format, tableOf(ids, vectors, metadata, { batch: 100 }));
      const [table] = await found(format, sourceOf(bytes, { piece: 1 << 20 }));
      expect(table).toMatchObject({ ids, invalid: [] });
      expect(table!.metadata.findIndex((one, i) => JSON.stringify(one) !== JSON.stringify(metadata[i]))).toBe(-1);
    }
  }
});
