/** The columns of a Parquet file: a tree, whose leaves hold the values. Threads: no state. */
import type { SchemaElement } from 'hyparquet';
import type { ColumnKind } from '../columns/roles.js';
import { Malformed } from '../malformed.js';

const MAX_DEPTH = 32;
const MAX_FIXED = 1 << 16;

/** A column, or a part of one. */
export interface ParquetNode {
  readonly name: string;
  readonly element: SchemaElement;
  readonly children: readonly ParquetNode[];
  /** How many of it and what it is in may be missing or repeat. */
  readonly definition: number;
  /** How many repeat. */
  readonly repetition: number;
  /** Of the leaves under it the first one, by their order in the file. */
  readonly leaf: number;
  /** What its values are. */
  readonly kind: ColumnKind;
}

/** A column of a table. */
export interface ParquetColumn extends ParquetNode {
  /** For messages. */
  readonly type: string;
}

/**
 * Reads the columns.
 *
 * @param elements - as hyparquet gives them: each is followed by what is in it
 * @returns the columns
 * @throws Malformed where they are no tree
 */
export function columnsOf(elements: readonly SchemaElement[]): ParquetColumn[] {
  let leaves = 0;
  let next = 0;
  const read = (definition: number, repetition: number, depth: number): ParquetNode => {
    const element = elements[next++];
    if (element === undefined || depth > MAX_DEPTH) throw new Malformed('its schema is no tree, or a very deep one');
    if (typeof element.name !== 'string') throw new Malformed('its schema has a column of no name');
    const isRepeated = depth > 0 && element.repetition_type === 'REPEATED';
    const isRequired = depth === 0 || element.repetition_type === 'REQUIRED';
    definition += isRequired ? 0 : 1;
    repetition += isRepeated ? 1 : 0;
    const leaf = leaves;
    const children: ParquetNode[] = [];
    const count = element.num_children ?? 0;
    if (count < 0 || count > elements.length) throw new Malformed(`its schema has a column of ${count} columns`);
    for (let i = 0; i < count; i++) children.push(read(definition, repetition, depth + 1));
    const kind = children.length > 0 || element.type === undefined ? groupKind(element, children) : leafKind(element);
    const node = { name: element.name, element, children, definition, repetition, leaf, kind };
    if (element.type !== undefined && count === 0) leaves++;
    return node;
  };
  const root = read(0, 0, 0);
  return root.children.map((node) => ({ ...node, kind: columnKind(node), type: typeOf(node) }));
}

function leafKind(element: SchemaElement): ColumnKind {
  const { type, converted_type: converted, logical_type: logical, type_length: length = 0 } = element;
  const name = logical?.type ?? converted ?? '';
  if (/^(BSON|INTERVAL|GEOMETRY|GEOGRAPHY|VARIANT)$/.test(name)) return 'none';
  if (type === 'BYTE_ARRAY') return /^(STRING|UTF8|ENUM|JSON)$/.test(name) ? 'text' : 'none';
  if (type === 'FIXED_LEN_BYTE_ARRAY') {
    if (name === 'FLOAT16' && length === 2) return 'other';
    if (name === 'UUID' && length === 16) return 'text';
    return name === 'DECIMAL' && length > 0 && length <= 32 ? 'other' : 'none';
  }
  if (type !== 'INT32' && type !== 'INT64') return 'other';
  return name === '' || /^U?INT/.test(name) ? 'integer' : 'other';
}

function groupKind(element: SchemaElement, children: readonly ParquetNode[]): ColumnKind {
  if (element.logical_type?.type === 'VARIANT' || children.every(({ kind }) => kind === 'none')) return 'none';
  return isList(element, children) || isMap(element, children) ? 'other' : 'struct';
}

const isList = (
  { converted_type: converted, logical_type: logical }: SchemaElement,
  children: readonly ParquetNode[],
): boolean =>
  (converted === 'LIST' || logical?.type === 'LIST') &&
  children.length === 1 &&
  children[0]?.element.repetition_type === 'REPEATED';

