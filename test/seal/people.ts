import { createHash, type KeyObject, type X509Certificate } from "node:crypto";
import type { KeyHandle, KeyRef } from "../../src/keys/keystore.ts";
import { generateKey, type NewKeyType, selfSigned } from "../../src/keys/self-signed.ts";
import { softwareHandle } from "../../src/keys/software.ts";
import { describeKey, matches } from "../../src/keys/thumbprint.ts";
import type { FindKey } from "../../src/seal/authenticate.ts";
import { type Recipient, type RecipientOptions, recipientOf } from "../../src/seal/recipient.ts";

/** A key pair with a certificate, made for a test. */
export interface Person {
  readonly key: KeyObject;
  readonly certificate: X509Certificate;
  readonly handle: KeyHandle;
  recipient(options?: RecipientOptions): Recipient;
}

export function person(name: string, type: NewKeyType = "p256", days = 30): Person {
  const key = generateKey(type);
  const certificate = selfSigned(key, name, days);
  const info = describeKey({ certificate }, "test", true);
  return {
    key,
    certificate,
    handle: softwareHandle(info, key),
    recipient: (options) => recipientOf(info, options),
  };
}

/** Finds keys of these people, and counts the private-key operations. */
export function keysOf(...people: readonly Person[]): FindKey & { readonly unwraps: () => number } {
  let unwraps = 0;
  const find = async (ref: KeyRef): Promise<KeyHandle | undefined> => {
    const found = people.find((p) => matches(p.handle.info, { spkiS256: ref.spkiS256 }));
    if (found === undefined) return undefined;
    const { handle } = found;
    return {
      ...handle,
      unwrap(request) {
        unwraps += 1;
        return handle.unwrap(request);
      },
    };
  };
  return Object.assign(find, { unwraps: () => unwraps });
}

/** Remembers answers of private keys, so that a hundred thousand openings cost no elliptic curve each. */
export function remembered(...people: readonly Person[]): FindKey {
  const find = keysOf(...people);
  const known = new Map<string, Promise<Uint8Array>>();
  return async (ref) => {
    const handle = await find(ref);
    if (handle === undefined) return undefined;
    return {
      ...handle,
      async unwrap(request) {
        const id = createHash("sha256")
          .update(ref.spkiS256!)
          .update(JSON.stringify(request, (_, v) => (v instanceof Uint8Array ? Buffer.from(v).toString("hex") : v)))
          .digest("hex");
        let answer = known.get(id);
        if (answer === undefined) known.set(id, (answer = handle.unwrap(request)));
        return (await answer).slice();
      },
    };
  };
}
