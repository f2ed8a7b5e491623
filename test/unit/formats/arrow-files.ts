/** Tables as apache-arrow writes them. */
import {
  Field,
  FixedSizeList,
  Float32,
  List,
  Table,
  tableToIPC,
  vectorFromArray,
  type DataType,
  type Vector,
} from 'apache-arrow';

/** Of a whole table. */
export type Kind = 'file' | 'stream';
// As apache-arrow writes them, which leaves the schema at the beginning of files out.
export const fileOf = (columns: Record<string, Vector>, kind: Kind = 'file'): Buffer =>
  Buffer.from(tableToIPC(new Table(columns), kind));
export const column = (values: unknown[], type: DataType): Vector => vectorFromArray(values, type);
export const floats = (size: number): FixedSizeList => new FixedSizeList(size, new Field('item', new Float32(), true));
export const list = (type: DataType): List => new List(new Field('item', type, true));
