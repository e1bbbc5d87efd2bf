import {
  copyFileSync,
  linkSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../../src/cli/run.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import { plainQvd } from "./sealed.ts";

const dir = mkdtempSync(join(tmpdir(), "qvault-cli-"));
const at = (name: string) => join(dir, name);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function qvault(...args: readonly string[]): Promise<Said> {
  let out = "";
  let err = "";
  const terminal: Terminal = {
    out: async (data) => void (out += typeof data === "string" ? data : Buffer.from(data).toString("utf8")),
    err: (line) => void (err += `${line}\n`),
    stdin: (async function* () {})(),
    stdoutIsTty: false,
    stderrIsTty: false,
    color: false,
    status: () => {},
    outlivePipe: () => {},
    signal: new AbortController().signal,
  };
  return { code: await run(args, terminal), out, err };
}

describe("a file with two names", () => {
  it("is told of before one of them is sealed in place, since the other stays plain", async () => {
    copyFileSync(at("in.qvd"), at("twin-a.qvd"));
    linkSync(at("twin-a.qvd"), at("twin-b.qvd"));
    const said = await qvault(
      "encrypt",
      at("twin-a.qvd"),
      "-o",
      at("twin-a.qvd"),
      "--fields",
      "pay",
      "--to",
      at("hr.crt"),
      "--force",
    );
    expect([said.code, said.err]).toEqual([0, expect.stringContaining("twin-a.qvd has 1 more names (hard links)")]);
    expect(readFileSync(at("twin-b.qvd")).equals(readFileSync(at("in.qvd")))).toBe(true);
  });
});

beforeAll(async () => {
  const lineage = [{ discriminator: "db", statement: "select * from staff where name = 'Annabel'" }];
  const columns = {
    id: [1, 2, 3, 4],
    name: ["Annabel", "Bob", "Annabel", null],
    pay: [10, 20, 10, 30],
    team: ["x", "y", "x", "z"],
  };
  writeFileSync(at("in.qvd"), await plainQvd(columns, { lineage, comment: "about Annabel" }));
  for (const [name, type] of [
    ["hr", "p256"],
    ["fin", "rsa-2048"],
    ["new", "p384"],
  ] as const) {
    expect((await qvault("keys", "generate", at(name), "--type", type, "--name", name)).code).toBe(0);
  }
});

describe("the command line", () => {
  it("seals for two audiences, opens as each, and gives back the original with all keys of a single one", async () => {
    const sealed = at("two.qvd");
    const made = await qvault(
      "encrypt",
      at("in.qvd"),
      "-o",
      sealed,
      "--slot",
      `hr=${at("hr.crt")}`,
      "--slot",
      `fin=${at("fin.crt")}`,
      "--slot-fields",
      "hr=name",
      "--slot-fields",
      "fin=pay",
    );
    expect(made.code).toBe(0);
    expect(made.err).toContain('"team" is plain and has exactly one value for each of the sealed field "pay"');
    const plain = await qvault("export", sealed, "-o", "-", "--to", "csv");
    expect(plain.out).not.toMatch(/Annabel|10/);
    expect((await qvault("export", sealed, "-o", "-", "--to", "csv", "--key", at("hr.key"))).out).toContain("Annabel");
    expect((await qvault("head", sealed, "--key", at("fin.key"))).out).toMatch(/\b20\b/);
    const all = await qvault("digest", "--ndjson", "--key", at("hr.key"), "--key", at("fin.key"), sealed);
    const before = await qvault("digest", "--ndjson", at("in.qvd"));
    const tables = (said: Said) => (JSON.parse(said.out) as { tables: unknown }).tables;
    expect(tables(all)).toEqual(tables(before));
    await qvault("encrypt", at("in.qvd"), "-o", at("one.qvd"), "--fields", "name,pay", "--to", at("hr.crt"));
    expect((await qvault("decrypt", at("one.qvd"), "-o", at("back.qvd"), "--key", at("hr.key"))).code).toBe(0);
    expect(readFileSync(at("back.qvd")).equals(readFileSync(at("in.qvd")))).toBe(true);
  });

  it("leaves nothing of a sealed field in the file: no text, no lineage or comment that quotes it", () => {
    const text = readFileSync(at("one.qvd")).toString("latin1");
    for (const word of ["Annabel", "Bob", "select", "about"]) expect(text).not.toContain(word);
    expect(text).toContain("team");
  });

  it("tells with exit codes: 6 for no key, 5 for no signature, 4 for damage, 2 for wrong use", async () => {
    const sealed = at("one.qvd");
    expect(await qvault("decrypt", sealed, "-o", at("no.qvd"), "--key", at("new.key"))).toMatchObject({
      code: 6,
      err: expect.stringContaining("SEAL_NO_IDENTITY"),
    });
    expect(await qvault("decrypt", sealed, "-o", at("no.qvd"))).toMatchObject({ code: 2 });
    expect(await qvault("encrypt", sealed, "-o", at("no.qvd"), "--fields", "team", "--to", at("hr.crt"))).toMatchObject(
      { code: 2 },
    );
    expect(await qvault("verify", sealed, "--key", at("hr.key"))).toMatchObject({
      code: 0,
      err: expect.stringContaining("newest copy"),
    });
    expect(await qvault("verify", sealed)).toMatchObject({ code: 0, err: expect.stringContaining("not proved") });
    expect(await qvault("verify", sealed, "--key", at("hr.key"), "--require-signature", at("hr.crt"))).toMatchObject({
      code: 5,
      err: expect.stringContaining("SEAL_UNSIGNED"),
    });
    const bytes = readFileSync(sealed);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(at("bad.qvd"), bytes);
    expect(await qvault("verify", at("bad.qvd"), "--key", at("hr.key"))).toMatchObject({
      code: 4,
      out: expect.stringContaining("SEAL_DAMAGED"),
    });
    expect(await qvault("digest", at("bad.qvd"), "--key", at("hr.key"))).toMatchObject({ code: 4 });
  });

  it("seals a whole table in closed mode, which plain reading refuses", async () => {
    const sealed = at("closed.qvd");
    await qvault("encrypt", at("in.qvd"), "-o", sealed, "--closed", "--to", at("hr.crt"));
    expect(await qvault("head", sealed)).toMatchObject({ code: 6, err: expect.stringContaining("--key") });
    expect((await qvault("head", sealed, "--key", at("hr.key"))).out).toContain("Annabel");
    await qvault("decrypt", sealed, "-o", at("back2.qvd"), "--key", at("hr.key"));
    expect(readFileSync(at("back2.qvd")).equals(readFileSync(at("in.qvd")))).toBe(true);
  });

  it("signs, and takes only what is signed by a trusted certificate", async () => {
    await qvault(
      "encrypt",
      at("in.qvd"),
      "-o",
      at("signed.qvd"),
      "--fields",
      "name",
      "--to",
      at("hr.crt"),
      "--sign",
      pairFile("fin"),
    );
    expect(
      (await qvault("verify", at("signed.qvd"), "--key", at("hr.key"), "--require-signature", at("fin.crt"))).code,
    ).toBe(0);
    expect(
      await qvault("verify", at("signed.qvd"), "--key", at("hr.key"), "--require-signature", at("new.crt")),
    ).toMatchObject({ code: 5 });
  });

  it("rotates in two phases, says who needs what, and shows its plan first", async () => {
    const sealed = at("rot.qvd");
    await qvault("encrypt", at("in.qvd"), "-o", sealed, "--fields", "name", "--to", at("hr.crt"));
    const rotate = (...more: readonly string[]) => qvault("rotate", sealed, "--from", at("hr.crt"), ...more);
    expect(await rotate("--to", at("new.crt"), "--dry-run")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/- hr .*\n.*\+ new /),
    });
    expect(await rotate("--to", at("new.crt"))).toMatchObject({ code: 2, err: expect.stringContaining("--yes") });
    expect(await rotate("--to", at("new.crt"), "--add", "--yes", "--key", at("hr.key"))).toMatchObject({
      code: 0,
      out: expect.stringContaining("1 rotated"),
    });
    expect(await qvault("status", "--key", at("hr.crt"), dir)).toMatchObject({
      code: 1,
      out: expect.stringContaining("rot.qvd"),
    });
    expect(await rotate("--remove", "--yes", "--key", at("new.key"))).toMatchObject({ code: 0 });
    expect((await qvault("status", "--key", at("hr.crt"), sealed)).code).toBe(0);
    expect((await qvault("decrypt", sealed, "-o", at("rot-back.qvd"), "--key", at("new.key"))).code).toBe(0);
    expect(await rotate("--remove", "--to", at("new.crt"))).toMatchObject({ code: 2 });
    expect(await rotate()).toMatchObject({ code: 2 });
  });

  it("verifies several files: each has its line, and the worst decides", async () => {
    const folder = mkdtempSync(at("many-"));
    const good = readFileSync(at("one.qvd"));
    const damaged = Buffer.from(good);
    damaged[damaged.length - 1]! ^= 1;
    writeFileSync(join(folder, "a-good.qvd"), good);
    writeFileSync(join(folder, "b-damaged.qvd"), damaged);
    writeFileSync(join(folder, "c-good.qvd"), good);
    const some = await qvault("verify", folder, "--key", at("hr.key"));
    expect(some.code).toBe(4);
    const lines = some.out
      .trim()
      .split("\n")
      .map((line) => line.replace(`${folder}/`, ""));
    expect(lines).toEqual([
      "a-good.qvd: ok",
      expect.stringMatching(/^b-damaged.qvd: damage SEAL_DAMAGED .* @\d+/),
      "c-good.qvd: ok",
    ]);
    writeFileSync(join(folder, "d-others.qvd"), readFileSync(at("rot.qvd")));
    const more = await qvault("verify", folder, "--key", at("hr.key"));
    expect(more).toMatchObject({ code: 9, err: expect.stringContaining("d-others.qvd") });
    expect(more.err).toContain("SEAL_NO_IDENTITY");
    expect(more.out.split("\n")).toHaveLength(4);
  });

  it("seals through no link: it takes the link's place, and says that the file behind it stays plain", async () => {
    const behind = at("behind.qvd");
    writeFileSync(behind, readFileSync(at("in.qvd")));
    symlinkSync(behind, at("link.qvd"));
    const args = ["encrypt", at("link.qvd"), "-o", at("link.qvd"), "--fields", "name", "--to", at("hr.crt")];
    expect((await qvault(...args)).code).toBe(10);
    const said = await qvault(...args, "--force");
    expect([said.code, said.err]).toEqual([
      0,
      expect.stringContaining(`was a link to ${behind}, which stays as it is`),
    ]);
    expect(lstatSync(at("link.qvd")).isFile()).toBe(true);
    expect(readFileSync(behind).equals(readFileSync(at("in.qvd")))).toBe(true);
    expect((await qvault("head", at("link.qvd"), "--key", at("hr.key"))).out).toContain("Annabel");
    // A rotation follows the link, since there is nothing plain that could stay behind.
    symlinkSync(at("link.qvd"), at("turn.qvd"));
    const turn = await qvault(
      "rotate",
      at("turn.qvd"),
      "--from",
      at("hr.crt"),
      "--to",
      at("new.crt"),
      "--key",
      at("hr.key"),
      "--yes",
    );
    expect([turn.code, lstatSync(at("turn.qvd")).isSymbolicLink()]).toEqual([0, true]);
    expect((await qvault("verify", at("link.qvd"), "--key", at("new.key"))).code).toBe(0);
  });

  it("lists, checks and makes keys, private ones for their owner only", async () => {
    expect((await qvault("keys", "list", dir)).out).toMatch(/hr .*P-256[\s\S]*yes/);
    expect((await qvault("keys", "list", "--json", at("hr.crt"))).out).toContain('"x5tS256"');
    expect((await qvault("keys", "check", at("fin.key"))).out).toMatch(/RSA-OAEP-256: ok[\s\S]*sign PS256: ok/);
    expect(await qvault("keys", "check", at("hr.crt"))).toMatchObject({
      code: 6,
      err: expect.stringContaining("KEY_NO_PRIVATE_KEY"),
    });
    expect(statSync(at("hr.key")).mode & 0o777).toBe(0o600);
    expect(await qvault("keys", "generate", at("hr"))).toMatchObject({ code: 10 });
    expect(await qvault("encrypt", at("in.qvd"), "-o", at("x.qvd"), "--fields", "name")).toMatchObject({ code: 2 });
  });

  it("shows slots and recipients to everybody", async () => {
    const said = await qvault("inspect", at("two.qvd"));
    expect(said.out).toMatch(/slot hr: name\n {2}opens with hr [0-9A-F]{40} \(ECDH-ES\+A256KW\)/);
  });

  function pairFile(name: string): string {
    writeFileSync(
      at(`${name}.pem`),
      `${readFileSync(at(`${name}.crt`), "utf8")}${readFileSync(at(`${name}.key`), "utf8")}`,
      { mode: 0o600 },
    );
    return at(`${name}.pem`);
  }
});
