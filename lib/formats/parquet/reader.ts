/**
 * Reads the table of a Parquet file, row by row. Of each column that is used a page or two are in memory, besides the
 * footer and the dictionaries; see parquet-pages.ts. Threads: one call at a time.
 */
import type { FileMetaData, RowGroup } from 'hyparquet';
import { shown } from '../../arguments.js';
import { ColumnAssembly } from './assembly.js';
import { LeafReader } from './pages.js';
import { columnsOf, listOf, plainElement, type ParquetColumn, type ParquetNode } from './schema.js';
import { Malformed } from '../malformed.js';
import { NOT_UTF8, ValueReader, type Hyparquet } from './values.js';
import type { RandomAccess } from '../random-access.js';
import { rolesOf, type Roles } from '../columns/roles.js';
import { TableRows, type Numbers } from '../columns/rows.js';
import { metadataWith, Rejection } from '../values.js';
import type { InBatch, ReadOptions, Source } from '../types.js';

/** The rows of one row group, as far as they are read. */
interface Group {
  leaves: LeafReader[];
  id: LeafReader | undefined;
  vector: LeafReader;
  metadata: ColumnAssembly | undefined;
  others: [string, ColumnAssembly][];
}

/** Reads a table. */
export class ParquetReader {
  /** Columns by what they are for. */
  readonly roles: Roles<ParquetColumn>;
  readonly #hyparquet: Hyparquet;
  readonly #file: RandomAccess;
  readonly #footer: FileMetaData;
  readonly #list: NonNullable<ReturnType<typeof listOf>>;

  /**
   * Begins to read.
   *
   * @param hyparquet - the package
   * @param source - for messages
   * @param file - the file
   * @param footer - of the file
   * @throws Malformed; JvdbError where no column holds vectors
   */
  constructor(hyparquet: Hyparquet, source: Source, file: RandomAccess, footer: FileMetaData) {
    const columns = columnsOf(footer.schema);
    this.roles = rolesOf(source, columns);
    this.#hyparquet = hyparquet;
    this.#file = file;
    this.#footer = footer;
    const list = listOf(this.roles.vector);
    if (list === undefined) throw new Malformed('its vectors are no list');
    this.#list = list;
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
      for (const [index, group] of this.#footer.row_groups.entries()) {
        yield* this.#groupRows(this.#open(group, index), Number(group.num_rows), index, rows);
      }
    } catch (thrown) {
      yield* rows.batch();
      throw thrown;
    }
    yield* rows.batch();
  }

  #open(group: RowGroup, index: number): Group {
    const { id, vector, metadata, others } = this.roles;
    const leaves = new Map<number, LeafReader>();
    const open = (node: ParquetNode, asText: boolean): void => {
      for (const child of node.children) open(child, false);
      if (node.children.length > 0 || (node.kind === 'none' && !asText)) return;
      this.#naming(node.name, index, () => leaves.set(node.leaf, this.#leaf(node, group, asText)));
    };
    for (const column of [id, metadata]) if (column !== undefined) open(column, column.kind === 'text');
    for (const column of [vector, ...others]) open(column, false);
    const leafOf = (leaf: number): LeafReader | undefined => leaves.get(leaf);
    const vectorLeaf = leafOf(this.#list.item.leaf);
    if (vectorLeaf === undefined) throw new Malformed('its vectors have no values');
    return {
      leaves: [...leaves.values()],
      id: id && leafOf(id.leaf),
      vector: vectorLeaf,
      metadata: metadata && new ColumnAssembly(metadata, leafOf),
      others: others.map((column) => [column.name, new ColumnAssembly(column, leafOf)]),
    };
  }

  #leaf(node: ParquetNode, group: RowGroup, asText: boolean): LeafReader {
    const chunk = group.columns[node.leaf];
    if (chunk === undefined) throw new Malformed('it is not in the footer');
    if (chunk.file_path !== undefined) throw new Malformed(`it is in the file ${shown(chunk.file_path)}: import that`);
    const { meta_data: meta } = chunk;
    if (meta?.type !== node.element.type || meta?.path_in_schema.at(-1) !== node.name) {
      throw new Malformed('the footer has another column in its place');
    }
    return new LeafReader(this.#file, node, meta, new ValueReader(this.#hyparquet, plainElement(node, asText)));
  }

  #naming<T>(column: string, index: number, call: () => T): T {
    try {
      return call();
    } catch (thrown) {
      throw inColumn(thrown, column, index);
    }
  }

  async *#groupRows(group: Group, count: number, index: number, rows: TableRows): AsyncGenerator<InBatch> {
    if (!Number.isSafeInteger(count) || count < 0) throw new Malformed(`row group ${index + 1} has ${count} rows`);
    for (let row = 0; row < count; row++) {
      for (const leaf of group.leaves) {
        if (!leaf.isReady()) await this.#fill(leaf, index, row, count);
      }
      try {
        this.#add(group, rows);
      } catch (thrown) {
        if (thrown instanceof Malformed) throw inColumn(thrown, 'metadata', index);
        rows.reject(thrown);
      }
      for (const leaf of group.leaves) leaf.pass(leaf.present());
      if (rows.isFull) yield* rows.batch();
    }
  }

  async #fill(leaf: LeafReader, index: number, row: number, count: number): Promise<void> {
    const { name } = leaf.node;
    try {
      while (!leaf.isReady()) {
        if (!(await leaf.more())) throw new Malformed(`it ends after ${row} of ${count} rows`);
      }
    } catch (thrown) {
      throw inColumn(thrown, name, index);
    }
  }

  #add(group: Group, rows: TableRows): void {
    const { vector } = group;
    const [start, end] = this.#vector(vector);
    const id = group.id === undefined ? undefined : valueOf(group.id);
    if (id === NOT_UTF8) throw new Rejection('the id is not UTF-8');
    const own = group.metadata?.read();
    const fields = group.others.flatMap(([name, column]) => {
      const value = column.read();
      return value === null || value === undefined ? [] : [[name, value] as const];
    });
    const metadata = metadataWith(own, fields.length === 0 ? undefined : Object.fromEntries(fields));
    rows.add(id, vector.entries.values as Numbers, start, end, metadata);
  }

  // Where its values are.
  #vector({ entries: { definition }, at, end, valueAt, node }: LeafReader): [start: number, end: number] {
    if (definition === undefined) return [valueAt, valueAt + end - at];
    const first = definition[at] ?? 0;
    if (first < this.#list.repeated.definition) {
      const isNull = first < this.roles.vector.definition && this.#list.repeated !== this.roles.vector;
      throw new Rejection(isNull ? 'there is no vector' : 'the vector has no values');
    }
    for (let i = at; i < end; i++) {
      if (definition[i] !== node.definition) throw new Rejection(`value ${i - at} of the vector is null, not a number`);
    }
    return [valueAt, valueAt + end - at];
  }
}

function valueOf({ entries, at, valueAt, node }: LeafReader): unknown {
  const isThere = entries.definition === undefined || entries.definition[at] === node.definition;
  return isThere ? entries.values[valueAt] : null;
}

function inColumn(thrown: unknown, column: string, group: number): unknown {
  if (!(thrown instanceof Malformed)) return thrown;
  return new Malformed(`the column ${shown(column)} in row group ${group + 1}: ${thrown.message}`, { cause: thrown });
}
