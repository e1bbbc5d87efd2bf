import { createHash, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileOperations } from "./file-operations.ts";
import { isGone, ownerHere, ownerText, parseOwner } from "./process-owner.ts";

/** Bytes of a file's name that go into the name of its temporary file, which systems hold to 255. */
const NAME_BYTES = 150;

/** `.NAME.OWNER.RANDOM.tmp`, beside the file; long names are cut. */
export function prefixOf(path: string): string {
  let name = basename(path);
  while (new TextEncoder().encode(name).byteLength > NAME_BYTES) name = [...name].slice(0, -1).join("");
  return `.${name}.`;
}

/** `.NAME.lock`, beside the file; a long name is cut, and told from others by its hash. */
export function lockName(path: string): string {
  const [name, prefix] = [basename(path), prefixOf(path)];
  const cut = prefix.length < name.length + 2;
  const hash = cut ? `${createHash("sha256").update(name).digest("hex").slice(0, 16)}.` : "";
  return join(dirname(path), `${prefix}${hash}lock`);
}

/** A name beside `path`, hidden, that nobody has and that tells whose it is. */
export async function temporaryName(path: string): Promise<string> {
  const owner = ownerText(await ownerHere());
  return join(dirname(path), `${prefixOf(path)}${owner}.${randomBytes(4).toString("hex")}.tmp`);
}

/**
 * Removes what killed runs left when they were about to make `path`. What a living process makes stays, and so does
 * what another machine left. Failing to look or to remove is no reason not to write.
 */
export async function clearLeftovers(path: string): Promise<void> {
  const folder = dirname(path);
  const prefix = prefixOf(path);
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(prefix) || !name.endsWith(".tmp")) continue;
    const [text, random, ...more] = name.slice(prefix.length, -".tmp".length).split(".");
    const owner = parseOwner(text ?? "");
    if (owner === undefined || random === undefined || more.length > 0) continue;
    if (await isGone(owner, await ownerHere())) {
      await fileOperations()
        .removeAll(join(folder, name))
        .catch(() => {});
    }
  }
}
