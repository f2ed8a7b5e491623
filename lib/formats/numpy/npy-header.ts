/** The header of numpy's .npy files: a Python dictionary that says what values follow. */
import { invalid, shown } from '../../arguments.js';
import type { Pieces } from '../pieces.js';

/** What every .npy file begins with. */
export const NPY_MAGIC = Buffer.from('\x93NUMPY', 'latin1');

const MAX_LENGTH = 64 * 1024;
const ALIGNMENT = 64;
const MAX_BYTES = BigInt(Number.MAX_SAFE_INTEGER);

/** What follows the header. */
export interface NpyHeader {
  /** The values' type, such as `<f4`. */
  descr: string;
  /** Whether columns follow each other, not rows. */
  isFortran: boolean;
  /** How many values each axis has. */
  shape: number[];
}

// One entry of the dictionary: its key, and a string, a flag or a tuple.
const ENTRY =
  /[ \n]*(['"])(descr|fortran_order|shape)\1[ \n]*:[ \n]*(?:(['"])([^'"\\\n]*)\3|(True|False)|\(([\dL, \n]*)\))[ \n]*(?:,|(?=\}))/y;
const LIST = /[ \n]*['"]descr['"][ \n]*:[ \n]*\[/y;
const OPENING = /[ \n]*\{/y;
const CLOSING = /[ \n]*\}[ \n]*$/y;

// A tuple's numbers; undefined where it is none.
function numbersOf(tuple: string): number[] | undefined {
  const parts = tuple.split(',').map((part) => part.trim());
  if (parts.at(-1) === '') parts.pop();
  else if (parts.length === 1) return undefined; // brackets around a number make no tuple
  if (!parts.every((part) => /^\d{1,16}L?$/.test(part))) return undefined;
  return parts.map((part) => parseInt(part, 10));
}

/**
 * Reads a header's text.
 *
 * @param text - the dictionary
 * @param name - of the file, for messages
 * @returns what it says
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` for anything that numpy does not write
 */
export function parseNpyHeader(text: string, name: string): NpyHeader {
  const refused = invalid(`the npy header of ${name} is ${shown(text)}, which numpy does not write: save it again`);
  const read = (pattern: RegExp, at: number): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  let at = read(OPENING, 0)?.[0].length ?? -1;
  if (at < 0) throw refused;
  const found = new Map<string, string | boolean | number[]>();
  while (read(CLOSING, at) === null) {
    if (read(LIST, at) !== null) {
      throw invalid(`${name} has values of several fields: save one with numpy.save(path, a['field'])`);
    }
    const entry = read(ENTRY, at);
    if (entry === null) throw refused;
    const [whole, , key = '', , string, flag, tuple] = entry;
    const value = string ?? (flag === undefined ? numbersOf(tuple ?? '') : flag === 'True');
    if (value === undefined || found.has(key)) throw refused;
    found.set(key, value);
    at += whole.length;
  }
  const [descr, isFortran, shape] = [found.get('descr'), found.get('fortran_order'), found.get('shape')];
  if (typeof descr !== 'string' || typeof isFortran !== 'boolean' || !Array.isArray(shape)) throw refused;
  return { descr, isFortran, shape };
}

/**
 * Reads the header.
 *
 * @param pieces - the file from its beginning; the values follow then
 * @param name - of the file, for messages
 * @returns what it says
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where it is none, or its values are more than can be counted
 */
export async function readNpyHeader(pieces: Pieces, name: string): Promise<NpyHeader> {
  const take = async (length: number, what: string): Promise<Buffer> => {
    const bytes = Buffer.alloc(length);
    const got = await pieces.fill(bytes);
    if (got === length) return bytes;
    throw invalid(`${name} ends at byte ${pieces.position}, in ${what} of an npy file: get the whole file`);
  };
  const start = Buffer.alloc(8);
  const got = await pieces.fill(start);
  if (!start.subarray(0, 6).equals(NPY_MAGIC)) {
    const begins = start.toString('hex', 0, Math.min(got, 6));
    throw invalid(`${name} is no npy file: it begins with the bytes '${begins}', not '${NPY_MAGIC.toString('hex')}'`);
  }
  if (got < 8) throw invalid(`${name} ends at byte ${got}, in the header of an npy file: get the whole file`);
  const [major = 0, minor = 0] = start.subarray(6);
  if (major < 1 || major > 3 || minor !== 0) {
    throw invalid(`${name} is an npy file of version ${major}.${minor}; 1.0, 2.0 and 3.0 are read: save it anew`);
  }
  const size = await take(major === 1 ? 2 : 4, 'the header');
  const length = major === 1 ? size.readUInt16LE() : size.readUInt32LE();
  if (length > MAX_LENGTH) throw invalid(`the npy header of ${name} has ${length} bytes; ${MAX_LENGTH} are possible`);
  // What is read is ASCII in any version.
  const header = parseNpyHeader((await take(length, 'the header')).toString('latin1'), name);
  const values = header.shape.reduce((product, size) => product * BigInt(Math.max(size, 1)), 1n);
  if (values * 8n > MAX_BYTES) {
    throw invalid(`${name} says it has the shape (${header.shape.join(', ')}), more than can be stored: it is damaged`);
  }
  return header;
}

/**
 * Writes a header as numpy does.
 *
 * @param descr - the values' type
 * @param shape - how many values each axis has
 * @returns the bytes in front of the values
 */
export function npyHeader(descr: string, shape: readonly number[]): Buffer {
  const tuple = shape.length === 1 ? `${shape.join()},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const fixed = NPY_MAGIC.length + 4;
  const length = Math.ceil((fixed + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(length, ' ');
  NPY_MAGIC.copy(header);
  header[6] = 1;
  header[7] = 0;
  header.writeUInt16LE(length - fixed, 8);
  header.write(text, fixed, 'latin1');
  header[length - 1] = 0x0a;
  return header;
}
