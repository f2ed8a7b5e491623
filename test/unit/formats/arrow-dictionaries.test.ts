/** Dictionaries of Arrow that come in many parts: finding a value takes few steps. */
import {
  Dictionary,
  Field,
  Float32,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  Utf8,
  vectorFromArray,
  type Data,
  type FixedSizeList,
  type Vector,
} from 'apache-arrow';
import { arrowStream } from '../../../lib/formats/arrow/arrow.js';
import { ArrowDictionary, type ArrowArray } from '../../../lib/formats/arrow/arrays.js';
import { found, sourceOf } from '../../formats.js';
import { floats } from './arrow-files.js';

test('the part that a value is in', () => {
  const dictionary = new ArrowDictionary();
  expect(dictionary.find(0)).toBeUndefined();
  const parts = [2, 0, 3, 1].map((length) => ({ length }) as ArrowArray);
  for (const part of parts) dictionary.add(part);
  const at = (index: number): unknown => {
    const [part, within] = dictionary.find(index) ?? [];
    return part && [parts.indexOf(part), within];
  };
  expect([0, 1, 2, 4, 5].map(at)).toEqual([[0, 0], [0, 1], [2, 0], [2, 2], [3, 0]]); // prettier-ignore
  expect([-1, 6, NaN].map(at)).toEqual([undefined, undefined, undefined]);
});

/** Writes each part on its own, where it would write a whole dictionary. */
interface Parts {
  _writeDictionaryBatch(part: Data, id: number, isDelta: boolean): void;
  _seenDictionaries: Map<number, Vector>;
}

test('a stream of 20,000 parts of one value', async () => {
  const [parts, count] = [20_000, 100_000];
  const type = new Dictionary(new Utf8(), new Int32(), 7);
  const texts = Array.from({ length: parts }, (_, i) => `text ${i}`);
  const schema = new Schema([new Field('id', new Int64()), new Field('v', floats(1)), new Field('text', type, true)]);
  const writer = new RecordBatchStreamWriter({ autoDestroy: false });
  writer.reset(undefined, schema);
  const { _seenDictionaries: seen } = writer as unknown as Parts;
  for (const [i, text] of texts.entries()) {
    (writer as unknown as Parts)._writeDictionaryBatch(vectorFromArray([text], new Utf8()).data[0]!, 7, i > 0);
  }
  const dictionary = vectorFromArray(texts, new Utf8());
  seen.set(7, dictionary);
  const indices = Int32Array.from({ length: count }, (_, i) => (i * 7919) % parts);
  const values = makeData({ type: new Float32(), length: count, nullCount: 0, data: new Float32Array(count) });
  const ids = BigInt64Array.from(indices, (_, i) => BigInt(i));
  const children = [
    makeData({ type: new Int64(), length: count, nullCount: 0, data: ids }),
    makeData({ type: floats(1) as FixedSizeList<Float32>, length: count, nullCount: 0, child: values }),
    makeData({ type, length: count, nullCount: 0, data: indices, dictionary }),
  ];
  const struct = makeData({ type: new Struct(schema.fields), length: count, nullCount: 0, children });
  writer.write(new RecordBatch(schema, struct));
  writer.close();
  const [table] = await found(arrowStream, sourceOf(await writer.toUint8Array()), { batchBytes: 1 << 20 });
  expect(table!.metadata.length).toBe(count);
  expect(table!.metadata.every((one, i) => (one as { text: string }).text === texts[indices[i]!])).toBe(true);
}, 30_000);
