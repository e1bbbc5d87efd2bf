import type { ErrorCode } from "../../src/errors.ts";

/** One way in which an input can be broken, and what must be said of it. */
export interface Fault {
  readonly name: string;
  readonly code: ErrorCode;
  readonly bytes: () => Uint8Array | Promise<Uint8Array>;
}

/** Faults of one kind of input, and what reads them. */
export interface FaultKind {
  readonly kind: string;
  readonly faults: readonly Fault[];
  /** A sound input of the kind. */
  readonly good: () => Uint8Array | Promise<Uint8Array>;
  /** Reads all of it, or throws. */
  readonly read: (bytes: Uint8Array) => unknown;
  /** Classes of error that may come of it. */
  readonly classes: readonly string[];
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A fault made of text. */
export const textFault = (code: ErrorCode, name: string, text: string): Fault => ({
  code,
  name,
  bytes: () => utf8(text),
});

/** A fault made by changing a JSON value in place. */
export function jsonFault<T>(good: () => T, code: ErrorCode, name: string, edit: (value: T) => unknown): Fault {
  return {
    code,
    name,
    bytes: () => {
      const value = structuredClone(good());
      const whole = JSON.stringify(value);
      const edited = JSON.stringify(edit(value) ?? value);
      if (edited === whole) throw new Error(`the fault "${name}" changes nothing`);
      return utf8(edited);
    },
  };
}
