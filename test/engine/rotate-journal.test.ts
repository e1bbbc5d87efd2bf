import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openJournal } from "../../src/engine/rotate-journal.ts";
import { withFileOperations } from "../../src/source/file-operations.ts";
import { failure } from "../helpers/errors.ts";
import { type Fault, faultyDisk } from "../helpers/faulty-disk.ts";
import { temporaryFolders } from "../helpers/temp.ts";

const folders = temporaryFolders();

describe("a journal of rotations", () => {
  it("makes its name durable before the work begins, once", async () => {
    const path = join(await folders(), "journal.jsonl");
    const begin = async (fault?: Fault) => {
      const disk = faultyDisk(fault);
      await withFileOperations(disk, async () => (await openJournal(path, "job")).close());
      return disk.calls;
    };
    await failure("SINK_WRITE", () => begin({ kind: "EIO", at: 2 }));
    expect(await begin()).toEqual(["open", "write", "sync", "open", "sync", "close", "close"]);
    expect(await begin()).toEqual(["open", "write", "sync", "close"]);
  });
});