const isMap = (
  { converted_type: converted, logical_type: logical }: SchemaElement,
  children: readonly ParquetNode[],
): boolean =>
  (converted === 'MAP' || converted === 'MAP_KEY_VALUE' || logical?.type === 'MAP') &&
  children.length === 1 &&
  children[0]?.element.repetition_type === 'REPEATED' &&
  children[0].children.length === 2;

/**
 * What is in a list.
 *
 * @param node - any
 * @returns what repeats, and what each value is; undefined where it is no list
 */
export function listOf(node: ParquetNode): { repeated: ParquetNode; item: ParquetNode } | undefined {
  if (node.element.repetition_type === 'REPEATED' && node.children.length === 0) return { repeated: node, item: node };
  const [repeated] = node.children;
  if (repeated === undefined || !isList(node.element, node.children)) return undefined;
  const [item] = repeated.children;
  // A group of one, but for those of which old writers made each value itself.
  const isWrapped =
    repeated.children.length === 1 && repeated.name !== 'array' && repeated.name !== `${node.name}_tuple`;
  return { repeated, item: isWrapped && item !== undefined ? item : repeated };
}

/**
 * What is in a map.
 *
 * @param node - any
 * @returns what repeats, with a key and a value; undefined where it is no map
 */
export function mapOf(node: ParquetNode): ParquetNode | undefined {
  return isMap(node.element, node.children) ? node.children[0] : undefined;
}

// Bytes by these names are texts, as writers of old had them.
const TEXTS = /^(_?id|ids|vector_id|key|metadata)$/i;

// Rows of numbers are told from other lists.
function columnKind(node: ParquetNode): ColumnKind {
  const { type: own, converted_type: converted, logical_type: named } = node.element;
  const isBytes = own === 'BYTE_ARRAY' && converted === undefined && named === undefined;
  if (isBytes && node.repetition === 0 && TEXTS.test(node.name)) return 'text';
  const list = listOf(node);
  if (list === undefined || list.item.children.length > 0 || list.item.repetition !== 1) return node.kind;
  const { type, logical_type: logical } = list.item.element;
  if (type === 'FLOAT' || type === 'DOUBLE' || logical?.type === 'FLOAT16') return 'floats';
  if (list.item.kind === 'integer') return 'integers';
  return node.kind === 'none' ? 'none' : 'other';
}

function typeOf(node: ParquetNode): string {
  const list = listOf(node);
  if (list !== undefined) return `list of ${list.item.element.type ?? 'groups'}`;
  const { type, logical_type: logical, converted_type: converted } = node.element;
  const more = logical?.type ?? converted;
  return `${type ?? 'group'}${more === undefined ? '' : ` ${more}`}`;
}

/**
 * How values of a leaf are read: as they are, without what could be missing or repeat.
 *
 * @param node - the leaf
 * @param asText - whether bytes that aren't said to be a text are one
 * @returns what hyparquet is told
 * @throws Malformed for values of no size
 */
export function plainElement(node: ParquetNode, asText: boolean): SchemaElement {
  const { element, kind } = node;
  const { type, type_length: length } = element;
  if (type === undefined) throw new Malformed('its schema has a column of no type');
  if (type === 'FIXED_LEN_BYTE_ARRAY' && (length === undefined || length < 1 || length > MAX_FIXED)) {
    throw new Malformed(`its schema has values of ${length ?? 'no'} bytes`);
  }
  const size = length === undefined ? {} : { type_length: length };
  const bare: SchemaElement = { name: 'values', type, ...size, repetition_type: 'REQUIRED' };
  const { converted_type: converted, logical_type: logical } = element;
  if (asText && type === 'BYTE_ARRAY' && converted === undefined && logical === undefined) {
    return { ...bare, converted_type: 'UTF8' };
  }
  // What isn't read must not be converted either: that can take long.
  return kind === 'none' ? bare : { ...element, name: 'values', repetition_type: 'REQUIRED' };
}
