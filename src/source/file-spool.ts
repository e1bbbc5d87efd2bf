import { tmpdir } from "node:os";
import { join } from "node:path";
import { QErr } from "../errors.ts";
import { systemCode } from "./file.ts";
import { fileOperations, SYSTEM_BYTES, writeAll } from "./file-operations.ts";
import type { Spool } from "./spool.ts";
import { clearLeftovers, temporaryName } from "./temporary.ts";

/**
 * A spool in a private temporary file (mode 0600) that has no name while it is used, where the system allows it: it
 * disappears with the process, however that ends. Reading throws `SOURCE_SHORT` behind the end.
 * @throws `SINK_WRITE` if there is no room or no permission
 */
export async function fileSpool(directory = tmpdir()): Promise<Spool> {
  const failed = (cause: unknown) =>
    new QErr("SINK_WRITE", `temporary space in ${directory} cannot be used (${systemCode(cause)})`, {
      cause,
      hint: "set TMPDIR to a folder with room",
    });
  const operations = fileOperations();
  const name = join(directory, "qvault-spool");
  await clearLeftovers(name);
  const path = await temporaryName(name);
  const handle = await operations.open(path, "wx+", 0o600).catch((cause: unknown) => {
    throw failed(cause);
  });
  // On Windows an open file cannot be unlinked; there it goes at close.
  const unlinked = process.platform !== "win32";
  if (unlinked) {
    await operations.unlink(path).catch(async (cause: unknown) => {
      await handle.close().catch(() => {});
      throw failed(cause);
    });
  }
  let end = 0;
  return {
    async append(bytes) {
      const offset = end;
      await writeAll(handle, bytes, offset).catch((cause: unknown) => {
        throw failed(cause);
      });
      end = offset + bytes.byteLength;
      return offset;
    },
    async readInto(offset, target) {
      for (let at = 0; at < target.byteLength; ) {
        const length = Math.min(SYSTEM_BYTES, target.byteLength - at);
        const { bytesRead } = await handle.read(target, at, length, offset + at).catch((cause: unknown) => {
          throw new QErr("SOURCE_READ", `temporary space cannot be read (${systemCode(cause)})`, { cause });
        });
        if (bytesRead === 0) throw new QErr("SOURCE_SHORT", "temporary space became shorter");
        at += bytesRead;
      }
    },
    async close() {
      await handle.close();
      if (!unlinked) await operations.unlink(path);
    },
  };
}
