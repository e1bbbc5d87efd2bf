import { homedir } from "node:os";
import { needs, QErr } from "../errors.ts";
import { dotnetStorePath, type FileStoreOptions, fileStore } from "./file-store.ts";
import { keychainCalls } from "./keychain-library.ts";
import { keychainStore } from "./keychain-store.ts";
import type { KeyStore } from "./keystore.ts";
import { windowsCalls } from "./windows-library.ts";
import { windowsStore } from "./windows-store.ts";

export interface SystemStoreOptions extends FileStoreOptions {
  readonly timeoutMs?: number | undefined;
}

/**
 * `store:CurrentUser/My` and the like: on Windows the certificate store of that name, on Linux .NET's folder of that name.
 * @throws `KEY_PROVIDER_UNAVAILABLE` where there is no such thing, `KEY_REFERENCE`
 */
export function systemStore(
  name: string,
  options: SystemStoreOptions = {},
  platform: NodeJS.Platform = process.platform,
  home = homedir(),
): KeyStore {
  if (platform === "win32") return windowsStore(name, () => windowsCalls(), options);
  needs(
    /^(CurrentUser|LocalMachine)[\\/]\w+$/i.test(name),
    "KEY_REFERENCE",
    "a certificate store is named CurrentUser/My or LocalMachine/My",
  );
  needs(platform !== "darwin", "KEY_PROVIDER_UNAVAILABLE", "macOS has no certificate store of this name", {
    hint: "its own are named keychain:login?thumbprint=…",
  });
  needs(
    /^CurrentUser[\\/]My$/i.test(name),
    "KEY_PROVIDER_UNAVAILABLE",
    `on this system there is no store ${name}, only .NET's CurrentUser/My`,
  );
  return fileStore(dotnetStorePath(home), { ...options, skipUnreadable: true, defaultPassphrase: "" });
}

/** `keychain:login`: the keychains of the user on macOS. Throws `KEY_PROVIDER_UNAVAILABLE` elsewhere. */
export function systemKeychain(
  name: string,
  options: SystemStoreOptions = {},
  platform: NodeJS.Platform = process.platform,
): KeyStore {
  if (platform === "darwin") return keychainStore(name, () => keychainCalls(), options);
  throw new QErr("KEY_PROVIDER_UNAVAILABLE", "a keychain is something that only macOS has", {
    hint: "export certificate and key to a PKCS#12 file (file:key.pfx), or reach them through a PKCS#11 module (pkcs11:)",
  });
}
