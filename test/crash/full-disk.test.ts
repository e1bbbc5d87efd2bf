import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { runCli } from "../helpers/cli.ts";
import { person } from "../seal/people.ts";
import { plainQvd, sealBytes } from "../seal/sealed.ts";

/** A file system of this size, in KiB: real, small, and gone with the test. */
const DISK_KIB = 1024;
/** What is left of it when a command begins, in KiB: nothing, less than a file's head, less than the file. */
const ROOMS = [0, 4, 16, 60];

const root = mkdtempSync(join(tmpdir(), "qvault-disk-"));
const disk = join(root, "disk");
const at = (name: string) => join(root, name);
mkdirSync(disk);

function mount(...options: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync("mount", ["-o", options.join(","), "-t", "tmpfs", "qvault", disk]);
  return status === 0 ? undefined : `no file system can be mounted here: ${error?.message ?? stderr.toString().trim()}`;
}

const absent = process.platform === "linux" ? mount(`size=${DISK_KIB}k`) : "tmpfs is of Linux";

describe("a disk without room", () => {
  if (absent !== undefined) {
    console.log(`full-disk.test.ts left out: ${absent}`);
    it.skip(`left out: ${absent}`, () => {});
    return;
  }
  const old = person("old");
  const next = person("next");
  let plain: Uint8Array;
  let sealed: Uint8Array;
  const rotate = () =>
    runCli(["rotate", join(disk, "a.qvd"), "--from", at("old.pem"), "--to", at("next.crt"), "--rekey", "--yes"]);
  const encrypt = () =>
    runCli(["encrypt", at("plain.qvd"), "-o", join(disk, "out.qvd"), "--fields", "a", "--to", at("next.crt")]);
  const verify = (name: string, key: string) => runCli(["verify", join(disk, name), "--key", at(key)]);

  beforeAll(async () => {
    const rows = Array.from({ length: 4000 }, (_, i) => i);
    plain = await plainQvd({ a: rows.map((i) => `${Math.sin(i)}`), b: rows.map((i) => `${Math.cos(i)}`) });
    sealed = await sealBytes(plain, { slots: [{ name: "hr", recipients: [old.recipient()], fields: ["a"] }] });
    for (const [name, who] of Object.entries({ old, next })) {
      const pem = `${who.certificate}${who.key.export({ type: "pkcs8", format: "pem" })}`;
      writeFileSync(at(`${name}.pem`), pem, { mode: 0o600 });
    }
    writeFileSync(at("next.crt"), next.certificate.toString());
    writeFileSync(at("plain.qvd"), plain);
  });
  beforeEach(() => {
    for (const name of readdirSync(disk)) rmSync(join(disk, name));
    writeFileSync(join(disk, "a.qvd"), sealed);
  });
  afterAll(() => {
    spawnSync("umount", [disk]);
    rmSync(root, { recursive: true, force: true });
  });

  /** Leaves so many KiB of the disk. */
  function fill(room: number): void {
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(join(disk, "ballast"), new Uint8Array(bavail * bsize - room * 1024));
    expect(statfsSync(disk).bavail * bsize).toBeLessThanOrEqual(room * 1024);
  }

  it.each(ROOMS)(
    "of %i KiB leaves the file as it was, and nothing beside it; with room the rotation is done",
    async (room) => {
      fill(room);
      const { code, err } = await rotate();
      expect([code, err.includes("SINK_WRITE")], err).toEqual([9, true]);
      expect(readdirSync(disk).sort()).toEqual(["a.qvd", "ballast"]);
      expect(new Uint8Array(readFileSync(join(disk, "a.qvd")))).toEqual(sealed);
      expect((await verify("a.qvd", "old.pem")).code).toBe(0);

      rmSync(join(disk, "ballast"));
      expect((await rotate()).code).toBe(0);
      expect(readdirSync(disk)).toEqual(["a.qvd"]);
      expect((await verify("a.qvd", "next.pem")).code).toBe(0);
    },
  );

  it.each(ROOMS)("of %i KiB gets no sealed file, and keeps the one that was there", async (room) => {
    fill(room);
    const { code, err } = await encrypt();
    expect([code === 0, err.includes("SINK_WRITE")], err).toEqual([false, true]);
    expect(readdirSync(disk).sort()).toEqual(["a.qvd", "ballast"]);

    rmSync(join(disk, "ballast"));
    expect((await encrypt()).code).toBe(0);
    expect((await verify("out.qvd", "next.pem")).code).toBe(0);
  });

  it("that can only be read keeps its files", async () => {
    expect(mount("remount", "ro")).toBeUndefined();
    try {
      const { code, err } = await rotate();
      expect([code, err.includes("SINK_WRITE")], err).toEqual([9, true]);
      expect(new Uint8Array(readFileSync(join(disk, "a.qvd")))).toEqual(sealed);
      expect((await encrypt()).code).not.toBe(0);
      expect(readdirSync(disk)).toEqual(["a.qvd"]);
    } finally {
      expect(mount("remount", "rw", `size=${DISK_KIB}k`)).toBeUndefined();
    }
  });
});
