/** The columns of an Arrow table: what their types are for. Threads: no state. */
import type { Field } from 'apache-arrow';
import { describe } from '../../errors.js';
import { T, type AnyType } from './arrays.js';
import { Malformed } from '../malformed.js';
import type { ColumnKind, NamedColumn } from '../columns/roles.js';

/** A column of a table. */
export interface ArrowColumn extends NamedColumn {
  readonly values: AnyType;
}

const NOT_READ: readonly number[] = [
  ...[T.Binary, T.LargeBinary, T.BinaryView, T.FixedSizeBinary, T.Interval, T.Union],
];

function kindOf(type: AnyType): ColumnKind {
  const id = type.typeId;
  if (NOT_READ.includes(id)) return 'none';
  if (id === T.Int) return 'integer';
  if (id === T.Utf8 || id === T.LargeUtf8 || id === T.Utf8View) return 'text';
  if (id === T.Dictionary) {
    const kind = type.dictionary === undefined ? 'none' : kindOf(type.dictionary);
    return kind === 'integer' || kind === 'text' || kind === 'none' ? kind : 'other';
  }
  const inside = (type.children ?? []).map((child) => kindOf(child.type));
  if (inside.length > 0 && inside.every((kind) => kind === 'none')) return 'none';
  if (id === T.Struct) return inside.length > 0 ? 'struct' : 'none';
  if (id !== T.List && id !== T.LargeList && id !== T.FixedSizeList) return 'other';
  const item = type.children?.[0]?.type.typeId;
  if (item === T.Float) return 'floats';
  return item === T.Int ? 'integers' : 'other';
}

// A list of nothing passes apache-arrow.
function check(type: AnyType | undefined): void {
  if (type === undefined) throw new Malformed('it has a list of no type');
  if (type.typeId === T.Dictionary) check(type.dictionary);
  for (const field of (type.children ?? []) as readonly ({ type: AnyType } | undefined)[]) check(field?.type);
}

function nameOf({ type }: Field): string {
  try {
    return String(type);
  } catch (thrown) {
    throw new Malformed(`it has a type that cannot be named: ${describe(thrown)}`, { cause: thrown });
  }
}

/**
 * A column.
 *
 * @param field - as apache-arrow has it
 * @returns what it is for
 * @throws Malformed where it has no type, or something in it hasn't
 */
export function columnOf(field: Field): ArrowColumn {
  // Whatever its type says, it may have none.
  const name = (field.name as string | null) ?? '';
  const values = field.type as unknown as AnyType;
  check(values);
  return { name, kind: kindOf(values), type: nameOf(field), values };
}
