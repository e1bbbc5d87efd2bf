/**
 * What an error means to the caller; the command line turns each class into one exit code (SPEC 9).
 *
 * - `usage`: the call itself is wrong · `read`: bytes could not be had · `damaged`: not a container, or a broken one
 * - `unsupported`: well formed, but refused on purpose · `data`: a value that the target format cannot hold
 * - `write`: the output could not be made · `cancelled`: the caller aborted
 * - `seal`: authentication failed: a signature is missing, wrong or not trusted, or a key is not the one it is said to be
 * - `key`: there is no key that can be used for this file
 * - `keystore`: a key store, token or module cannot be used: not there, locked, refused its PIN, failed
 * - `denied`: section access lets this user see nothing
 */
export type ErrorClass =
  | "usage"
  | "read"
  | "damaged"
  | "unsupported"
  | "data"
  | "write"
  | "cancelled"
  | "seal"
  | "key"
  | "keystore"
  | "denied";

/** Every code there is, grouped by the folder that raises it. The code is the contract; messages are prose. */
export const ERROR_CLASS = {
  // any folder
  USAGE: "usage",
  CANCELLED: "cancelled",
  LIMIT_EXCEEDED: "damaged",
  // bytes
  BYTES_TRUNCATED: "damaged",
  BYTES_UTF8: "damaged",
  // source
  SOURCE_NOT_FOUND: "read",
  SOURCE_READ: "read",
  SOURCE_CHANGED: "read",
  SOURCE_SHORT: "read",
  SOURCE_RANGE: "usage",
  SINK_EXISTS: "write",
  SINK_WRITE: "write",
  // container
  CONTAINER_UNKNOWN: "damaged",
  // container/qvd
  QVD_HEADER_UNTERMINATED: "damaged",
  QVD_XML: "damaged",
  QVD_HEADER: "damaged",
  QVD_RANGE: "damaged",
  QVD_BITS: "damaged",
  QVD_SYMBOL: "damaged",
  QVD_INDEX: "damaged",
  QVD_COMPRESSED: "unsupported",
  QVD_ENCRYPTED: "unsupported",
  QVD_VALUE: "data",
  // container/qvf
  QVF_HEADER: "damaged",
  QVF_CONVERTED: "damaged",
  QVF_EXTENT: "damaged",
  QVF_INODE: "damaged",
  QVF_DIRECTORY: "damaged",
  QVF_STREAM: "damaged",
  QVF_DEFLATE: "damaged",
  QVF_JSON: "damaged",
  QVF_MODEL: "damaged",
  QVF_FIELD: "damaged",
  QVF_SYMBOL: "damaged",
  QVF_TABLE: "damaged",
  QVF_INDEX: "damaged",
  QVF_SCRAMBLED: "unsupported",
  QVF_ENCRYPTED: "unsupported",
  QVF_NO_ENTRY: "usage",
  QVF_VALUE: "data",
  // apps
  APP_NO_SCRIPT: "usage",
  APP_NO_TABLE: "usage",
  APP_ACCESS: "usage",
  APP_MANIFEST: "usage",
  // table
  TABLE_NO_FIELD: "usage",
  TABLE_ROWS: "usage",
  MODEL_SHAPE: "damaged",
  // reduce
  ACCESS_CASE: "damaged",
  // engine
  ACCESS_DENIED: "denied",
  REDUCE_UNPROVED: "damaged",
  AUDIT_BROKEN: "damaged",
  // output and import
  IMPORT_SYNTAX: "damaged",
  IMPORT_VALUE: "data",
  IMPORT_UNSUPPORTED: "unsupported",
  OUTPUT_VALUE: "data",
  OUTPUT_UNAVAILABLE: "unsupported",
  // seal
  SEAL_ABSENT: "usage",
  SEAL_DAMAGED: "damaged",
  SEAL_TRUNCATED: "damaged",
  SEAL_STRIPPED: "damaged",
  SEAL_VERSION: "unsupported",
  SEAL_WRONG_KEY: "seal",
  SEAL_NO_IDENTITY: "key",
  SEAL_UNSIGNED: "seal",
  SEAL_BAD_SIGNATURE: "seal",
  SEAL_CERTIFICATE: "key",
  SEAL_CERT_EXPIRED: "key",
  SEAL_KEYS_FULL: "write",
  // keys
  KEY_REFERENCE: "usage",
  KEY_PROVIDER_UNAVAILABLE: "keystore",
  KEY_MODULE_LOAD: "keystore",
  KEY_MODULE_INIT: "keystore",
  KEY_STORE_NOT_FOUND: "keystore",
  KEY_STORE_FORMAT: "keystore",
  KEY_TOKEN_NOT_PRESENT: "keystore",
  KEY_TOKEN_REMOVED: "keystore",
  KEY_NOT_FOUND: "key",
  KEY_AMBIGUOUS: "key",
  KEY_NO_PRIVATE_KEY: "key",
  KEY_PIN_REQUIRED: "keystore",
  KEY_PIN_INCORRECT: "keystore",
  KEY_PIN_FINAL_TRY: "keystore",
  KEY_PIN_LOCKED: "keystore",
  KEY_PIN_EXPIRED: "keystore",
  KEY_ACCESS_DENIED: "keystore",
  KEY_USER_INTERACTION: "keystore",
  KEY_ALG_UNSUPPORTED: "key",
  KEY_USAGE_FORBIDDEN: "key",
  KEY_UNWRAP_FAILED: "seal",
  KEY_TIMEOUT: "keystore",
  KEY_DEVICE_ERROR: "keystore",
  FIPS_NOT_APPROVED: "key",
  FIPS_UNAVAILABLE: "keystore",
} as const satisfies Record<string, ErrorClass>;

