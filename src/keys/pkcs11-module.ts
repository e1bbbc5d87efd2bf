import { isAbsolute } from "node:path";
import { needs, QErr } from "../errors.ts";
import { pkcs11Error } from "./pkcs11-errors.ts";
import { initialiseArguments, type Mechanism, type ParameterTypes, returnValue } from "./pkcs11-guard.ts";

type Handle = Buffer;

export interface Attribute {
  readonly type: number;
  readonly value?: number | boolean | string | Buffer;
}

/** The calls of pkcs11js that are used. */
export interface Pkcs11Api {
  load(path: string): void;
  C_Initialize(options: { readonly flags?: number; readonly libraryParameters?: string }): void;
  C_GetSlotList(tokenPresent: boolean): Handle[];
  C_GetTokenInfo(slot: Handle): {
    readonly label: string;
    readonly manufacturerID: string;
    readonly model: string;
    readonly serialNumber: string;
    readonly flags: number;
  };
  C_OpenSession(slot: Handle, flags: number): Handle;
  C_CloseSession(session: Handle): void;
  C_Login(session: Handle, user: number, pin?: string): void;
  C_FindObjectsInit(session: Handle, template: readonly Attribute[]): void;
  C_FindObjects(session: Handle, count: number): Handle[];
  C_FindObjectsFinal(session: Handle): void;
  C_GetAttributeValue(
    session: Handle,
    object: Handle,
    template: readonly Attribute[],
  ): { readonly type: number; readonly value: Buffer }[];
  C_DecryptInit(session: Handle, mechanism: Mechanism, key: Handle): void;
  C_DecryptAsync(session: Handle, data: Buffer, out: Buffer): Promise<Buffer>;
  C_UnwrapKeyAsync(
    session: Handle,
    mechanism: Mechanism,
    key: Handle,
    wrapped: Buffer,
    template: readonly Attribute[],
  ): Promise<Handle>;
  C_DeriveKeyAsync(session: Handle, mechanism: Mechanism, key: Handle, template: readonly Attribute[]): Promise<Handle>;
  C_DestroyObject(session: Handle, object: Handle): void;
  C_CopyObject(session: Handle, object: Handle, template: readonly Attribute[]): Handle;
  C_SignInit(session: Handle, mechanism: Mechanism, key: Handle): void;
  C_SignAsync(session: Handle, data: Buffer, out: Buffer): Promise<Buffer>;
}

export interface Pkcs11Module {
  readonly path: string;
  readonly api: Pkcs11Api;
  readonly types: ParameterTypes;
  /** PINs that a token of this module refused, as digests of slot and PIN, with what it said: none is sent twice. */
  readonly refusals: Map<string, QErr>;
}

const ALREADY_INITIALIZED = 0x191;

/**
 * Modules of this process by path and parameters. A module is initialised once and never finalised: login and
 * initialisation are process-wide in PKCS#11, so ending it in one place would end it for all.
 */
const modules = new Map<string, Promise<Pkcs11Module>>();

/**
 * Loads a PKCS#11 module.
 * @param path absolute: nothing is searched for, since loading runs code
 * @param parameters initialisation string of NSS
 * @throws `KEY_PROVIDER_UNAVAILABLE` without pkcs11js; `KEY_MODULE_LOAD`, `KEY_MODULE_INIT`
 */
export function loadModule(path: string, parameters?: string): Promise<Pkcs11Module> {
  const id = `${path}\0${parameters ?? ""}`;
  let found = modules.get(id);
  if (found === undefined) {
    found = load(path, parameters);
    modules.set(id, found);
    // What failed to load may be there at the next try.
    found.catch(() => modules.delete(id));
  }
  return found;
}

async function load(path: string, parameters: string | undefined): Promise<Pkcs11Module> {
  needs(isAbsolute(path), "KEY_REFERENCE", `the PKCS#11 module must be given by its absolute path, not as ${path}`);
  const binding = await import("pkcs11js").catch((cause: unknown) => {
    throw new QErr("KEY_PROVIDER_UNAVAILABLE", "the optional package pkcs11js is not installed or was not built", {
      cause,
      hint: "npm install pkcs11js (it needs a C++ compiler); keys in files need nothing of the kind",
    });
  });
  const library = binding.default ?? binding;
  const api = new library.PKCS11() as unknown as Pkcs11Api;
  try {
    api.load(path);
  } catch (cause) {
    throw new QErr("KEY_MODULE_LOAD", `${path} is no PKCS#11 module that can be loaded`, {
      cause,
      hint: "check the path, and that the module is built for this processor",
    });
  }
  try {
    api.C_Initialize(initialiseArguments(parameters));
  } catch (error) {
    if (returnValue(error) !== ALREADY_INITIALIZED) {
      const { message } = pkcs11Error(error, `initialising ${path}`);
      throw new QErr("KEY_MODULE_INIT", message, {
        hint: "its configuration may be missing, e.g. SOFTHSM2_CONF for SoftHSM",
      });
    }
  }
  const types = { oaep: library.CK_PARAMS_RSA_OAEP, pss: library.CK_PARAMS_RSA_PSS, ecdh: library.CK_PARAMS_EC_DH };
  return { path, api, types, refusals: new Map() };
}
