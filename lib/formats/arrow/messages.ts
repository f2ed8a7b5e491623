/**
 * The messages of Arrow's files and streams: a stream has one after the other, a file says at its end where they are.
 * Memory is one message. Threads: one call at a time.
 */
import { describe } from '../../errors.js';
import { checkMessage, readArrowFooter, type ArrowBlock } from './flat.js';
import { Malformed } from '../malformed.js';
import type { Pieces } from '../pieces.js';
import type { RandomAccess } from '../random-access.js';

/** The package, loaded. */
export type Arrow = typeof import('apache-arrow');

/** How files begin and end. */
export const MARK = Buffer.from('ARROW1');

const MAX_HEADER = 64 * 1024 * 1024;
const MAX_BODY = 2 ** 31;
const PIECE = 16 * 1024 * 1024;

/** One message. */
export interface ArrowMessage {
  /** As apache-arrow reads it. */
  header: InstanceType<Arrow['Message']>;
  /** What belongs to it. */
  body: Buffer;
}

async function take(pieces: Pieces, length: number, what: string): Promise<Buffer> {
  // Not all of it before it has come: the length may be wrong.
  const parts: Buffer[] = [];
  for (let left = length; left > 0;) {
    const part = Buffer.allocUnsafeSlow(Math.min(left, PIECE));
    const got = await pieces.fill(part);
    if (got < part.length) throw new Malformed(`it ends at byte ${pieces.position}, in ${what}: get the whole file`);
    parts.push(part);
    left -= got;
  }
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const whole = Buffer.allocUnsafeSlow(length); // aligned, as concat's may not be
  let at = 0;
  for (const part of parts) at += part.copy(whole, at);
  return whole;
}

// Of a header; undefined at the end.
async function headerLength(pieces: Pieces): Promise<number | undefined> {
  if (await pieces.atEnd()) return undefined;
  const first = (await take(pieces, 4, 'the length of a message')).readInt32LE();
  const length = first === -1 ? (await take(pieces, 4, 'the length of a message')).readInt32LE() : first;
  if (length < 0 || length > MAX_HEADER) {
    throw new Malformed(`a message that ends at byte ${pieces.position} has a header of ${length} bytes`);
  }
  return length === 0 ? undefined : length;
}

function decoded(arrow: Arrow, bytes: Uint8Array): ArrowMessage['header'] {
  checkMessage(bytes);
  try {
    const message = arrow.Message.decode(bytes);
    message.header(); // it is read only now
    return message;
  } catch (thrown) {
    throw new Malformed(`the header of a message cannot be read: ${describe(thrown)}`, { cause: thrown });
  }
}

function checkBody(length: number): number {
  if (length >= 0 && length <= MAX_BODY) return length;
  throw new Malformed(`a message has ${length} bytes, ${MAX_BODY} are possible: write smaller batches`);
}

/**
 * Reads the messages of a stream.
 *
 * @param arrow - the package
 * @param pieces - all bytes
 * @yields {ArrowMessage} each; its body is whoever's who takes it
 * @throws Malformed where it is none, or not whole
 */
export async function* streamMessages(arrow: Arrow, pieces: Pieces): AsyncGenerator<ArrowMessage, void> {
  for (;;) {
    const length = await headerLength(pieces);
    if (length === undefined) break;
    const header = decoded(arrow, await take(pieces, length, 'a message'));
    yield { header, body: await take(pieces, checkBody(header.bodyLength), 'a batch of rows') };
  }
  if (!(await pieces.atEnd())) throw new Malformed(`it goes on behind its end at byte ${pieces.position}`);
}

async function footerOf(file: RandomAccess): Promise<ReturnType<typeof readArrowFooter>> {
  const end = await file.readAt(Math.max(file.size - 10, 0), 10);
  if (file.size < 18 || !end.subarray(4).equals(MARK))
    throw new Malformed('it does not end with ARROW1: get the whole file');
  const length = end.readInt32LE();
  if (length < 4 || length > MAX_HEADER || length > file.size - 18) {
    throw new Malformed(`its footer is said to have ${length} bytes, in a file of ${file.size}`);
  }
  return readArrowFooter(await file.readAt(file.size - 10 - length, length));
}

async function messageAt(arrow: Arrow, file: RandomAccess, block: ArrowBlock): Promise<ArrowMessage> {
  const { offset, header: size, body: length } = block;
  const bytes = await file.readAt(offset, size);
  const at = bytes.length >= 8 && bytes.readInt32LE() === -1 ? 8 : 4;
  const stated = bytes.length >= 8 ? bytes.readInt32LE(at - 4) : -1;
  if (stated < 4 || at + stated > bytes.length) {
    throw new Malformed(`the message at byte ${offset} has a header of ${stated} bytes, not ${size}`);
  }
  const header = decoded(arrow, bytes.subarray(at, at + stated));
  if (header.bodyLength !== checkBody(length)) {
    throw new Malformed(`the message at byte ${offset} has ${header.bodyLength} bytes, not ${length}`);
  }
  const body = await file.readAt(offset + size, length);
  if (body.length < length)
    throw new Malformed(`the message at byte ${offset} ends at byte ${offset + size + body.length}`);
  return { header, body };
}

/**
 * Reads the messages of a file: its schema, all dictionaries, all batches.
 *
 * @param arrow - the package
 * @param file - the file
 * @yields {ArrowMessage} each; its body is whoever's who takes it
 * @throws Malformed where it is none, or not whole
 */
export async function* fileMessages(arrow: Arrow, file: RandomAccess): AsyncGenerator<ArrowMessage, void> {
  const { schema, dictionaries, batches } = await footerOf(file);
  yield { header: decoded(arrow, schema), body: Buffer.alloc(0) };
  const blocks = [...dictionaries, ...batches];
  const total = blocks.reduce((sum, { header, body }) => sum + header + body, 0);
  if (total > file.size) throw new Malformed(`its messages have ${total} bytes, in a file of ${file.size}`);
  for (const block of blocks) yield await messageAt(arrow, file, block);
}
