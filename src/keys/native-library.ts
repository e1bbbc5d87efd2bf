import { QErr } from "../errors.ts";
import type { Address } from "./windows-calls.ts";

/** What of koffi is used; it is loaded only where a native store is opened. */
export interface Ffi {
  load(path: string): FfiLibrary;
  struct(members: Readonly<Record<string, unknown>>): unknown;
  pointer(type: unknown): unknown;
  opaque(): unknown;
  out(type: unknown): unknown;
  inout(type: unknown): unknown;
  decode(address: unknown, type: unknown): unknown;
  view(address: unknown, length: number): ArrayBuffer;
}

export interface FfiLibrary {
  func(name: string, result: unknown, parameters: readonly unknown[]): FfiFunction;
  func(convention: string, name: string, result: unknown, parameters: readonly unknown[]): FfiFunction;
  symbol(name: string): unknown;
}

export interface FfiFunction {
  (...values: readonly unknown[]): unknown;
  async(...values: readonly unknown[]): void;
}

/** @throws `KEY_PROVIDER_UNAVAILABLE` without koffi */
export async function loadFfi(): Promise<Ffi> {
  const binding = await import("koffi").catch((cause: unknown) => {
    throw new QErr("KEY_PROVIDER_UNAVAILABLE", "the optional package koffi is not installed, or not for this system", {
      cause,
      hint: "npm install koffi; keys in files and PKCS#11 tokens need nothing of the kind",
    });
  });
  return (binding.default ?? binding) as unknown as Ffi;
}

/** @throws `KEY_MODULE_LOAD` */
export function loadLibrary(ffi: Ffi, path: string): FfiLibrary {
  try {
    return ffi.load(path);
  } catch (cause) {
    throw new QErr("KEY_MODULE_LOAD", `the system library ${path} cannot be loaded`, { cause });
  }
}

/** A pointer as koffi gives it, NULL included. */
export function addressOf(value: unknown): Address {
  return typeof value === "bigint" ? value : typeof value === "number" ? BigInt(value) : 0n;
}

/** A copy of `length` bytes at a native address. */
export function copyBytes(ffi: Ffi, address: unknown, length: number): Uint8Array {
  return addressOf(address) === 0n || length === 0
    ? new Uint8Array(0)
    : new Uint8Array(ffi.view(address, length)).slice();
}

/** Calls on another thread. */
export function inBackground(call: FfiFunction, ...values: readonly unknown[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    call.async(...values, (error: unknown, result: unknown) => (error ? reject(error) : resolve(result)));
  });
}
