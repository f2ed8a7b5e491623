const CODES = [
  'JVDB_INVALID_ARGUMENT',
  'JVDB_INVALID_ID',
  'JVDB_INVALID_VECTOR',
  'JVDB_DIMENSION_MISMATCH',
  'JVDB_NOT_FOUND',
  'JVDB_EXISTS',
  'JVDB_CLOSED',
  'JVDB_LOCKED',
  'JVDB_READ_ONLY',
  'JVDB_CORRUPT',
  'JVDB_VERSION',
  'JVDB_IO',
  'JVDB_NO_SPACE',
  'JVDB_TOO_MANY_OPEN_FILES',
  'JVDB_UNSUPPORTED_FS',
  'JVDB_FORKED',
  'JVDB_CONFLICT',
  'JVDB_TIMEOUT',
  'JVDB_NO_BINARY',
] as const;

/** What went wrong, for programs. `docs/errors.md` says what each means and what to do. */
export type JvdbErrorCode = (typeof CODES)[number];

/**
 * The one class of errors that this package throws. The message gives the values and the way out;
 * `cause` is what lay behind it, such as the operating system's error.
 */
export class JvdbError extends Error {
  /** What went wrong, for programs. */
  readonly code: JvdbErrorCode;

  /**
   * Makes an error.
   *
   * @param code - what went wrong
   * @param message - the values and the way out
   * @param options - `cause`: the error behind it
   */
  constructor(code: JvdbErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  static {
    // On the prototype, as for the built-in errors: an instance shows no such property.
    Object.defineProperty(this.prototype, 'name', { value: 'JvdbError', configurable: true, writable: true });
  }
}

/**
 * What was thrown, for messages.
 *
 * @param thrown - anything
 * @returns its message, or what it is
 */
export function describe(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } catch {
    return 'an object that has no text';
  }
}

/**
 * Makes what was thrown in a call a JvdbError.
 *
 * @param thrown - by the addon, by a getter or toJSON of the caller's, or for want of memory
 * @returns a JvdbError
 */
export function toJvdbError(thrown: unknown): JvdbError {
  if (thrown instanceof JvdbError) return thrown;
  try {
    const { code, message, osError } = (thrown ?? {}) as { code?: unknown; message?: unknown; osError?: unknown };
    const ours = CODES.find((known) => known === code);
    if (ours !== undefined) {
      // The addon's error came from another realm where the caller runs in a VM context, and its stack
      // says nothing that ours doesn't: it is kept for the operating system's number only.
      return new JvdbError(ours, String(message), osError === undefined ? undefined : { cause: thrown });
    }
    if (typeof message === 'string' && message.includes('allocation failed')) {
      return new JvdbError('JVDB_IO', 'out of memory', { cause: thrown });
    }
  } catch {
    // Its properties throw too.
  }
  const text = `an argument could not be read: ${describe(thrown)}`;
  return new JvdbError('JVDB_INVALID_ARGUMENT', text, { cause: thrown });
}
