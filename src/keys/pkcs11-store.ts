import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { needs, QErr } from "../errors.ts";
import { DER, der, derOid, octets, readDer } from "./der.ts";
import type { KeyHandle, KeyInfo, KeyRef, KeyStore } from "./keystore.ts";
import { pkcs11Error } from "./pkcs11-errors.ts";
import { privateKey, type TokenKey, type TokenKeyOptions, tokenHandle } from "./pkcs11-key.ts";
import { loadModule, type Pkcs11Module } from "./pkcs11-module.ts";
import { CKA, CKO } from "./pkcs11-numbers.ts";
import { attributes, findObjects, Pkcs11Token, type TokenOptions } from "./pkcs11-token.ts";
import type { Pkcs11Uri } from "./pkcs11-uri.ts";
import { describeKey, parseThumbprint, pick } from "./thumbprint.ts";

const CKF_TOKEN_INITIALIZED = 0x400;

export interface Pkcs11StoreOptions extends TokenOptions, TokenKeyOptions {
  /** Where the URI does not say. */
  readonly modulePath?: string | undefined;
  /** NSS's initialisation string. */
  readonly parameters?: string | undefined;
  /** What the store is called in messages. */
  readonly where?: string | undefined;
}

/**
 * Keys of one token behind a PKCS#11 module. Certificates and public keys are listed without a login; the PIN is asked
 * for when a private key is first used.
 */
export function pkcs11Store(uri: Pkcs11Uri, options: Pkcs11StoreOptions = {}): KeyStore {
  const where = whereOf(uri, options);
  let token: Promise<Pkcs11Token> | undefined;
  let keys: Promise<readonly TokenKey[]> | undefined;
  // What failed is not kept: a token that was away may be there again.
  const connect = () =>
    (token ??= openToken(uri, options, where).catch((error: unknown) => {
      token = undefined;
      throw error;
    }));
  const load = () =>
    (keys ??= connect()
      .then((t) => listKeys(t, uri, where))
      .catch((error: unknown) => {
        keys = undefined;
        throw error;
      }));
  /** Handles of private keys, by CKA_ID in hexadecimal; dropped when the token drops them. */
  const handles = new Map<string, Buffer>();

  return {
    where,
    list: async () => infosOf(await load()),
    find: async (ref) => pick(narrowed(infosOf(await load()), uri), ref, where),
    async open(ref: KeyRef): Promise<KeyHandle> {
      const all = await load();
      const info = pick(narrowed(infosOf(all), uri), ref, where);
      needs(info !== undefined, "KEY_NOT_FOUND", `${where} has no such key`);
      const own = all.find((k) => k.info === info)!;
      const t = await connect();
      const exportable = await t.use("finding the private key", true, async (api, session) => {
        const found = attributes(api, session, privateKey(api, session, own, handles, options), [CKA.extractable]);
        const flag = found.get(CKA.extractable)?.[0];
        return flag === undefined ? undefined : flag === 1;
      });
      return { ...tokenHandle(t, own, handles, options), exportable };
    },
    async close() {
      if (token) (await token.catch(() => undefined))?.close();
      token = undefined;
      keys = undefined;
    },
  };
}

function infosOf(keys: readonly TokenKey[]): readonly KeyInfo[] {
  return keys.map((k) => k.info);
}

/** What a store of such a URI is called in messages. */
export function whereOf(uri: Pkcs11Uri, options: Pick<Pkcs11StoreOptions, "where">): string {
  return options.where ?? `pkcs11:${uri.token === undefined ? "" : `token=${encodeURIComponent(uri.token)}`}`;
}

/** The keys that a thumbprint in the URI leaves. */
export function narrowed(infos: readonly KeyInfo[], uri: Pkcs11Uri): readonly KeyInfo[] {
  const ref = uri.thumbprint === undefined ? undefined : parseThumbprint(uri.thumbprint);
  return infos.filter((info) => ref === undefined || pick([info], ref, "") !== undefined);
}

