import { chmod, lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { withFileOperations } from "../../src/source/file-operations.ts";
import { fileSink } from "../../src/source/file-sink.ts";
import { memorySink } from "../../src/source/sink.ts";
import { failure } from "../helpers/errors.ts";
import { faultyDisk } from "../helpers/faulty-disk.ts";
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
    expect(during[0]).toMatch(/^\.out\.[0-9a-z-]+\.[0-9a-f]{8}\.tmp$/);
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

  it("does not take a folder's name, or a link to a stream of the process, for a file's", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "there"), OLD);
    // As /dev/stdout is one, which as root would become a file.
    await symlink("/proc/self/fd/1", join(folder, "stdout"));
    for (const name of ["new/", "there/", "stdout"]) {
      for (const force of [false, true]) await failure("SINK_WRITE", () => fileSink(`${folder}/${name}`, { force }));
    }
    expect((await readdir(folder)).sort()).toEqual(["stdout", "there"]);
    expect(await text(join(folder, "there"))).toBe(OLD);
    expect((await lstat(join(folder, "stdout"))).isSymbolicLink()).toBe(true);
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

  // What a run without faults does, with the number of each operation.
  const steps = { fresh: ["open", "write", "sync", "close", "link", "unlink"], force: [] as string[] };
  steps.force = ["open", "write", "chmod", "sync", "close", "rename"];
  for (const force of [false, true]) {
    for (const [i, step] of (force ? steps.force : steps.fresh).entries()) {
      if (step === "unlink") continue;
      it(`a fault at ${step} ${force ? "leaves the original untouched" : "leaves nothing"}`, async () => {
        const folder = await temporaryFolder();
        const path = join(folder, "out");
        if (force) await writeFile(path, OLD);
        const disk = faultyDisk({ kind: "ENOSPC", at: i + 1 });
        const work = async () => {
          const sink = await fileSink(path, { force });
          await sink.write(NEW);
          await sink.commit();
        };
        const error = await failure("SINK_WRITE", () => withFileOperations(disk, work));
        expect(disk.calls[i]).toBe(step);
        expect(error.message).toContain("ENOSPC");
        expect(await readdir(folder)).toEqual(force ? ["out"] : []);
        if (force) expect(await text(path)).toBe(OLD);
      });
    }
  }

  it("a fault behind the rename is an error that says so, and the target is the whole new file", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "out");
    const disk = faultyDisk({ kind: "EIO", at: 8 });
    await withFileOperations(disk, async () => {
      const sink = await fileSink(path);
      await sink.write(NEW);
      const error = await failure("SINK_WRITE", () => sink.commit());
      expect(error.message).toContain("is written, but a crash might still undo that (EIO)");
    });
    expect(disk.calls).toEqual([...steps.fresh, "open", "sync", "close"]);
    expect(await readdir(folder)).toEqual(["out"]);
    expect(await text(path)).toBe("what comes");
  });

  it("takes what the system takes, and is not stopped by one that takes nothing and says nothing", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "out");
    const write = async () => {
      const sink = await fileSink(path);
      await sink.write(NEW);
      await sink.commit();
    };
    await failure("SINK_WRITE", () => withFileOperations(faultyDisk({ kind: "nothing", at: 2 }), write));
    expect(await readdir(folder)).toEqual([]);
    const disk = faultyDisk({ kind: "short", at: 2, forEver: true });
    await withFileOperations(disk, write);
    expect(disk.calls.filter((call) => call === "write").length).toBeGreaterThan(2);
    expect(await text(path)).toBe("what comes");
  });

  it("gives the group's rights to no other group, where the group cannot be kept", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "out");
    await writeFile(path, OLD);
    await chmod(path, 0o664);
    const system = faultyDisk();
    const strangers = {
      ...system,
      async open(...args: Parameters<typeof system.open>) {
        const file = await system.open(...args);
        const refuse = async () => {
          throw Object.assign(new Error("not yours"), { code: "EPERM" });
        };
        const stat = async () => Object.assign(await file.stat(), { gid: 4711 });
        return { ...file, stat: stat as typeof file.stat, chown: refuse };
      },
    };
    await withFileOperations(strangers, async () => {
      const sink = await fileSink(path, { force: true });
      await sink.commit();
    });
    expect((await lstat(path)).mode & 0o777).toBe(0o604);
  });

  it("takes away what a killed run left for the same target, and nothing else", async () => {
    const folder = await temporaryFolder();
    const living = await fileSink(join(folder, "out"));
    const gone = basename(living.temporary).replace(/-[0-9]*\./, "-1.");
    const foreign = gone.replace(/\.[0-9a-f]{8}-/, ".00000000-");
    const kept = [foreign, gone.replace(".out.", ".other."), ".out.abc.tmp", ".out.tmp", `${gone}x`];
    for (const name of [gone, ...kept]) await writeFile(join(folder, name), "half");
    const sink = await fileSink(join(folder, "out"));
    const names = await readdir(folder);
    expect(names).toEqual(expect.arrayContaining([...kept, basename(living.temporary)]));
    expect(names).not.toContain(gone);
    await sink.abort();
    await living.abort();
  });

  it("takes names as long as the system does", async () => {
    const folder = await temporaryFolder();
    for (const name of ["n".repeat(255), "\u00fc".repeat(127)]) {
      const sink = await fileSink(join(folder, name));
      await sink.write(NEW);
      await sink.commit();
      expect(await text(join(folder, name))).toBe("what comes");
    }
    expect((await readdir(folder)).length).toBe(2);
  });

  it("is not led elsewhere by a link that is put in the folder's place meanwhile", async () => {
    const folder = await temporaryFolder();
    for (const name of ["real", "other"]) await mkdir(join(folder, name));
    await symlink(join(folder, "real"), join(folder, "link"));
    const sink = await fileSink(join(folder, "link", "out"));
    await sink.write(NEW);
    await rm(join(folder, "link"));
    await symlink(join(folder, "other"), join(folder, "link"));
    await sink.commit();
    expect(await readdir(join(folder, "other"))).toEqual([]);
    expect(await readdir(join(folder, "real"))).toEqual(["out"]);
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
