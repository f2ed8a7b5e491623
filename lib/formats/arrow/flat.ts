/**
 * Checks the flatbuffers in front of Arrow's messages, which apache-arrow then reads: it follows any offset, and
 * believes any length. Threads: no state.
 */
import { Malformed } from '../malformed.js';

const MAX_DEPTH = 32;
const MAX_TABLES = 1 << 18;
const MAX_TEXTS = 1 << 26;
// The oldest one that is read: Arrow 0.8 and later.
const MIN_VERSION = 3;

/** By the number in a message. */
export const KINDS = { schema: 1, dictionary: 2, batch: 3 } as const;

/** Where a message of a file is. */
export interface ArrowBlock {
  /** Its first byte. */
  readonly offset: number;
  /** Bytes of its header. */
  readonly header: number;
  /** Bytes that follow the header. */
  readonly body: number;
}

/** A table: where it is, and where the places of its fields are. */
interface Table {
  at: number;
  fields: number;
  end: number;
}

class Checker {
  readonly #bytes: DataView;
  #tables = 0;
  #texts = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  message(): void {
    const message = this.#table(this.#number(0, 4));
    if (this.#scalar(message, 0, 2) < MIN_VERSION) throw new Malformed('it is of a version of Arrow before 0.8');
    this.#keyValues(message, 4);
    const header = this.#child(message, 2);
    const kind = this.#scalar(message, 1, 1);
    if (header === undefined) throw new Malformed('a message of it has no header');
    if (kind === KINDS.schema) this.#schema(header);
    else if (kind === KINDS.batch) this.#batch(header);
    else if (kind === KINDS.dictionary) {
      const data = this.#child(header, 1);
      if (data === undefined) throw new Malformed('a dictionary of it has no values');
      this.#batch(data);
    }
  }

