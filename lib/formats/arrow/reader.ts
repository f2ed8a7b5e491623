/** Reads the table of an Arrow file or stream, batch by batch. Threads: one call at a time. */
import type { Schema } from 'apache-arrow';
import { shown } from '../../arguments.js';
import { ArrowDictionary, isThere, listBounds, loadArray, skipArray, type ArrowArray, type AnyType } from './arrays.js';
import { Buffers, type BatchHeader } from './buffers.js';
import { KINDS } from './flat.js';
import type { ArrowMessage } from './messages.js';
import { columnOf, type ArrowColumn } from './schema.js';
import { idAt, JsonValues } from './values.js';
import { Malformed } from '../malformed.js';
import { rolesOf, type Roles } from '../columns/roles.js';
import { TableRows } from '../columns/rows.js';
import { metadataWith, Rejection } from '../values.js';
import type { InBatch, ReadOptions, Source } from '../types.js';

const MAX_DICTIONARIES = 2 ** 30;
// From this version on unions have no bits for what is there.
const V5 = 4;

/** One batch, as far as its columns are used. */
interface Columns {
  length: number;
  id: ArrowArray | undefined;
  vector: ArrowArray;
  metadata: ArrowArray | undefined;
  others: [string, ArrowArray][];
}

/** Reads a table. */
export class ArrowReader {
  /** Columns by what they are for. */
  readonly roles: Roles<ArrowColumn>;
  /** As it was found. */
  readonly schema: Schema;
  readonly #columns: readonly ArrowColumn[];
  readonly #messages: AsyncIterator<ArrowMessage, void>;
  readonly #dictionaries = new Map<number, ArrowDictionary>();
  #dictionaryBytes = 0;

  /**
   * Begins to read.
   *
   * @param source - for messages
   * @param schema - of the table
   * @param messages - behind the schema
   * @throws Malformed; JvdbError where no column holds vectors
   */
  constructor(source: Source, schema: Schema, messages: AsyncIterator<ArrowMessage, void>) {
    this.schema = schema;
    this.#messages = messages;
    this.#columns = schema.fields.map(columnOf);
    this.roles = rolesOf(source, this.#columns);
    const { listSize } = this.roles.vector.values;
    if (listSize !== undefined && listSize < 1) throw new Malformed(`its vectors are lists of ${listSize} values`);
  }

  /** Of each vector; undefined where they may differ. */
  get dimension(): number | undefined {
    return this.roles.vector.values.listSize;
  }

  /**
   * Reads the rows.
   *
   * @param options - how to read
   * @yields {InBatch} in order; what was whole before a failure too
   */
  async *rows(options: ReadOptions): AsyncGenerator<InBatch> {
    const rows = new TableRows(options, this.roles.id !== undefined);
    try {
      for (let next = await this.#messages.next(); next.done !== true; next = await this.#messages.next()) {
        const { header, body } = next.value;
        const kind = header.headerType as number;
        const isOld = (header.version as number) < V5;
        if (kind === KINDS.dictionary) this.#addDictionary(header.header(), body, isOld);
        else if (kind === KINDS.batch) {
          const batch = header.header() as unknown as BatchHeader;
          yield* this.#batchRows(this.#open(batch, new Buffers(batch, body, isOld)), rows);
        } else throw new Malformed(`a message of the kind ${kind} is behind its schema`);
      }
    } catch (thrown) {
      yield* rows.batch();
      throw thrown;
    }
    yield* rows.batch();
  }

  #addDictionary(header: unknown, body: Buffer, isOld: boolean): void {
    const { id, isDelta, data } = header as { id: number; isDelta: boolean; data: BatchHeader };
    const type = this.schema.dictionaries.get(id) as AnyType | undefined;
    if (type === undefined) throw new Malformed(`it has a dictionary ${id}, to which no column refers`);
    this.#dictionaryBytes += isDelta ? body.length : 0;
    if (this.#dictionaryBytes > MAX_DICTIONARIES) throw new Malformed('its dictionaries are larger than 1 GiB');
    const values = loadArray(type, new Buffers(data, body, isOld), this.#dictionaries);
    const dictionary = (isDelta ? this.#dictionaries.get(id) : undefined) ?? new ArrowDictionary();
    dictionary.add(values);
    this.#dictionaries.set(id, dictionary);
  }

  #open(header: BatchHeader, buffers: Buffers): Columns {
    const { id, vector, metadata, others } = this.roles;
    const used = new Set([id, vector, metadata, ...others]);
    const arrays = new Map<ArrowColumn, ArrowArray>();
    for (const column of this.#columns) {
      if (!used.has(column)) {
        skipArray(column.values, buffers);
        continue;
      }
      const array = loadArray(column.values, buffers, this.#dictionaries);
      if (array.length < header.length) {
        throw new Malformed(`the column ${shown(column.name)} has ${array.length} of ${header.length} rows`);
      }
      arrays.set(column, array);
    }
    const vectors = arrays.get(vector);
    if (vectors?.children[0]?.numbers === undefined) throw new Malformed('its vectors have no values');
    return {
      length: header.length,
      id: id && arrays.get(id),
      vector: vectors,
      metadata: metadata && arrays.get(metadata),
      others: others.flatMap((column) => {
        const array = arrays.get(column);
        return array === undefined ? [] : [[column.name, array] satisfies [string, ArrowArray]];
      }),
    };
  }

  *#batchRows(columns: Columns, rows: TableRows): Generator<InBatch> {
    for (let row = 0; row < columns.length; row++) {
      try {
        this.#add(columns, row, rows);
      } catch (thrown) {
        rows.reject(thrown);
      }
      if (rows.isFull) yield* rows.batch();
    }
  }

  #add({ id, vector, metadata, others }: Columns, row: number, rows: TableRows): void {
    if (!isThere(vector, row)) throw new Rejection('there is no vector');
    const [start, end] = listBounds(vector, row);
    const [values] = vector.children;
    if (values?.valid !== undefined) {
      for (let i = start; i < end; i++) {
        if (!isThere(values, i)) throw new Rejection(`value ${i - start} of the vector is null, not a number`);
      }
    }
    const found = id && idAt(id, row);
    const own = metadata && new JsonValues('metadata').at(metadata, row);
    const fields = others.flatMap(([name, array]) => {
      const value = new JsonValues(name).at(array, row);
      return value === null || value === undefined ? [] : [[name, value] as const];
    });
    const text = metadataWith(own, fields.length === 0 ? undefined : Object.fromEntries(fields));
    rows.add(found, values?.numbers ?? [], start, end, text);
  }
}