export type ErrorCode = keyof typeof ERROR_CLASS;

/** Where in a file an error was found. Offsets and lengths are bytes; rows count from 0. */
export interface ErrorPlace {
  /** Name of the part, e.g. `header`, `symbols of "Name"`, `index table`. Field names are metadata, never cell values. */
  readonly part?: string | undefined;
  /** Byte offset in the file. */
  readonly offset?: number | undefined;
  /** Length in bytes of the range that is wrong. */
  readonly length?: number | undefined;
  /** What the user can do next. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/**
 * The one error of this package. `code` is stable; the message says what is wrong and never quotes a cell value,
 * a key or a PIN.
 */
export class QErr extends Error {
  override readonly name = "QErr";
  readonly code: ErrorCode;
  readonly part: string | undefined;
  readonly offset: number | undefined;
  readonly length: number | undefined;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, place: ErrorPlace = {}) {
    super(message, place.cause === undefined ? undefined : { cause: place.cause });
    this.code = code;
    this.part = place.part;
    this.offset = place.offset;
    this.length = place.length;
    this.hint = place.hint;
  }

  /** The class of {@link code}, from which the command line takes its exit code. */
  get errorClass(): ErrorClass {
    return ERROR_CLASS[this.code];
  }
}

/** True for errors of this package, also across two copies of it (compares the name and a known code). */
export function isQErr(error: unknown): error is QErr {
  return error instanceof Error && error.name === "QErr" && "code" in error && String(error.code) in ERROR_CLASS;
}

/**
 * Throws a {@link QErr} with `code` unless `condition` holds. The message is the precondition in words.
 * Pass a function where building the message costs something.
 */
export function needs(
  condition: boolean,
  code: ErrorCode,
  message: string | (() => string),
  place?: ErrorPlace,
): asserts condition {
  if (!condition) throw new QErr(code, typeof message === "string" ? message : message(), place);
}

/** A name in quotes for a message or a part, cut to 100 characters: a file may have names of megabytes. */
export function quoted(name: string): string {
  return `"${name.length > 100 ? `${name.slice(0, 100)}…` : name}"`;
}
