import { createHash } from "node:crypto";
import { needs } from "../errors.ts";
import { COORDINATE_BYTES, type KeyHandle, type KeyInfo, type SignAlg, type UnwrapRequest } from "./keystore.ts";
import {
  ecdhMechanism,
  type Mechanism,
  oaepMechanism,
  type ParameterTypes,
  pssMechanism,
  returnValue,
} from "./pkcs11-guard.ts";
import type { Pkcs11Api } from "./pkcs11-module.ts";
import { CKA, CKK, CKM, CKO } from "./pkcs11-numbers.ts";
import { attributes, findObjects, type Pkcs11Token } from "./pkcs11-token.ts";
import { checkRequest } from "./software.ts";

/** A key of a token: what is known of it, and the CKA_ID that its objects share. */
export interface TokenKey {
  readonly info: KeyInfo;
  readonly id: Buffer;
}

/** How the keys of a token are used. */
export interface TokenKeyOptions {
  /** Work on a copy of the key in the session: NSS otherwise derives its password key at each use (39 ms). */
  readonly copyKeys?: boolean | undefined;
}

/** The handle of the private key with the same CKA_ID, from the cache or the token. */
export function privateKey(
  api: Pkcs11Api,
  session: Buffer,
  key: TokenKey,
  handles: Map<string, Buffer>,
  options: TokenKeyOptions,
): Buffer {
  const name = key.id.toString("hex");
  const known = handles.get(name);
  if (known) return known;
  const [found] = findObjects(api, session, [
    { type: CKA.class, value: CKO.privateKey },
    { type: CKA.id, value: key.id },
  ]);
  needs(
    found !== undefined,
    "KEY_NO_PRIVATE_KEY",
    `the token has the certificate of ${key.info.label}, without its private key`,
  );
  const handle = options.copyKeys ? sessionCopy(api, session, found) : found;
  handles.set(name, handle);
  return handle;
}

function sessionCopy(api: Pkcs11Api, session: Buffer, key: Buffer): Buffer {
  try {
    return api.C_CopyObject(session, key, [{ type: CKA.token, value: false }]);
  } catch {
    return key;
  }
}

/** A handle on a private key in a token. */
export function tokenHandle(
  token: Pkcs11Token,
  key: TokenKey,
  handles: Map<string, Buffer>,
  options: TokenKeyOptions,
): KeyHandle {
  const { info } = key;
  const { types } = token.module;
  const run = <T>(
    what: string,
    unwrapping: boolean,
    work: (api: Pkcs11Api, session: Buffer, handle: Buffer) => Promise<T>,
  ): Promise<T> =>
    token.use(
      what,
      true,
      async (api, session) => {
        try {
          return await work(api, session, privateKey(api, session, key, handles, options));
        } catch (error) {
          // A handle that went stale is looked up again when the token tries a second time.
          if ([0x82, 0x60, 0x101, 0xb3].includes(returnValue(error) ?? -1)) handles.clear();
          throw error;
        }
      },
      unwrapping,
    );

  return {
    info,
    async unwrap(request) {
      checkRequest(info, request);
      return run(request.alg === "ECDH-ES" ? "key agreement" : "unwrapping", true, (api, session, handle) =>
        request.alg === "ECDH-ES"
          ? agree(token, api, session, handle, request)
          : decrypt(token, api, session, handle, request),
      );
    },
    async sign(alg, data) {
      return run("signing", false, async (api, session, handle) => {
        const { mechanism, input } = signing(alg, data, types);
        await begin(token, api, session, handle, () => api.C_SignInit(session, mechanism, handle));
        return new Uint8Array(await api.C_SignAsync(session, input, Buffer.alloc(Math.max(1024, info.bits / 8))));
      });
    },
    async close() {},
  };
}

function signing(
  alg: SignAlg,
  data: Uint8Array,
  types: ParameterTypes,
): { readonly mechanism: Mechanism; readonly input: Buffer } {
  if (alg === "PS256") {
    return { mechanism: pssMechanism(types), input: Buffer.from(data) };
  }
  // Some tokens hash for ECDSA and some do not; all sign a hash.
  const hash = { ES256: "sha256", ES384: "sha384", ES512: "sha512" }[alg];
  return { mechanism: { mechanism: CKM.ecdsa }, input: createHash(hash).update(data).digest() };
}

async function decrypt(
  token: Pkcs11Token,
  api: Pkcs11Api,
  session: Buffer,
  key: Buffer,
  request: Exclude<UnwrapRequest, { readonly alg: "ECDH-ES" }>,
): Promise<Uint8Array> {
  const mechanism = oaepMechanism(token.module.types, request.alg);
  const encrypted = Buffer.from(request.encryptedKey);
  const usage = attributes(api, session, key, [CKA.decrypt, CKA.unwrap]);
  const may = (type: number) => usage.get(type)?.[0] === 1;
  if (!may(CKA.decrypt) && may(CKA.unwrap)) return unwrapInToken(api, session, key, mechanism, encrypted);
  await begin(token, api, session, key, () => api.C_DecryptInit(session, mechanism, key));
  const plain = await api.C_DecryptAsync(session, encrypted, Buffer.alloc(encrypted.byteLength));
  const own = new Uint8Array(plain);
  plain.fill(0);
  return own;
}

/** For keys that may unwrap and not decrypt: the key that comes out is read and destroyed. */
async function unwrapInToken(
  api: Pkcs11Api,
  session: Buffer,
  key: Buffer,
  mechanism: Mechanism,
  encrypted: Buffer,
): Promise<Uint8Array> {
  const secret = await api.C_UnwrapKeyAsync(session, mechanism, key, encrypted, secretTemplate(CKK.aes));
  return takeValue(api, session, secret);
}

async function agree(
  token: Pkcs11Token,
  api: Pkcs11Api,
  session: Buffer,
  key: Buffer,
  request: Extract<UnwrapRequest, { readonly alg: "ECDH-ES" }>,
): Promise<Uint8Array> {
  const { curve, point } = request.ephemeral;
  const mechanism = ecdhMechanism(token.module.types, point);
  const template = [...secretTemplate(CKK.genericSecret), { type: CKA.valueLen, value: COORDINATE_BYTES[curve] }];
  const secret = await api.C_DeriveKeyAsync(session, mechanism, key, template);
  return takeValue(api, session, secret);
}

function secretTemplate(keyType: number) {
  return [
    { type: CKA.class, value: CKO.secretKey },
    { type: CKA.keyType, value: keyType },
    { type: CKA.token, value: false },
    { type: CKA.sensitive, value: false },
    { type: CKA.extractable, value: true },
  ];
}

function takeValue(api: Pkcs11Api, session: Buffer, object: Buffer): Uint8Array {
  try {
    const value = api.C_GetAttributeValue(session, object, [{ type: CKA.value }])[0]!.value;
    const own = new Uint8Array(value);
    value.fill(0);
    return own;
  } finally {
    api.C_DestroyObject(session, object);
  }
}

/** Begins an operation; keys with CKA_ALWAYS_AUTHENTICATE want the PIN between Init and the operation, each time. */
async function begin(
  token: Pkcs11Token,
  api: Pkcs11Api,
  session: Buffer,
  key: Buffer,
  init: () => void,
): Promise<void> {
  const always = attributes(api, session, key, [CKA.alwaysAuthenticate]).get(CKA.alwaysAuthenticate)?.[0] === 1;
  if (always) await token.contextLogin(session, init);
  else init();
}
