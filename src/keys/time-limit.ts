import { QErr } from "../errors.ts";

/** Milliseconds that one operation of a token or store may take unless something else is said. */
const DEFAULT_MS = 30_000;

/**
 * Gives up `work` after a time. It cannot be stopped: its result is dropped when it comes.
 * @throws `KEY_TIMEOUT`
 */
export async function withTimeLimit<T>(what: string, limitMs: number | undefined, work: Promise<T>): Promise<T> {
  const limit = limitMs ?? DEFAULT_MS;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new QErr("KEY_TIMEOUT", `${what} took over ${limit} ms`, {
          hint: "the token may be busy or wait for a button; try again later",
        }),
      );
    }, limit);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // What comes late must not end the process as an unhandled rejection.
    work.catch(() => {});
  }
}
