import type { KeychainAlgorithm, KeychainCalls, KeychainResult } from "./keychain-calls.ts";
import {
  addressOf,
  copyBytes,
  type Ffi,
  type FfiFunction,
  inBackground,
  loadFfi,
  loadLibrary,
} from "./native-library.ts";
import type { Address } from "./windows-calls.ts";

/** Where the calls are; a test puts a double in their place. */
export interface KeychainLibraries {
  readonly security: string;
  readonly coreFoundation: string;
}

const FRAMEWORKS = "/System/Library/Frameworks";
const SYSTEM: KeychainLibraries = {
  security: `${FRAMEWORKS}/Security.framework/Security`,
  coreFoundation: `${FRAMEWORKS}/CoreFoundation.framework/CoreFoundation`,
};

/**
 * Security.framework through koffi.
 * @throws `KEY_PROVIDER_UNAVAILABLE` without koffi, `KEY_MODULE_LOAD`
 */
export async function keychainCalls(libraries: KeychainLibraries = SYSTEM): Promise<KeychainCalls> {
  return bind(await loadFfi(), libraries);
}

function bind(ffi: Ffi, libraries: KeychainLibraries): KeychainCalls {
  const security = loadLibrary(ffi, libraries.security);
  const core = loadLibrary(ffi, libraries.coreFoundation);
  const REF = ffi.pointer(ffi.opaque());
  const OUT_REF = ffi.out(ffi.pointer(REF));
  const STATUS = "int32";
  const INDEX = "int64";
  const BOOLEAN = "uint8";

  const release = core.func("CFRelease", "void", [REF]);
  const dataCreate = core.func("CFDataCreate", REF, [REF, ffi.pointer("uint8"), INDEX]);
  const dataLength = core.func("CFDataGetLength", INDEX, [REF]);
  const dataBytes = core.func("CFDataGetBytePtr", REF, [REF]);
  const arrayCount = core.func("CFArrayGetCount", INDEX, [REF]);
  const arrayAt = core.func("CFArrayGetValueAtIndex", REF, [REF, INDEX]);
  const retain = core.func("CFRetain", REF, [REF]);
  const dictionary = core.func("CFDictionaryCreateMutable", REF, [REF, INDEX, REF, REF]);
  const setValue = core.func("CFDictionarySetValue", "void", [REF, REF, REF]);
  const getValue = core.func("CFDictionaryGetValue", REF, [REF, REF]);
  const booleanValue = core.func("CFBooleanGetValue", BOOLEAN, [REF]);
  const errorCode = core.func("CFErrorGetCode", INDEX, [REF]);
  const copyMatching = security.func("SecItemCopyMatching", STATUS, [REF, OUT_REF]);
  const identityCertificate = security.func("SecIdentityCopyCertificate", STATUS, [REF, OUT_REF]);
  const identityKey = security.func("SecIdentityCopyPrivateKey", STATUS, [REF, OUT_REF]);
  const certificateData = security.func("SecCertificateCopyData", REF, [REF]);
  const attributes = security.func("SecKeyCopyAttributes", REF, [REF]);
  const algorithmSupported = security.func("SecKeyIsAlgorithmSupported", BOOLEAN, [REF, INDEX, REF]);
  const createDecrypted = security.func("SecKeyCreateDecryptedData", REF, [REF, REF, REF, OUT_REF]);
  const createSignature = security.func("SecKeyCreateSignature", REF, [REF, REF, REF, OUT_REF]);

  /** The constants are variables that hold a reference. */
  const constant = (library: typeof security, name: string) => ffi.decode(library.symbol(name), REF);
  const operations = { sign: 0, decrypt: 3 } as const;

  const takeData = (data: unknown): Uint8Array => {
    const bytes = copyBytes(ffi, dataBytes(data), Number(dataLength(data)));
    release(data);
    return bytes;
  };
  const operate = async (
    call: FfiFunction,
    key: Address,
    algorithm: KeychainAlgorithm,
    data: Uint8Array,
  ): Promise<KeychainResult> => {
    const input = dataCreate(null, data, data.byteLength);
    const failed: unknown[] = [null];
    const result = await inBackground(call, key, constant(security, algorithm), input, failed);
    release(input);
    if (addressOf(result) !== 0n) return { bytes: takeData(result) };
    const error = failed[0];
    if (addressOf(error) === 0n) return { error: -1 };
    const code = Number(errorCode(error));
    release(error);
    return { error: code };
  };

  return {
    copyIdentities() {
      // Without retaining call-backs: the constants outlive the query.
      const query = dictionary(null, 0, null, null);
      const set = (name: string, value: unknown) => setValue(query, constant(security, name), value);
      set("kSecClass", constant(security, "kSecClassIdentity"));
      set("kSecReturnRef", constant(core, "kCFBooleanTrue"));
      set("kSecMatchLimit", constant(security, "kSecMatchLimitAll"));
      const found: unknown[] = [null];
      const status = Number(copyMatching(query, found));
      release(query);
      if (status !== 0) return { identities: [], status };
      const count = Number(arrayCount(found[0]));
      const identities = Array.from({ length: count }, (_, i) => addressOf(retain(arrayAt(found[0], i))));
      release(found[0]);
      return { identities, status };
    },
    certificateBytes(identity) {
      const certificate: unknown[] = [null];
      if (Number(identityCertificate(identity, certificate)) !== 0) return new Uint8Array(0);
      const bytes = takeData(certificateData(certificate[0]));
      release(certificate[0]);
      return bytes;
    },
    copyPrivateKey(identity) {
      const key: unknown[] = [null];
      const status = Number(identityKey(identity, key));
      return { key: addressOf(key[0]), status };
    },
    isExtractable(key) {
      const all = attributes(key);
      if (addressOf(all) === 0n) return undefined;
      const value = getValue(all, constant(security, "kSecAttrIsExtractable"));
      const extractable = addressOf(value) === 0n ? undefined : Number(booleanValue(value)) !== 0;
      release(all);
      return extractable;
    },
    isSupported: (key, operation, algorithm) =>
      Number(algorithmSupported(key, operations[operation], constant(security, algorithm))) !== 0,
    decrypt: (key, algorithm, data) => operate(createDecrypted, key, algorithm, data),
    sign: (key, algorithm, data) => operate(createSignature, key, algorithm, data),
    release: (reference) => void release(reference),
  };
}
