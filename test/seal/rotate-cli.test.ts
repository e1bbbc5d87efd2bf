import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { link, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { runCli, spawnCli } from "../helpers/cli.ts";
import { type Person, person } from "./people.ts";
import { plainQvd, sealBytes } from "./sealed.ts";

const root = await mkdtemp(join(tmpdir(), "qvault-rotate-cli-"));
const mainFile = fileURLToPath(new URL("../../dist/src/cli/main.js", import.meta.url));
const at = (...names: readonly string[]) => join(root, ...names);
const [old, next, other] = [person("old"), person("next"), person("other")];
const plain = await plainQvd({ a: [1, 2, 3], b: ["x", "y", null] });
const slot = (name: string, who: Person, field: string) => ({ name, recipients: [who.recipient()], fields: [field] });
const sealed = await sealBytes(plain, { slots: [slot("one", old, "a")] });
/** Both slots open with the key that is to go. */
const both = await sealBytes(plain, { slots: [slot("one", old, "a"), slot("two", old, "b")] });
const bytesOf = (path: string) => readFileSync(path);

for (const [name, who] of Object.entries({ old, next, other })) {
  const key = who.key.export({ type: "pkcs8", format: "pem" }).toString();
  await writeFile(at(`${name}.crt`), who.certificate.toString());
  await writeFile(at(`${name}.pem`), `${who.certificate.toString()}${key}`);
}
const rotate = (...args: readonly string[]) =>
  runCli(["rotate", ...args, "--from", at("old.pem"), "--to", at("next.crt"), "--yes"]);
const last = (text: string) => text.trim().split("\n").at(-1);

beforeEach(async () => {
  await rm(at("folder"), { recursive: true, force: true });
  await rm(at("far"), { recursive: true, force: true });
  await mkdir(at("folder/below"), { recursive: true });
  await mkdir(at("far"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe("names", () => {
  it("that lead to one file rotate it once, in threads too", async () => {
    await writeFile(at("folder/a.qvd"), sealed);
    await symlink("a.qvd", at("folder/link.qvd"));
    const names = [at("folder/a.qvd"), at("folder"), at("folder/link.qvd"), at("folder/../folder/a.qvd")];
    const { code, out } = await rotate(...names, "--rekey", "--jobs", "4");
    expect([code, last(out)]).toEqual([0, expect.stringMatching(/^1 rotated, 0 had nothing to do/)]);
  });

  it("that are hard links from elsewhere keep the old key, which is no success", async () => {
    await writeFile(at("folder/a.qvd"), sealed);
    await link(at("folder/a.qvd"), at("far/b.qvd"));
    const { code, err } = await rotate(at("folder"));
    expect([code, err]).toEqual([9, expect.stringContaining("a.qvd has 1 more names (hard links)")]);
    expect(bytesOf(at("far/b.qvd")).equals(sealed)).toBe(true);
    expect((await rotate(at("folder"), at("far"))).code).toBe(0);
    await rm(at("far/b.qvd"));
    await writeFile(at("folder/a.qvd"), sealed);
    await link(at("folder/a.qvd"), at("far/b.qvd"));
    expect((await rotate(at("folder"), at("far"))).code).toBe(0);
  });

  it("that are no UTF-8 are reported, and do not keep others from being rotated", async () => {
    await writeFile(at("folder/a.qvd"), sealed);
    await writeFile(Buffer.concat([Buffer.from(at("folder/")), Buffer.from([0xff]), Buffer.from(".qvd")]), sealed);
    const { code, out, err } = await rotate(at("folder"));
    expect([code, last(out)]).toEqual([9, expect.stringMatching(/^1 rotated, .* 1 failed/)]);
    expect(err).toContain("SOURCE_NOT_FOUND");
  });
});

describe("a rotation that is cut off", () => {
  const names = Array.from({ length: 4 }, (_, i) => `${i}.qvd`);
  const fill = () => Promise.all(names.map((name) => writeFile(at("folder", name), sealed)));

  it("by an interrupt says how many files are as they were, and is no success", async () => {
    await fill();
    const args = ["rotate", at("folder"), "--from", at("old.pem"), "--to", at("next.crt"), "--yes"];
    const { code, out, err } = await runCli(args, { signal: AbortSignal.abort() });
    expect(code).toBe(130);
    expect(last(out)).toMatch(/^0 rotated/);
    expect(err).toContain("4 of 4 files are as they were (CANCELLED)");
    for (const name of names) expect(bytesOf(at("folder", name)).equals(sealed)).toBe(true);
  });

  it("by a reader that takes the first line of the plan, or none of the talk, goes on to the end", async () => {
    const command = `"$0" "$@" --from "$FROM" --to "$TO" --yes`;
    const env = { ...process.env, FROM: at("old.pem"), TO: at("next.crt") };
    for (const reader of ["| true", "2>&1 | true", ">&- 2>&-"]) {
      await fill();
      const { status } = spawnSync(
        "bash",
        ["-o", "pipefail", "-c", `${command} ${reader}`, process.execPath, mainFile, "rotate", at("folder")],
        { env },
      );
      expect(status, reader).toBe(0);
      const all = await runCli(["verify", at("folder"), "--key", at("next.pem")]);
      expect([reader, all.code]).toEqual([reader, 0]);
    }
  });
});

describe("rotating a folder", () => {
  it("passes over what is not sealed and says how much that was", async () => {
    await writeFile(at("folder/a.qvd"), sealed);
    await writeFile(at("folder/below/b.qvd"), plain);
    await writeFile(at("folder/below/c.qvd"), plain);
    const { code, out, err } = await rotate(at("folder"), "--journal", at("journal"));
    expect([code, err]).toEqual([0, ""]);
    expect(last(out)).toBe("1 rotated, 0 had nothing to do, 0 were done before, 0 failed, 2 are not sealed");
    const touched = readFileSync(at("journal"), "utf8").match(/[a-z]\.qvd/g);
    expect(touched).toEqual(["a.qvd"]);
    expect(out).toContain(`${at("folder/below/b.qvd")}: is not sealed\n`);
    expect(bytesOf(at("folder/below/b.qvd")).equals(plain)).toBe(true);
    expect(last((await rotate(at("folder"))).out)).toMatch(/^0 rotated, 1 had nothing to do/);
    const status = await runCli(["status", at("folder"), "--key", at("old.crt")]);
    expect(status).toMatchObject({ code: 0, out: "", err: "" });
  });

  it("is refused where nothing in it is sealed, as is one file that is not", async () => {
    for (const name of ["a.qvd", "b.qvd"]) await writeFile(at("folder", name), plain);
    const none = { code: 2, err: expect.stringContaining("none of the 2 files is sealed (SEAL_ABSENT)") };
    expect(await rotate(at("folder"))).toMatchObject(none);
    const one = { code: 2, err: expect.stringContaining("a.qvd is not sealed (SEAL_ABSENT)") };
    expect(await rotate(at("folder/a.qvd"))).toMatchObject(one);
  });

  it("does not take a file of unknown content for one that is not sealed; nor does status", async () => {
    await writeFile(at("folder/a.qvd"), sealed);
    const damaged = sealed.slice();
    damaged.fill(0, 0, 64);
    await writeFile(at("folder/b.qvd"), damaged);
    const { code, out, err } = await rotate(at("folder"));
    expect([code, last(out)]).toEqual([9, "1 rotated, 0 had nothing to do, 0 were done before, 1 failed"]);
    expect(err).toContain("CONTAINER_UNKNOWN");
    const status = await runCli(["status", at("folder"), "--key", at("old.crt")]);
    expect(status).toMatchObject({ code: 9, err: expect.stringContaining("CONTAINER_UNKNOWN") });
  });

  it("rotates the files behind its links to files, each once", async () => {
    await writeFile(at("folder/a.qvd"), sealed);
    await writeFile(at("far/b.qvd"), sealed);
    await symlink("../a.qvd", at("folder/below/again.qvd"));
    await symlink(at("far/b.qvd"), at("folder/far.qvd"));
    await symlink(at("folder/far.qvd"), at("folder/further.qvd"));
    const { code, out, err } = await rotate(at("folder"));
    expect([code, err]).toEqual([0, ""]);
    expect(last(out)).toBe("2 rotated, 0 had nothing to do, 0 were done before, 0 failed");
    for (const file of ["folder/a.qvd", "far/b.qvd"]) {
      expect((await runCli(["verify", at(file), "--key", at("next.pem")])).code, file).toBe(0);
    }
  });

  it("ends with 9 where links lead out of it that it does not follow, and counts them", async () => {
    await writeFile(at("folder/a.qvd"), sealed);
    await writeFile(at("far/b.qvd"), sealed);
    await symlink(at("far"), at("folder/away"));
    await symlink(at("folder"), at("folder/below/round"));
    await symlink("nowhere.qvd", at("folder/lost.qvd"));
    const { code, out, err } = await rotate(at("folder"));
    expect(code).toBe(9);
    expect(last(out)).toBe("1 rotated, 0 had nothing to do, 0 were done before, 0 failed, 2 links were not followed");
    expect(err).toContain(`${at("folder/away")} is a link to a folder`);
    expect(err).toContain(`${at("folder/lost.qvd")} is a link to no file`);
    expect(err).not.toContain("round");
    expect((await runCli(["verify", at("far/b.qvd"), "--key", at("old.pem")])).code).toBe(0);
    // Named as well, the other folder is searched, and no link leads out of both.
    await rm(at("folder/lost.qvd"));
    const all = await rotate(at("folder"), at("far"));
    expect([all.code, all.err, last(all.out)]).toEqual([
      0,
      "",
      "1 rotated, 1 had nothing to do, 0 were done before, 0 failed",
    ]);
  });
});

describe("rotating with --confirm", () => {
  const file = () => at("folder/a.qvd");

  it("opens each new file with the new key before the old file goes", async () => {
    await writeFile(file(), both);
    expect((await rotate(file(), "--confirm", at("next.pem"))).code).toBe(0);
    expect((await runCli(["verify", file(), "--key", at("next.pem")])).code).toBe(0);
    expect((await runCli(["verify", file(), "--key", at("old.pem")])).code).toBe(6);
  });

  it.each([
    ["", []],
    [" in threads", ["--jobs", "2"]],
    [" and resealed", ["--reseal"]],
  ])("keeps the old files where another key is given%s", async (_, how) => {
    for (const name of ["a.qvd", "b.qvd"]) await writeFile(at("folder", name), both);
    const args = [at("folder"), "--from", at("old.pem"), "--to", at("next.crt"), "--yes", ...how];
    const { code, err } = await spawnCli(["rotate", ...args, "--confirm", at("other.pem")]);
    expect(code).toBe(9);
    expect(err).toContain("SEAL_NO_IDENTITY");
    for (const name of ["a.qvd", "b.qvd"]) expect(bytesOf(at("folder", name)).equals(both), name).toBe(true);
  });

  it("wants every slot that was rotated to open, not one of them", async () => {
    const slots = [
      { name: "one", recipients: [old.recipient()], fields: ["a"] },
      { name: "two", recipients: [old.recipient(), other.recipient()], fields: ["b"] },
    ];
    const file = at("folder/a.qvd");
    const bytes = await sealBytes(plain, { slots });
    await writeFile(file, bytes);
    const remove = ["rotate", file, "--from", at("old.crt"), "--key", at("old.pem"), "--yes"];
    const add = await runCli([...remove, "--add", "--to", at("next.crt"), "--confirm", at("other.pem")]);
    expect(add).toMatchObject({
      code: 9,
      err: expect.stringContaining('slot "one" does not open with the keys to confirm'),
    });
    expect(bytesOf(file).equals(bytes)).toBe(true);
    const two = ["--confirm", at("other.pem"), "--confirm", at("old.pem")];
    expect((await runCli([...remove, "--add", "--to", at("next.crt"), ...two])).code).toBe(0);
  });

  it("does not ask for keys of slots that stay as they are", async () => {
    await writeFile(file(), await sealBytes(plain, { slots: [slot("one", old, "a"), slot("two", other, "b")] }));
    expect(await rotate(file(), "--confirm", at("next.pem"))).toMatchObject({ code: 0, err: "" });
  });
});
