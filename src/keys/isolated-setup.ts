import type { Pkcs11StoreOptions } from "./pkcs11-store.ts";
import type { Pkcs11Uri } from "./pkcs11-uri.ts";

/** What a module's process is told at its start, as JSON. */
export interface IsolatedSetup {
  readonly uri: Omit<Pkcs11Uri, "id">;
  /** `id` of the URI, in hexadecimal. */
  readonly id: string | undefined;
  readonly options: Pick<Pkcs11StoreOptions, "modulePath" | "parameters" | "where" | "copyKeys">;
}

export function setupOf(uri: Pkcs11Uri, options: Pkcs11StoreOptions): IsolatedSetup {
  const { id, ...rest } = uri;
  const { modulePath, parameters, where, copyKeys } = options;
  return {
    uri: rest,
    id: id && Buffer.from(id).toString("hex"),
    options: { modulePath, parameters, where, copyKeys },
  };
}

export function uriOf({ uri, id }: IsolatedSetup): Pkcs11Uri {
  return { ...uri, id: id === undefined ? undefined : new Uint8Array(Buffer.from(id, "hex")) };
}
