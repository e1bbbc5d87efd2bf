import { dirname, join } from "node:path";
import { goesAtExit, staysAtExit } from "../source/at-exit.ts";
import { lockName, prefixOf, temporaryName } from "../source/temporary.ts";
import { type Lock, takeLock } from "./file-lock.ts";

/** One rotation at a time on a file. */
export interface RotateLock extends Lock {
  /** The name of the new file in the making; whoever finds this lock after a crash clears it away. */
  readonly temporary: string;
}

/**
 * Locks a file for rotation by `.NAME.lock` beside it; nobody waits for it.
 * @throws `SINK_WRITE` if another process works on the file, or the folder cannot be written
 */
export async function lockForRotation(file: string): Promise<RotateLock> {
  const temporary = await temporaryName(file);
  const stem = join(dirname(file), prefixOf(file));
  const path = lockName(file);
  const lock = await takeLock(path, {
    what: `${file} (it is being rotated)`,
    tries: 0,
    temporary,
    mayRemove: (left) => left.endsWith(".tmp") && dirname(left) === dirname(file) && left.startsWith(stem),
  });
  // Where another container looks, it could not tell that this process is gone.
  goesAtExit(path);
  return {
    temporary,
    async release() {
      staysAtExit(path);
      await lock.release();
    },
  };
}
