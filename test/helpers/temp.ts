import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";

/** Temporary folders that are gone after each test. Call once at the top of a test file or suite. */
export function temporaryFolders(): () => Promise<string> {
  let made: string[] = [];
  afterEach(async () => {
    const gone = made;
    made = [];
    for (const folder of gone) await rm(folder, { recursive: true, force: true });
  });
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), "qvault-test-"));
    made.push(folder);
    return folder;
  };
}
