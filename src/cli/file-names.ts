import { realpath, stat } from "node:fs/promises";

/** Each file once, by the first of the names that lead to it. */
export async function eachOnce(names: readonly string[]): Promise<readonly string[]> {
  const met = new Map<string, string>();
  for (const name of names) {
    const path = await realpath(name).catch(() => name);
    if (!met.has(path)) met.set(path, name);
  }
  return [...met.values()];
}

/**
 * Tells of each file that has a name (a hard link) which is not among those given: a file that takes the place of one of
 * its names leaves the other as it was.
 */
export async function otherNames(names: readonly string[], told: (message: string) => void): Promise<void> {
  const files = new Map<string, { readonly name: string; count: number; readonly links: number }>();
  for (const name of names) {
    const state = await stat(name).catch(() => undefined);
    if (state === undefined) continue;
    const id = `${state.dev} ${state.ino}`;
    const met = files.get(id);
    if (met) met.count += 1;
    else files.set(id, { name, count: 1, links: state.nlink });
  }
  for (const { name, count, links } of files.values())
    if (links > count)
      told(`${name} has ${links - count} more names (hard links), which stay as they are: name them too`);
}
