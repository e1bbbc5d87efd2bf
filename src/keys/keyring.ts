import { existsSync } from "node:fs";
import { isQErr, needs, QErr } from "../errors.ts";
import { approvedStore } from "./approved.ts";
import { fileStore } from "./file-store.ts";
import { tokenStore } from "./isolated-store.ts";
import type { KeyHandle, KeyInfo, KeyRef, KeyStore } from "./keystore.ts";
import { nssStore } from "./nss.ts";
import { parsePkcs11Uri, yesOrNo } from "./pkcs11-uri.ts";
import { type SecretOptions, type SecretSource, secretSource } from "./secret.ts";
import { systemKeychain, systemStore } from "./system-stores.ts";
import { isThumbprint, parseThumbprint, pick } from "./thumbprint.ts";

export interface KeyringOptions extends SecretOptions {
  /** Where PINs and passphrases come from, if a reference does not say: `env:NAME`, … ; the environment's QVAULT_PIN_FD if left out. */
  readonly pin?: string | undefined;
  /** PKCS#11 module for URIs without `module-path`; the environment's QVAULT_PKCS11_MODULE if left out. */
  readonly modulePath?: string | undefined;
  readonly timeoutMs?: number | undefined;
  /** Run PKCS#11 modules in processes of their own; a reference may say so for itself with `x-isolated=yes`. */
  readonly isolateModule?: boolean | undefined;
  /** Use only what FIPS approves. */
  readonly approvedOnly?: boolean | undefined;
}

/** `CurrentUser/My/THUMBPRINT`, as other programs write it. */
const AS_WINDOWS_SAYS = /^(?:store:)?((?:CurrentUser|LocalMachine)[\\/]\w+)[\\/]([^?]{40,})$/i;

/** A store, and the one key of it that was meant, if the reference said. */
export interface KeyReference {
  readonly store: KeyStore;
  readonly ref: KeyRef | undefined;
}

/**
 * Opens what a user names: `file:PATH?thumbprint=…` or a plain path (PEM, PKCS#12, folder), `pkcs11:…`, `nss:DIR?…`,
 * `store:CurrentUser/My?thumbprint=…`, `keychain:…`. Nothing is read and no PIN asked for before the store is used.
 * @throws `KEY_REFERENCE`, and what the store throws at once
 */
export function openReference(text: string, options: KeyringOptions = {}): KeyReference {
  const reference = openAny(text, options);
  return options.approvedOnly ? { ...reference, store: approvedStore(reference.store) } : reference;
}

function openAny(text: string, options: KeyringOptions): KeyReference {
  const env = options.env ?? process.env;
  const { timeoutMs, approvedOnly } = options;
  if (text.startsWith("pkcs11:")) {
    const uri = parsePkcs11Uri(text);
    const modulePath = options.modulePath ?? env.QVAULT_PKCS11_MODULE;
    const pin = pinOf(options, uri.pinSource);
    const store = tokenStore(uri, { modulePath, pin, timeoutMs, isolated: uri.isolated ?? options.isolateModule });
    return { store, ref: uri.thumbprint === undefined ? undefined : parseThumbprint(uri.thumbprint) };
  }
  needs(!isThumbprint(text), "KEY_REFERENCE", "a thumbprint alone does not say where the key is", {
    hint: "name the store as well: store:CurrentUser/My?thumbprint=…, pkcs11:token=NAME?thumbprint=…, file:FOLDER?thumbprint=…",
  });
  const { scheme, path, query } = split(text.replace(AS_WINDOWS_SAYS, "store:$1?thumbprint=$2"));
  const thumbprint = query.get("thumbprint");
  const known = ["thumbprint", "pin-source", ...(scheme === "nss" ? ["x-isolated"] : [])];
  for (const name of query.keys())
    needs(known.includes(name), "KEY_REFERENCE", `a key reference of this kind has no ${name}`);
  const secret = pinOf(options, query.get("pin-source"));
  const isolated = yesOrNo(query.get("x-isolated")) ?? options.isolateModule;
  const ref = thumbprint === undefined ? undefined : parseThumbprint(thumbprint);
  if (scheme === "nss") return { store: nssStore(path, { pin: secret, timeoutMs, isolated }), ref };
  if (scheme === "store") return { store: systemStore(path, { passphrase: secret, timeoutMs, approvedOnly }), ref };
  if (scheme === "keychain") return { store: systemKeychain(path, { timeoutMs }), ref };
  return { store: fileStore(path, { passphrase: secret, approvedOnly }), ref };
}

