import { type ErrorCode, QErr } from "../errors.ts";
import { returnValue } from "./pkcs11-guard.ts";
import { unwrapFailed } from "./software.ts";

/** What a PKCS#11 return value means to us (PKCS#11 2.40 section 5.1). Others are `KEY_DEVICE_ERROR`. */
const MEANING: ReadonlyMap<number, readonly [code: ErrorCode, words: string]> = new Map([
  [0x03, ["KEY_TOKEN_NOT_PRESENT", "the slot is not there"]],
  [0x07, ["KEY_ALG_UNSUPPORTED", "the token refuses the parameters of the mechanism"]],
  [0x32, ["KEY_TOKEN_REMOVED", "the token was removed"]],
  [0x54, ["KEY_ALG_UNSUPPORTED", "the token does not have this function"]],
  [0x60, ["KEY_NOT_FOUND", "the key is gone from the token"]],
  [0x63, ["KEY_ALG_UNSUPPORTED", "the key is of another type than the mechanism needs"]],
  [0x68, ["KEY_USAGE_FORBIDDEN", "the token does not allow the key to be used for this"]],
  [0x70, ["KEY_ALG_UNSUPPORTED", "the token does not have this mechanism"]],
  [0x71, ["KEY_ALG_UNSUPPORTED", "the token refuses the parameters of the mechanism"]],
  [0x82, ["KEY_NOT_FOUND", "the key is gone from the token"]],
  [0xa0, ["KEY_PIN_INCORRECT", "the PIN is not the right one"]],
  [0xa1, ["KEY_PIN_INCORRECT", "the PIN holds a character that the token does not take"]],
  [0xa2, ["KEY_PIN_INCORRECT", "the PIN is shorter or longer than the token takes"]],
  [0xa3, ["KEY_PIN_EXPIRED", "the PIN has run out"]],
  [0xa4, ["KEY_PIN_LOCKED", "the PIN is locked"]],
  [0xe0, ["KEY_TOKEN_NOT_PRESENT", "there is no token in the slot"]],
  [0xe1, ["KEY_TOKEN_NOT_PRESENT", "the token is not one that this module knows"]],
  [0x101, ["KEY_PIN_REQUIRED", "the token wants a login"]],
  [0x102, ["KEY_PIN_REQUIRED", "the token's PIN was never set"]],
]);

const HINTS: Partial<Record<ErrorCode, string>> = {
  KEY_PIN_INCORRECT: "it was tried once and will not be tried again: most tokens lock after a few wrong PINs",
  KEY_PIN_LOCKED: "the token's security officer can unlock it",
  KEY_PIN_EXPIRED: "set a new one with the token's own tools",
  KEY_ALG_UNSUPPORTED: "`qvault keys check` tries what the token can do; SoftHSM, for one, knows OAEP with SHA-1 only",
  KEY_USAGE_FORBIDDEN: "the key needs CKA_DECRYPT or CKA_UNWRAP (RSA), or CKA_DERIVE (EC)",
};

/** Data-dependent failures of a decryption, one code for all: GENERAL_ERROR (SoftHSM), ENCRYPTED_DATA_INVALID and LEN_RANGE. */
const DATA_FAILURES = new Set([0x05, 0x20, 0x21, 0x40, 0x41]);

/** True if a fresh session, a login and finding the key again may help, once. */
export function worthReopening(error: unknown): boolean {
  // SESSION_CLOSED, SESSION_HANDLE_INVALID, USER_NOT_LOGGED_IN, OBJECT_HANDLE_INVALID, KEY_HANDLE_INVALID, and
  // OPERATION_ACTIVE: some modules leave an operation behind that failed.
  return [0xb0, 0xb3, 0x101, 0x82, 0x60, 0x90].includes(returnValue(error) ?? -1);
}

/** An error of a PKCS#11 call as ours. `unwrapping` if it decrypted or derived with data from a file. */
export function pkcs11Error(error: unknown, what: string, unwrapping = false): QErr {
  if (error instanceof QErr) return error;
  const value = returnValue(error);
  if (unwrapping && value !== undefined && DATA_FAILURES.has(value)) return unwrapFailed();
  const known = value === undefined ? undefined : MEANING.get(value);
  const native = value === undefined ? "no return value" : `CKR 0x${value.toString(16)}`;
  if (known === undefined) return new QErr("KEY_DEVICE_ERROR", `${what} failed (${native})`);
  const [code, words] = known;
  return new QErr(code, `${what}: ${words} (${native})`, { hint: HINTS[code] });
}
