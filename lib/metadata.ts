/** Metadata as JSON text, on its way in and out. */
import { describe, JvdbError } from './errors.js';
import { shown } from './arguments.js';
import type { MetadataColumn } from './native.js';

const MAX_NESTING = 64;

function invalid(message: string, cause?: unknown): JvdbError {
  return new JvdbError('JVDB_INVALID_ARGUMENT', message, cause === undefined ? undefined : { cause });
}

// Deeper than allowed? Brackets inside of strings don't count.
function isTooDeep(json: string): boolean {
  if (json.length <= 2 * MAX_NESTING) return false;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const char = json[i];
    if (inString) {
      if (char === '\\') i++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{' || char === '[') {
      if (++depth > MAX_NESTING) return true;
    } else if (char === '}' || char === ']') depth--;
  }
  return false;
}

// Its own type says that it never gives undefined, as it does for functions and undefined.
const toJsonText = JSON.stringify as (value: unknown) => string | undefined;

function stringify(metadata: unknown): string {
  let json: string | undefined;
  try {
    json = toJsonText(metadata);
  } catch (cause) {
    throw invalid(`metadata cannot be written as JSON: ${describe(cause)}`, cause);
  }
  if (!json?.startsWith('{')) {
    throw invalid(`metadata must be an object that can be written as JSON, or its JSON text; not ${shown(metadata)}`);
  }
  return json;
}

function checkedText(text: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw invalid(`metadata ${shown(text)} is not JSON: ${describe(cause)}`, cause);
  }
  const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  // What is no object is refused there. An unpaired surrogate has no UTF-8; escaped, as it is there, it does.
  return isObject && text.isWellFormed() ? text : stringify(parsed);
}

/**
 * Metadata as JSON text; its size is checked by the addon.
 *
 * @param metadata - an object, or JSON text that holds one; '' means none
 * @returns the text, '' for none
 */
export function toJson(metadata: object | string): string {
  if (metadata === '') return '';
  const json = typeof metadata === 'string' ? checkedText(metadata) : stringify(metadata);
  if (isTooDeep(json)) throw invalid(`metadata may be nested ${MAX_NESTING} levels deep at most`);
  return json;
}

/**
 * The metadata of a batch.
 *
 * @param metadata - one for each id, undefined for none; or undefined for none at all
 * @returns their JSON texts
 */
export function toMetadataColumn(metadata: readonly (object | string | undefined)[] | undefined): MetadataColumn {
  if (metadata === undefined) return undefined;
  if (!Array.isArray(metadata)) throw invalid(`metadata of a batch must be an array, not ${shown(metadata)}`);
  const column: (string | undefined)[] = [];
  for (let i = 0; i < metadata.length; i++) {
    const one = (metadata as readonly (object | string | undefined)[])[i];
    column.push(one === undefined ? undefined : toJson(one));
  }
  return column;
}

/**
 * What was stored.
 *
 * @param json - the text, undefined or null for none
 * @param id - whose it is, for the message
 * @returns the object, undefined for none
 */
export function fromJson(json: string | null | undefined, id: unknown): unknown {
  if (json === undefined || json === null) return undefined;
  try {
    return JSON.parse(json);
  } catch (cause) {
    const message = `the metadata of id ${shown(id)} is not JSON: ${describe(cause)}; store it again`;
    throw new JvdbError('JVDB_CORRUPT', message, { cause });
  }
}
