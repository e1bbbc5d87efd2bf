import { homedir } from "node:os";
import { needs, QErr } from "../errors.ts";
import { dotnetStorePath, type FileStoreOptions, fileStore } from "./file-store.ts";
import type { KeyStore } from "./keystore.ts";

/**
 * `store:CurrentUser/My` and the like. On Linux this is .NET's folder of that name. Windows' and macOS' own stores are
 * reached only through native calls (CNG, Security.framework), for which no binding is part of this package yet: there
 * the error says what works instead. Neither was tried on its system.
 * @param name e.g. `CurrentUser/My`
 * @throws `KEY_PROVIDER_UNAVAILABLE`, `KEY_REFERENCE`
 */
export function systemStore(
  name: string,
  options: FileStoreOptions = {},
  platform: NodeJS.Platform = process.platform,
  home = homedir(),
): KeyStore {
  needs(
    /^(CurrentUser|LocalMachine)\/[A-Za-z]+$/i.test(name),
    "KEY_REFERENCE",
    "a certificate store is named CurrentUser/My or LocalMachine/My",
  );
  if (platform === "win32" || platform === "darwin")
    throw notHere(platform === "win32" ? "the Windows certificate store" : "the macOS keychain");
  needs(
    /^CurrentUser\/My$/i.test(name),
    "KEY_PROVIDER_UNAVAILABLE",
    `on this system there is no store ${name}, only .NET's CurrentUser/My`,
  );
  return fileStore(dotnetStorePath(home), { ...options, skipUnreadable: true, defaultPassphrase: "" });
}

/** `keychain:login`. Errors as {@link systemStore}. */
export function keychainStore(platform: NodeJS.Platform = process.platform): never {
  throw notHere(platform === "darwin" ? "the macOS keychain" : "a keychain, which only macOS has,");
}

function notHere(what: string): QErr {
  return new QErr("KEY_PROVIDER_UNAVAILABLE", `${what} is not available in this build`, {
    hint: "export certificate and key to a PKCS#12 file (file:key.pfx), or reach them through a PKCS#11 module (pkcs11:)",
  });
}