function pinOf(options: KeyringOptions, source: string | undefined): SecretSource | undefined {
  const { QVAULT_PIN_FD } = options.env ?? process.env;
  const inherited = QVAULT_PIN_FD === undefined ? undefined : `fd:${QVAULT_PIN_FD}`;
  const text = source ?? options.pin ?? inherited ?? (options.prompt ? "prompt" : undefined);
  return text === undefined ? undefined : secretSource(text, options);
}

function split(text: string): {
  readonly scheme: string;
  readonly path: string;
  readonly query: ReadonlyMap<string, string>;
} {
  const scheme = /^(file|nss|store|keychain):/.exec(text)?.[1];
  // A file whose name has a ? or a colon in it is taken as it is, if it is there.
  if (scheme === undefined && existsSync(text)) return { scheme: "file", path: text, query: new Map() };
  const rest = scheme === undefined ? text : text.slice(scheme.length + 1).replace(/^\/\/(?=\/)/, "");
  const [path = "", query = ""] = rest.split("?");
  needs(path !== "", "KEY_REFERENCE", "a key reference names no file or store");
  return {
    scheme: scheme ?? "file",
    path,
    query: new Map(query === "" ? [] : query.split("&").map((pair) => pairOf(pair))),
  };
}

function pairOf(pair: string): readonly [string, string] {
  const equals = pair.indexOf("=");
  needs(equals > 0, "KEY_REFERENCE", "a key reference has an attribute without value");
  try {
    return [pair.slice(0, equals), decodeURIComponent(pair.slice(equals + 1))];
  } catch {
    throw new QErr("KEY_REFERENCE", "a key reference has a broken percent-encoding");
  }
}

/** Several references as one: the first store that has a key's private half opens it. */
export interface Keyring {
  find(ref: KeyRef): Promise<KeyHandle | undefined>;
  list(): Promise<readonly KeyInfo[]>;
  close(): Promise<void>;
}

export function keyring(references: readonly KeyReference[]): Keyring {
  return {
    async find(wanted) {
      for (const { store, ref } of references) {
        // A certificate may have been renewed around the same key: the public key decides.
        const found = await store.find(wanted.spkiS256 === undefined ? wanted : { spkiS256: wanted.spkiS256 });
        if (found === undefined || !found.hasPrivateKey) continue;
        if (ref !== undefined && pick([found], ref, store.where) === undefined && !(await named(store, ref, found)))
          continue;
        try {
          return await store.open({ spkiS256: found.spkiS256 });
        } catch (error) {
          // The store shows a certificate and has no key for it: another one may.
          if (!isQErr(error) || error.code !== "KEY_NO_PRIVATE_KEY") throw error;
        }
      }
      return undefined;
    },
    async list() {
      const all: KeyInfo[] = [];
      for (const { store } of references) all.push(...(await store.list()));
      return all;
    },
    async close() {
      for (const { store } of references) await store.close();
    },
  };
}

/** True if the thumbprint that the user gave is that of another certificate of the same key. */
async function named(store: KeyStore, ref: KeyRef, found: KeyInfo): Promise<boolean> {
  return (await store.find(ref))?.spkiS256 === found.spkiS256;
}

/**
 * The one key that a reference means: the one it names, or the only one there.
 * @throws `KEY_NOT_FOUND`, `KEY_AMBIGUOUS`
 */
export async function onlyKey({ store, ref }: KeyReference): Promise<KeyInfo> {
  const found = ref ? await store.find(ref) : pick(await store.list(), {}, store.where);
  if (found) return found;
  throw new QErr("KEY_NOT_FOUND", `${store.where} has no such key`);
}
