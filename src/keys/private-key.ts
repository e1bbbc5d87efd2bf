import type { KeyObject } from "node:crypto";
import { QErr } from "../errors.ts";

/**
 * Looks at a private key that OpenSSL has read, before Node is asked anything about it: of an EC key whose secret number
 * has more bytes than its curve Node cannot even say the kind, and its process is aborted.
 * @throws `KEY_STORE_FORMAT`
 */
export function checkPrivateKey(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType !== "ec") return key;
  try {
    // Fails for such a number, and does nothing else.
    key.export({ type: "pkcs8", format: "der" }).fill(0);
    return key;
  } catch {
    throw new QErr("KEY_STORE_FORMAT", "a private key of the key file does not fit its curve");
  }
}
