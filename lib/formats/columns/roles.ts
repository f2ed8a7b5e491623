/** Which columns of a table hold ids, vectors and metadata: by their names and types. Threads: no state. */
import { invalid, shown } from '../../arguments.js';
import { DATA_KEYS, ID_KEYS } from '../values.js';
import type { Source } from '../types.js';

/** What the values of a column are; 'floats' and 'integers' are lists of numbers, 'none' is nothing that is read. */
export type ColumnKind = 'integer' | 'text' | 'floats' | 'integers' | 'struct' | 'other' | 'none';

/** A column as far as its use depends on it. */
export interface NamedColumn {
  readonly name: string;
  readonly kind: ColumnKind;
  /** Its type, for messages. */
  readonly type: string;
}

/** Columns by what they are for. */
export interface Roles<C> {
  id: C | undefined;
  vector: C;
  /** Text or a struct. */
  metadata: C | undefined;
  /** Fields of the metadata. */
  others: C[];
}

const IDS = [...ID_KEYS, 'ids', '_id', 'key'];
const VECTORS = [...DATA_KEYS, 'vectors', 'embeddings'];

/**
 * Gives columns their roles. Of names that could mean the same the first counts, and only with a type that can be
 * meant; a column `id` of any other type is an error, since ids would be lost.
 *
 * @param source - for messages
 * @param columns - all of the table
 * @returns the roles
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where no column holds vectors, or it can't be told which one
 */
export function rolesOf<C extends NamedColumn>(source: Source, columns: readonly C[]): Roles<C> {
  const named = (names: readonly string[], kinds: readonly ColumnKind[]): C | undefined => {
    const found = names.flatMap((name) => columns.filter((one) => one.name.toLowerCase() === name));
    return found.find(({ kind }) => kinds.includes(kind));
  };
  const id = named(IDS, ['integer', 'text']);
  const wrong = columns.find(({ name }) => name.toLowerCase() === 'id');
  if (id === undefined && wrong !== undefined) {
    throw invalid(
      `${source.name}: the column ${shown(wrong.name)} has values of type ${wrong.type}; ids are integers or texts: ` +
        'convert it, or give it another name',
    );
  }
  const vector = named(VECTORS, ['floats', 'integers']) ?? theOnlyVector(source, columns);
  const metadata = named(['metadata'], ['text', 'struct']);
  const others = columns.filter((one) => {
    // What data frames call the numbers of their rows.
    const isIndex = /^__index_level_\d+__$/.test(one.name);
    return one !== id && one !== vector && one !== metadata && one.kind !== 'none' && !isIndex && one.name !== '';
  });
  return { id, vector, metadata, others };
}

function theOnlyVector<C extends NamedColumn>(source: Source, columns: readonly C[]): C {
  const lists = columns.filter(({ kind }) => kind === 'floats');
  const [one] = lists;
  if (one !== undefined && lists.length === 1) return one;
  const listed = (lists.length > 0 ? lists : columns).slice(0, 10).map(({ name, type }) => `${shown(name)} (${type})`);
  const more = (lists.length > 0 ? lists : columns).length > 10 ? ' and more' : '';
  throw invalid(
    lists.length > 0
      ? `${source.name}: any of the columns ${listed.join(', ')}${more} could hold the vectors; name one 'vector'`
      : `${source.name}: no column holds vectors, which are lists of numbers; its columns are ` +
          `${listed.join(', ') || 'none'}${more}; name one 'vector'`,
  );
}