  /**
   * What a footer says.
   *
   * @returns the schema's place, the version, and all blocks
   */
  footer(): { version: number; schema: number; dictionaries: ArrowBlock[]; batches: ArrowBlock[] } {
    const footer = this.#table(this.#number(0, 4));
    const schema = this.#child(footer, 1);
    if (schema === undefined) throw new Malformed('its footer has no schema');
    const blocks = (index: number): ArrowBlock[] => {
      const [count, at] = this.#vector(footer, index, 24);
      return Array.from({ length: count }, (_, i) => this.#block(at + 24 * i));
    };
    return { version: this.#scalar(footer, 0, 2), schema: schema.at, dictionaries: blocks(2), batches: blocks(3) };
  }

  #block(at: number): ArrowBlock {
    const offset = Number(this.#bytes.getBigInt64(at, true));
    const [header, body] = [this.#bytes.getInt32(at + 8, true), Number(this.#bytes.getBigInt64(at + 16, true))];
    if (offset >= 8 && header >= 8 && body >= 0) return { offset, header, body };
    throw new Malformed(`its footer has a message of ${header} and ${body} bytes at ${offset}`);
  }

  #schema(schema: Table): void {
    if (this.#scalar(schema, 0, 2) !== 0)
      throw new Malformed('its numbers are big-endian: write it on another machine');
    this.#tablesIn(schema, 1, (field) => {
      this.#field(field, 0);
    });
    this.#keyValues(schema, 2);
  }

  #field(field: Table, depth: number): void {
    if (depth > MAX_DEPTH) throw new Malformed(`its columns are nested more than ${MAX_DEPTH} deep`);
    this.#text(field, 0);
    const type = this.#child(field, 3);
    const kind = this.#scalar(field, 2, 1);
    if (type === undefined) throw new Malformed('a column of it has no type');
    if (kind === 10) this.#text(type, 1); // the zone of a moment
    if (kind === 14) this.#vector(type, 1, 4); // of a union, the numbers of its types
    const dictionary = this.#child(field, 4);
    if (dictionary !== undefined) this.#child(dictionary, 1);
    this.#tablesIn(field, 5, (child) => {
      this.#field(child, depth + 1);
    });
    this.#keyValues(field, 6);
  }

  #batch(batch: Table): void {
    this.#vector(batch, 1, 16);
    this.#vector(batch, 2, 16);
    this.#child(batch, 3);
    this.#vector(batch, 4, 8);
  }

  #keyValues(table: Table, index: number): void {
    this.#tablesIn(table, index, (pair) => {
      this.#text(pair, 0);
      this.#text(pair, 1);
    });
  }

  #number(at: number, size: 1 | 2 | 4): number {
    if (at < 0 || at + size > this.#bytes.byteLength) {
      throw new Malformed(`the header of a message refers to byte ${at}, and has ${this.#bytes.byteLength}`);
    }
    if (size === 1) return this.#bytes.getUint8(at);
    return size === 2 ? this.#bytes.getUint16(at, true) : this.#bytes.getUint32(at, true);
  }

  #table(at: number): Table {
    if (++this.#tables > MAX_TABLES) throw new Malformed(`the header of a message has more than ${MAX_TABLES} parts`);
    const fields = at - (this.#number(at, 4) | 0);
    const size = this.#number(fields, 2);
    const end = at + this.#number(fields + 2, 2);
    this.#number(fields + Math.max(size, 4) - 1, 1);
    this.#number(end - 1, 1);
    return { at, fields, end: fields + size };
  }

  // 0 where it is left out.
  #place({ at, fields, end }: Table, index: number): number {
    const slot = fields + 4 + 2 * index;
    const offset = slot + 2 > end ? 0 : this.#number(slot, 2);
    return offset === 0 ? 0 : at + offset;
  }

  #scalar(table: Table, index: number, size: 1 | 2): number {
    const place = this.#place(table, index);
    return place === 0 ? 0 : this.#number(place, size);
  }

  #child(table: Table, index: number): Table | undefined {
    const place = this.#place(table, index);
    return place === 0 ? undefined : this.#table(place + this.#number(place, 4));
  }

  // How many there are, and where.
  #vector(table: Table, index: number, size: number): [count: number, at: number] {
    const place = this.#place(table, index);
    if (place === 0) return [0, 0];
    const at = place + this.#number(place, 4);
    const count = this.#number(at, 4);
    if (count > 0) this.#number(at + 4 + count * size - 1, 1);
    return [count, at + 4];
  }

  #text(table: Table, index: number): void {
    this.#texts += this.#vector(table, index, 1)[0];
    if (this.#texts > MAX_TEXTS)
      throw new Malformed(`the header of a message has more than ${MAX_TEXTS} bytes of names`);
  }

  #tablesIn(table: Table, index: number, check: (child: Table) => void): void {
    const [count, at] = this.#vector(table, index, 4);
    for (let i = 0; i < count; i++) check(this.#table(at + 4 * i + this.#number(at + 4 * i, 4)));
  }
}

/**
 * Checks the header of a message.
 *
 * @param bytes - the flatbuffer
 * @throws Malformed where it refers to what it hasn't, or is of a kind that isn't read
 */
export function checkMessage(bytes: Uint8Array): void {
  new Checker(bytes).message();
}

const PREFIX = 32;

/**
 * Reads the footer of a file.
 *
 * @param bytes - the flatbuffer
 * @returns its schema as the header of a message, as streams have it, and where dictionaries and batches are
 * @throws Malformed where it refers to what it hasn't
 */
export function readArrowFooter(bytes: Uint8Array): {
  schema: Uint8Array;
  dictionaries: ArrowBlock[];
  batches: ArrowBlock[];
} {
  const { version, schema, ...blocks } = new Checker(bytes).footer();
  // A table of three fields, whose header is in the footer behind it.
  const message = Buffer.alloc(PREFIX + bytes.length);
  const [root, fields] = [16, 4];
  message.writeUInt32LE(root, 0);
  [10, 12, 8, 10, 4].forEach((value, i) => message.writeUInt16LE(value, fields + 2 * i));
  message.writeInt32LE(root - fields, root);
  message.writeUInt32LE(PREFIX + schema - (root + 4), root + 4);
  message.writeUInt16LE(version, root + 8);
  message.writeUInt8(KINDS.schema, root + 10);
  message.set(bytes, PREFIX);
  return { schema: message, ...blocks };
}