async function openToken(uri: Pkcs11Uri, options: Pkcs11StoreOptions, where: string): Promise<Pkcs11Token> {
  const path = uri.modulePath ?? options.modulePath;
  needs(path !== undefined, "KEY_REFERENCE", "no PKCS#11 module is named", {
    hint: "add ?module-path=/path/to/module.so to the URI, or set QVAULT_PKCS11_MODULE",
  });
  const module = await loadModule(path, options.parameters);
  const found = slotsOf(module).filter(
    (s) =>
      (uri.token === undefined || uri.token === s.label) &&
      (uri.serial === undefined || uri.serial === s.serial) &&
      (uri.manufacturer === undefined || uri.manufacturer === s.manufacturer) &&
      (uri.model === undefined || uri.model === s.model) &&
      (uri.slotId === undefined || uri.slotId === s.number),
  );
  needs(found.length > 0, "KEY_TOKEN_NOT_PRESENT", `${where}: there is no such token`);
  needs(found.length === 1, "KEY_AMBIGUOUS", `${where}: ${found.length} tokens match`, {
    hint: "name one with token= or serial=",
  });
  return new Pkcs11Token(module, found[0]!.slot, found[0]!.label, options);
}

function slotsOf({ api }: Pkcs11Module) {
  try {
    return api.C_GetSlotList(true).flatMap((slot) => {
      const info = api.C_GetTokenInfo(slot);
      const trim = (text: string) => text.replaceAll("\0", " ").trimEnd();
      const label = trim(info.label);
      // A token that was never set up has no label and no keys: it must not make the only other one ambiguous.
      if (label === "" && (info.flags & CKF_TOKEN_INITIALIZED) === 0) return [];
      return [
        {
          slot,
          number: slot.readUInt32LE(0),
          label,
          serial: trim(info.serialNumber),
          manufacturer: trim(info.manufacturerID),
          model: trim(info.model),
        },
      ];
    });
  } catch (error) {
    throw pkcs11Error(error, "listing tokens");
  }
}

function listKeys(token: Pkcs11Token, uri: Pkcs11Uri, where: string): Promise<readonly TokenKey[]> {
  return token.use("listing certificates", false, async (api, session) => {
    const keys: TokenKey[] = [];
    const wanted = (found: ReadonlyMap<number, Buffer>) =>
      (uri.id === undefined || Buffer.from(uri.id).equals(found.get(CKA.id) ?? Buffer.alloc(0))) &&
      (uri.object === undefined || uri.object === found.get(CKA.label)?.toString("utf8"));
    const add = (found: ReadonlyMap<number, Buffer>, source: Parameters<typeof describeKey>[0] | undefined) => {
      const id = found.get(CKA.id);
      if (id === undefined || source === undefined || !wanted(found)) return;
      try {
        const info = describeKey(source, where, true);
        if (
          !keys.some(
            (k) => k.info.spkiS256 === info.spkiS256 && k.info.x5tS256 !== undefined && info.x5tS256 === undefined,
          )
        )
          keys.push({ info, id });
      } catch (error) {
        if (!(error instanceof QErr)) throw error;
      }
    };
    for (const object of findObjects(api, session, [{ type: CKA.class, value: CKO.certificate }])) {
      const found = attributes(api, session, object, [CKA.id, CKA.label, CKA.value]);
      add(found, certificateOf(found.get(CKA.value)));
    }
    for (const object of findObjects(api, session, [{ type: CKA.class, value: CKO.publicKey }])) {
      const found = attributes(api, session, object, [
        CKA.id,
        CKA.label,
        CKA.modulus,
        CKA.publicExponent,
        CKA.ecParams,
        CKA.ecPoint,
      ]);
      add(found, publicKeyOf(found));
    }
    return keys;
  });
}

function certificateOf(value: Buffer | undefined): { readonly certificate: X509Certificate } | undefined {
  try {
    return value && { certificate: new X509Certificate(value) };
  } catch {
    return undefined;
  }
}

function publicKeyOf(found: ReadonlyMap<number, Buffer>): { readonly publicKey: KeyObject } | undefined {
  const [n, e, params, point] = [CKA.modulus, CKA.publicExponent, CKA.ecParams, CKA.ecPoint].map((type) =>
    found.get(type),
  );
  try {
    if (n && e)
      return {
        publicKey: createPublicKey({
          key: { kty: "RSA", n: n.toString("base64url"), e: e.toString("base64url") },
          format: "jwk",
        }),
      };
    if (!params || !point) return undefined;
    const bits = octets(readDer(point));
    const spki = der(
      DER.sequence,
      der(DER.sequence, derOid("1.2.840.10045.2.1"), params),
      der(DER.bitString, Uint8Array.of(0), bits),
    );
    return { publicKey: createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" }) };
  } catch {
    return undefined;
  }
}
