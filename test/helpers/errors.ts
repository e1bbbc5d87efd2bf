import { expect } from "vitest";
import { type ErrorCode, isQErr, type QErr } from "../../src/errors.ts";

/** Runs `work`, which must fail with a QErr of that code, and returns the error. */
export async function failure(code: ErrorCode, work: () => unknown): Promise<QErr> {
  let caught: unknown;
  try {
    await work();
  } catch (error) {
    caught = error;
  }
  if (caught === undefined) throw new Error(`${code} was expected, but nothing failed`);
  if (!isQErr(caught)) throw caught;
  expect(`${caught.code}: ${caught.message}`).toMatch(new RegExp(`^${code}: `));
  return caught;
}

/** What an error says by code and place, and the numbers that its message names. */
function toldBy(error: unknown) {
  if (!isQErr(error)) throw error;
  const { code, part, offset, length, message } = error;
  return { code, part, offset, length, numbers: (message.match(/\d+/g) ?? []).map(Number) };
}

/** What `work` gives, or what its error says. */
export function said<T>(work: () => T): T | ReturnType<typeof toldBy> {
  try {
    return work();
  } catch (error) {
    return toldBy(error);
  }
}

/** {@link said} of work that takes its time. */
export async function saidLater<T>(work: () => Promise<T>): Promise<T | ReturnType<typeof toldBy>> {
  return work().catch(toldBy);
}
