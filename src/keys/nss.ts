import { existsSync } from "node:fs";
import { needs } from "../errors.ts";
import { type TokenStoreOptions, tokenStore } from "./isolated-store.ts";
import type { KeyStore } from "./keystore.ts";

/** Where distributions keep NSS's soft token. */
const SOFTOKN = [
  "/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
  "/usr/lib/x86_64-linux-gnu/nss/libsoftokn3.so",
  "/usr/lib/aarch64-linux-gnu/libsoftokn3.so",
  "/usr/lib64/libsoftokn3.so",
  "/usr/lib/libsoftokn3.so",
];

/** The token of an NSS database; its other one does hashes and ciphers. */
const TOKEN = "NSS Certificate DB";

/**
 * An NSS database (`certutil -N -d sql:DIR`), opened read-only in this process.
 * @param directory where cert9.db and key4.db are
 * @throws `KEY_STORE_NOT_FOUND` without a database; `KEY_PROVIDER_UNAVAILABLE` without NSS
 */
export function nssStore(
  directory: string,
  options: TokenStoreOptions & { readonly thumbprint?: string | undefined } = {},
): KeyStore {
  needs(existsSync(`${directory}/key4.db`), "KEY_STORE_NOT_FOUND", `there is no NSS database in ${directory}`);
  // The directory stands inside quotes of NSS's own parameter syntax.
  needs(!/['"\\]/.test(directory), "KEY_REFERENCE", "the path of an NSS database must have no quotes");
  const modulePath = options.modulePath ?? SOFTOKN.find((path) => existsSync(path));
  needs(modulePath !== undefined, "KEY_PROVIDER_UNAVAILABLE", "NSS (libsoftokn3) is not installed", {
    hint: "apt-get install libnss3",
  });
  return tokenStore(
    { token: TOKEN, thumbprint: options.thumbprint },
    {
      ...options,
      modulePath,
      copyKeys: true,
      where: `nss:${directory}`,
      parameters: `configdir='sql:${directory}' certPrefix='' keyPrefix='' secmod='secmod.db' flags=readOnly`,
    },
  );
}
