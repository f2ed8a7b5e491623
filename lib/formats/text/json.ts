/** JSON documents of databases: `{"databases": [{"name": "a", "schema": {"dimension": 4}, "vectors": [{"id": 1, …}]}]}`. */
import { integer, shown } from '../../arguments.js';
import { describe } from '../../errors.js';
import { isJsonDocument } from './json-guess.js';
import { JsonInput } from './json-input.js';
import { JsonTable, type Declared } from './json-table.js';
import { unreadable } from './text-input.js';
import { jsonRecords, TextOutput } from './text-output.js';
import type { DistanceMetric, IdType } from '../../types.js';
import type { Format, InTable, OutTable, ReadOptions, Source } from '../types.js';

const METRICS = new Map<string, DistanceMetric>([
  ['cosine', 'cosine'],
  ['dot', 'dot'],
  ['dot_product', 'dot'],
  ['inner_product', 'dot'],
  ['euclidean', 'euclidean'],
  ['l2', 'euclidean'],
]);
const ID_TYPES = new Map<string, IdType>([
  ['int64', 'int64'],
  ['string', 'string'],
]);

/** Reads a document. */
class DocumentReader {
  readonly #source: Source;
  readonly #input: JsonInput;
  readonly #options: ReadOptions;

  constructor(source: Source, options: ReadOptions) {
    this.#source = source;
    this.#input = new JsonInput(source);
    this.#options = options;
  }

  async *tables(): AsyncIterable<InTable> {
    const input = this.#input;
    try {
      const first = await input.token();
      if (first === 91) yield* this.#vectors({});
      else if (first === 123) yield* this.#database(true);
      else throw input.unexpected('a JSON object with "databases" or "vectors", or an array of records,');
      if ((await input.token()) !== -1) throw input.unexpected('the end of the document');
    } finally {
      await input.close();
    }
  }

  // An object: a database, or the document of all.
  async *#database(isOutermost: boolean): AsyncIterable<InTable> {
    const input = this.#input;
    const declared: Declared = {};
    let found = false;
    for (let key = await input.key(true); key !== undefined; key = await input.key(false)) {
      if (key === 'databases' && isOutermost) {
        found = true;
        yield* this.#databases();
      } else if (key === 'vectors') {
        if (found) throw input.unexpected('no second array of vectors');
        found = true;
        yield* this.#vectors(declared);
      } else if (key === 'schema' && found) {
        // They were read without it.
        const of = declared.name === undefined ? 'a database' : `the database ${shown(declared.name)}`;
        throw unreadable(this.#source, `the schema of ${of} stands behind its vectors; put it before them`);
      } else if (key === 'name') declared.name = this.#name(await input.parsed());
      else if (key === 'schema') Object.assign(declared, this.#schema(await input.parsed(), declared.name));
      else await input.skip();
    }
    if (found) return;
    if (isOutermost) throw unreadable(this.#source, 'the document has neither "databases" nor "vectors"');
    yield new JsonTable(input, declared, this.#options, true);
  }

  async *#databases(): AsyncIterable<InTable> {
    const input = this.#input;
    if ((await input.token()) !== 91) throw input.unexpected('the array of databases');
    for (let more = await input.element(true); more; more = await input.element(false)) {
      if ((await input.token()) !== 123) throw input.unexpected('a database, which is an object,');
      yield* this.#database(false);
    }
  }

  async *#vectors(declared: Declared): AsyncIterable<InTable> {
    if ((await this.#input.token()) !== 91) throw this.#input.unexpected('the array of vectors');
    const table = new JsonTable(this.#input, declared, this.#options);
    yield table;
    await table.finish();
  }

  #name(name: unknown): string | undefined {
    if (typeof name === 'string' || name === null) return name ?? undefined;
    throw unreadable(this.#source, `the name of a database is ${shown(name)}, not a string`);
  }

  #schema(schema: unknown, name: string | undefined): Declared {
    const of = name === undefined ? 'a database' : `the database ${shown(name)}`;
    if (schema === null) return {};
    if (typeof schema !== 'object')
      throw unreadable(this.#source, `the schema of ${of} is ${shown(schema)}, not an object`);
    const {
      dimension,
      distance_metric: metric,
      id_type: idType,
      allow_non_finite: odd,
    } = schema as Record<string, unknown>;
    return {
      dimension: this.#dimension(dimension ?? undefined, of),
      distanceMetric: this.#oneOf(METRICS, metric ?? undefined, `distance_metric of ${of}`),
      idType: this.#oneOf(ID_TYPES, idType ?? undefined, `id_type of ${of}`),
      allowNonFinite: this.#flag(odd ?? undefined, `allow_non_finite of ${of}`),
    };
  }

  #dimension(dimension: unknown, of: string): number | undefined {
    try {
      return dimension === undefined ? undefined : integer(dimension, 1, 65536, `the dimension of ${of}`);
    } catch (thrown) {
      throw unreadable(this.#source, describe(thrown));
    }
  }

  #flag(value: unknown, what: string): boolean | undefined {
    if (value === undefined || typeof value === 'boolean') return value;
    throw unreadable(this.#source, `the ${what} is ${shown(value)}, not true or false`);
  }

  #oneOf<T>(known: ReadonlyMap<string, T>, value: unknown, what: string): T | undefined {
    if (value === undefined) return undefined;
    const one = typeof value === 'string' ? known.get(value.toLowerCase()) : undefined;
    if (one !== undefined) return one;
    const names = [...known.keys()].join(', ');
    throw unreadable(this.#source, `the ${what} is ${shown(value)}, not one of ${names}; correct it there`);
  }
}

async function* write(tables: AsyncIterable<OutTable>): AsyncIterable<Uint8Array> {
  const output = new TextOutput();
  output.text('{"databases":[');
  let first = true;
  for await (const table of tables) {
    const { name, dimension, distanceMetric, idType, allowNonFinite } = table;
    const odd = allowNonFinite === true ? { allow_non_finite: true } : {}; // other programs know nothing of it
    const schema = JSON.stringify({ dimension, distance_metric: distanceMetric, id_type: idType, ...odd });
    output.text(`${first ? '' : ','}\n{"name":${JSON.stringify(name)},"schema":${schema},"vectors":[\n`);
    // What reads such documents may ask each record for its metadata.
    yield* jsonRecords(table, output, ',\n', ',"metadata":null');
    output.text('\n]}');
    first = false;
  }
  output.text('\n]}\n');
  yield* output.take(true);
}

/** Databases in one JSON document. */
export const json: Format = {
  name: 'json',
  extensions: ['.json'],
  keepsIds: true,
  recognises: isJsonDocument,
  read: (source, options) => new DocumentReader(source, options).tables(),
  write,
};
