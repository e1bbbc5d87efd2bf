import { chmod, lstat, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fileSink, type SinkStep } from "../../src/source/file-sink.ts";
import { memorySink } from "../../src/source/sink.ts";
import { failure } from "../helpers/errors.ts";
import { temporaryFolders } from "../helpers/temp.ts";

const temporaryFolder = temporaryFolders();
const OLD = "what was there";
const NEW = new TextEncoder().encode("what comes");
const text = (path: string) => readFile(path, "utf8");

describe("a file sink", () => {
  it("shows nothing under the final name before commit, and leaves only the target after it", async () => {
    const folder = await temporaryFolder();
    const sink = await fileSink(join(folder, "out"));
    await sink.write(NEW);
    const during = await readdir(folder);
    expect(during.length).toBe(1);
    expect(during[0]).toMatch(/^\.out\.[0-9a-f]{12}\.tmp$/);
    await sink.commit();
    expect(await readdir(folder)).toEqual(["out"]);
    expect(await text(join(folder, "out"))).toBe("what comes");
  });

  it("writes at a place without moving where writing goes on", async () => {
    const path = join(await temporaryFolder(), "out");
    for (const sink of [await fileSink(path), memorySink()]) {
      await sink.write(Uint8Array.of(1, 2, 3));
      await sink.writeAt(6, Uint8Array.of(7));
      await sink.writeAt(0, Uint8Array.of(9));
      await sink.write(Uint8Array.of(4));
      await sink.commit();
      const bytes = "result" in sink ? (sink as ReturnType<typeof memorySink>).result() : await readFile(path);
      expect([...bytes]).toEqual([9, 2, 3, 4, 0, 0, 7]);
    }
  });

  it("does not overwrite without force, and says what to do", async () => {
    const path = join(await temporaryFolder(), "out");
    await writeFile(path, OLD);
    const error = await failure("SINK_EXISTS", () => fileSink(path));
    expect(error.hint).toContain("--force");
    expect(await text(path)).toBe(OLD);
  });

  it("keeps the mode of the file it replaces", async () => {
    const path = join(await temporaryFolder(), "out");
    await writeFile(path, OLD);
    for (const mode of [0o600, 0o640, 0o755, 0o444]) {
      await chmod(path, mode);
      const sink = await fileSink(path, { force: true });
      await sink.write(NEW);
      await sink.commit();
      expect(((await lstat(path)).mode & 0o7777).toString(8)).toBe(mode.toString(8));
      expect(await text(path)).toBe("what comes");
    }
  });

  it("leaves the temporary file as closed to others as the target was", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "out"), OLD, { mode: 0o600 });
    const sink = await fileSink(join(folder, "out"), { force: true });
    const temporary = (await readdir(folder)).find((name) => name.endsWith(".tmp"))!;
    expect((await lstat(join(folder, temporary))).mode & 0o777).toBe(0o600);
    await sink.abort();
  });

  it("refuses a folder, and a folder that is not there", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "sub"));
    await failure("SINK_EXISTS", () => fileSink(join(folder, "sub")));
    await failure("SINK_WRITE", () => fileSink(join(folder, "sub"), { force: true }));
    await failure("SINK_WRITE", () => fileSink(join(folder, "absent", "out")));
  });

  it("lets one of two writers win, never both", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "out");
    const sinks = await Promise.all(["a", "b", "c"].map(async (name) => ({ name, sink: await fileSink(path) })));
    for (const { name, sink } of sinks) await sink.write(new TextEncoder().encode(name));
    const ends = await Promise.allSettled(sinks.map(({ sink }) => sink.commit()));
    expect(ends.filter((end) => end.status === "fulfilled").length).toBe(1);
    const winner = sinks[ends.findIndex((end) => end.status === "fulfilled")]!.name;
    expect(await text(path)).toBe(winner);
    expect(await readdir(folder)).toEqual(["out"]);
    for (const end of ends) if (end.status === "rejected") expect(end.reason.code).toBe("SINK_EXISTS");
  });

  it("does not follow a link that appeared under the target's name", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "elsewhere"), OLD);
    const sink = await fileSink(join(folder, "out"));
    await sink.write(NEW);
    await symlink(join(folder, "elsewhere"), join(folder, "out"));
    await failure("SINK_EXISTS", () => sink.commit());
    expect(await text(join(folder, "elsewhere"))).toBe(OLD);
    expect((await readdir(folder)).sort()).toEqual(["elsewhere", "out"]);
  });

  for (const step of ["create", "write", "sync", "rename"] as const satisfies SinkStep[]) {
    for (const force of [false, true]) {
      it(`a fault at ${step} ${force ? "leaves the original untouched" : "leaves nothing"}`, async () => {
        const folder = await temporaryFolder();
        const path = join(folder, "out");
        if (force) await writeFile(path, OLD);
        const work = async () => {
          const sink = await fileSink(path, { force }, (at) => {
            if (at === step) throw Object.assign(new Error("disk full"), { code: "ENOSPC" });
          });
          await sink.write(NEW);
          await sink.commit();
        };
        const error = await failure("SINK_WRITE", work);
        expect(error.message).toContain("ENOSPC");
        expect(await readdir(folder)).toEqual(force ? ["out"] : []);
        if (force) expect(await text(path)).toBe(OLD);
      });
    }
  }

  it("a fault behind the rename is an error, and the target is the whole new file", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "out");
    const steps: SinkStep[] = [];
    const sink = await fileSink(path, {}, (at) => {
      steps.push(at);
      if (at === "sync-directory") throw Object.assign(new Error("x"), { code: "EIO" });
    });
    await sink.write(NEW);
    await failure("SINK_WRITE", () => sink.commit());
    expect(steps).toEqual(["create", "write", "sync", "rename", "sync-directory"]);
    expect(await readdir(folder)).toEqual(["out"]);
    expect(await text(path)).toBe("what comes");
  });

  it("abort drops everything, at any time and more than once; nothing is written after an end", async () => {
    const folder = await temporaryFolder();
    const sink = await fileSink(join(folder, "out"));
    await sink.write(NEW);
    await sink.abort();
    await sink.abort();
    expect(await readdir(folder)).toEqual([]);
    await failure("SINK_WRITE", () => sink.write(NEW));
    await failure("SINK_WRITE", () => sink.commit());
    const other = await fileSink(join(folder, "out"));
    await other.commit();
    await other.abort();
    await failure("SINK_WRITE", () => other.write(NEW));
    await failure("SINK_WRITE", () => other.commit());
    expect(await readdir(folder)).toEqual(["out"]);
  });
});

describe("a memory sink", () => {
  it("copies what it is given and has a result only after commit", async () => {
    const sink = memorySink();
    const piece = Uint8Array.of(1, 2);
    await sink.write(piece);
    piece.fill(9);
    expect(() => sink.result()).toThrow(TypeError);
    await sink.commit();
    expect([...sink.result()]).toEqual([1, 2]);
  });
});
