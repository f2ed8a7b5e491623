/** Values of one row from their levels: lists, maps and structs of other columns than the vector. Threads: no state. */
import { shown } from '../../arguments.js';
import type { LeafReader } from './pages.js';
import { listOf, mapOf, type ParquetNode } from './schema.js';
import { Malformed } from '../malformed.js';
import { NOT_UTF8 } from './values.js';
import { jsonInteger } from '../columns/rows.js';
import { Rejection } from '../values.js';

// As many as metadata of the largest size could hold.
const MAX_VALUES = 1 << 19;

/** A leaf within its row. */
class Cursor {
  at = 0;
  #valueAt = 0;
  readonly #leaf: LeafReader;

  constructor(leaf: LeafReader) {
    this.#leaf = leaf;
  }

  start(): void {
    const { at, end, valueAt, node } = this.#leaf;
    if (end - at > MAX_VALUES) throw new Rejection(`the column ${shown(node.name)} has ${end - at} values in it`);
    this.at = at;
    this.#valueAt = valueAt;
  }

  get definition(): number {
    return this.#leaf.entries.definition?.[this.at] ?? this.#leaf.node.definition;
  }

  // -1 behind the row.
  get repetition(): number {
    return this.at < this.#leaf.end ? (this.#leaf.entries.repetition?.[this.at] ?? 0) : -1;
  }

  take(): unknown {
    const { entries, end, node } = this.#leaf;
    if (this.at >= end) throw new Malformed('its levels differ from those of other columns of the same group');
    const isThere = this.definition === node.definition;
    this.at++;
    return isThere ? jsonValue(entries.values[this.#valueAt++], node.name) : null;
  }
}

function jsonValue(value: unknown, name: string): unknown {
  if (value === NOT_UTF8) throw new Rejection(`the column ${shown(name)} has a text that is not UTF-8`);
  return typeof value === 'bigint' ? jsonInteger(value) : value;
}

/** Reads a column, row by row. */
export class ColumnAssembly {
  readonly #node: ParquetNode;
  readonly #cursors = new Map<ParquetNode, Cursor[]>();

  /**
   * Makes one.
   *
   * @param node - the column
   * @param leafOf - the reader of a leaf by its number; undefined for those that aren't read
   */
  constructor(node: ParquetNode, leafOf: (leaf: number) => LeafReader | undefined) {
    this.#node = node;
    const collect = (one: ParquetNode): Cursor[] => {
      const leaf = one.children.length === 0 ? leafOf(one.leaf) : undefined;
      const cursors = leaf === undefined ? one.children.flatMap(collect) : [new Cursor(leaf)];
      this.#cursors.set(one, cursors);
      return cursors;
    };
    collect(node);
  }

  /**
   * The value of the row at which the leaves are.
   *
   * @returns as JSON has it; null for none
   * @throws Rejection where it can't be
   */
  read(): unknown {
    for (const cursor of this.#of(this.#node)) cursor.start();
    return this.#any(this.#node);
  }

  #of(node: ParquetNode): Cursor[] {
    return this.#cursors.get(node) ?? [];
  }

  #any(node: ParquetNode): unknown {
    if (node.element.repetition_type === 'REPEATED') return this.#repeated(node, () => this.#one(node));
    return this.#one(node);
  }

  #one(node: ParquetNode): unknown {
    const [first] = this.#of(node);
    if (first === undefined) return undefined;
    if (first.definition < node.definition) return this.#none(node, null);
    if (node.children.length === 0) return first.take();
    const map = mapOf(node);
    if (map !== undefined) {
      const [key, value] = map.children;
      if (key === undefined || value === undefined) return undefined;
      const pairs = this.#repeated(map, () => [String(this.#any(key)), this.#any(value)] as const);
      return Object.fromEntries(pairs);
    }
    const list = listOf(node);
    if (list !== undefined) {
      const { repeated, item } = list;
      return this.#repeated(repeated, () => (item === repeated ? this.#one(item) : this.#any(item)));
    }
    return Object.fromEntries(node.children.map((child) => [child.name, this.#any(child)] as const));
  }

  #repeated<T>(node: ParquetNode, item: () => T): T[] {
    const [first] = this.#of(node);
    if (first === undefined) return [];
    if (first.definition < node.definition) return this.#none(node, []);
    const items: T[] = [];
    do items.push(item());
    while (first.repetition === node.repetition);
    return items;
  }

  // Stands for itself in each leaf.
  #none<T>(node: ParquetNode, value: T): T {
    for (const cursor of this.#of(node)) cursor.take();
    return value;
  }
}
