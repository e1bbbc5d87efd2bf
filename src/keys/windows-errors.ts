import { type ErrorCode, QErr } from "../errors.ts";
import { unwrapFailed } from "./software.ts";

/** What an error number of Windows means to us (winerror.h). Others are `KEY_DEVICE_ERROR`. */
const MEANING: ReadonlyMap<number, readonly [code: ErrorCode, words: string]> = new Map([
  [0x02, ["KEY_STORE_NOT_FOUND", "there is no such store"]],
  [0x05, ["KEY_ACCESS_DENIED", "Windows denies access"]],
  [0x8009_0005, ["KEY_DEVICE_ERROR", "the provider takes the data for bad"]],
  [0x8009_000d, ["KEY_NO_PRIVATE_KEY", "the key is gone from its provider"]],
  [0x8009_0010, ["KEY_ACCESS_DENIED", "this user may not use the private key"]],
  [0x8009_0015, ["KEY_NO_PRIVATE_KEY", "the key container holds another key than the certificate's"]],
  [0x8009_0016, ["KEY_NO_PRIVATE_KEY", "its key container is not there"]],
  [0x8009_0020, ["KEY_DEVICE_ERROR", "the provider failed"]],
  [0x8009_0022, ["KEY_USER_INTERACTION", "the provider wants to ask its user"]],
  [0x8009_0027, ["KEY_ALG_UNSUPPORTED", "the provider refuses the parameters"]],
  [0x8009_0029, ["KEY_ALG_UNSUPPORTED", "the provider does not have this operation"]],
  [0x8009_0030, ["KEY_TOKEN_NOT_PRESENT", "the device is not ready"]],
  [0x8009_2004, ["KEY_NOT_FOUND", "there is no such certificate"]],
  [0x8009_200b, ["KEY_NO_PRIVATE_KEY", "there is no private key for the certificate"]],
  [0x8010_000c, ["KEY_TOKEN_NOT_PRESENT", "there is no smart card in the reader"]],
  [0x8010_0069, ["KEY_TOKEN_REMOVED", "the smart card was removed"]],
  [0x8010_006b, ["KEY_PIN_INCORRECT", "the PIN is not the right one"]],
  [0x8010_006c, ["KEY_PIN_LOCKED", "the PIN is locked"]],
]);

const HINTS: Partial<Record<ErrorCode, string>> = {
  KEY_STORE_NOT_FOUND: "stores are named CurrentUser/My or LocalMachine/My",
  KEY_ACCESS_DENIED:
    "LocalMachine keys need a permission for this user: certlm.msc, All Tasks, Manage Private Keys; keys of CurrentUser belong to one user alone, for Qlik the one who runs the Engine service",
  KEY_NO_PRIVATE_KEY: "import the certificate together with its private key, as the user who runs this",
  KEY_USER_INTERACTION: "import the key without strong protection; a service has nobody who could answer",
  KEY_ALG_UNSUPPORTED: "`qvault keys check` tries what the key can do",
};

/** Data-dependent failures of a decryption: one code for all. NTE_BAD_DATA, NTE_INTERNAL_ERROR, NTE_BAD_LEN. */
const DATA_FAILURES = new Set([0x8009_0005, 0x8009_0020, 0x8009_0004]);

/** An error number of Windows as an error of ours. `unwrapping` if it came from data of a file. */
export function windowsError(number: number, what: string, unwrapping = false): QErr {
  const value = number >>> 0;
  if (unwrapping && DATA_FAILURES.has(value)) return unwrapFailed();
  const native = `0x${value.toString(16).padStart(8, "0")}`;
  const [code, words] = MEANING.get(value) ?? ["KEY_DEVICE_ERROR" as const, "Windows reports an error"];
  return new QErr(code, `${what}: ${words} (${native})`, { hint: HINTS[code] });
}
