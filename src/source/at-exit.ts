import { rmSync } from "node:fs";

// State of the module: it is the process that ends, and one listener is enough for all of its files.
const names = new Set<string>();
let listens = false;

/**
 * Has a file or folder of our own removed if the process ends before {@link staysAtExit}: by an interrupt, say, but not
 * by a kill, after which the next run clears up. In a thread that the process does not wait for nothing is removed.
 */
export function goesAtExit(path: string): void {
  names.add(path);
  if (listens) return;
  listens = true;
  process.on("exit", () => {
    for (const name of names) {
      try {
        rmSync(name, { recursive: true, force: true });
      } catch {
        // For the next run.
      }
    }
  });
}

/** What is done, or gone. */
export function staysAtExit(path: string): void {
  names.delete(path);
}
