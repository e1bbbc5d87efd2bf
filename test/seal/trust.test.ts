import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newAppParts } from "../../src/engine/app-write.ts";
import { readSealHead } from "../../src/engine/seal-head.ts";
import { authenticate } from "../../src/seal/authenticate.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { appTable } from "../../src/table/qvf-draft.ts";
import { resealed } from "../fuzz/mutate-sealed.ts";
import { runCli, spawnCli } from "../helpers/cli.ts";
import { writtenBytes } from "../helpers/qvf.ts";
import { keysOf, type Person, person } from "./people.ts";
import { plainQvd, sealBytes } from "./sealed.ts";
import { sealAppBytes } from "./sealed-app.ts";

const folder = mkdtempSync(join(tmpdir(), "qvault-trust-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

const [reader, writer, other] = [person("reader"), person("writer"), person("other")];
const pemOf = ({ key, certificate }: Person) => `${certificate}${key.export({ type: "pkcs8", format: "pem" })}`;

/** The signed file with parts of field `a` sealed anew under their own keys, which every reader has; MACs and signature stay. */
async function changedByReader(signed: Uint8Array, parts: readonly number[]): Promise<Uint8Array> {
  const file = signed.slice();
  const region = await authenticate(await readSealHead(memorySource(file)), keysOf(reader));
  const number = region.head.manifest.items.findIndex(({ name }) => name === "a");
  for (const part of parts) await resealed(file, region, number, part, (old) => old);
  region.wipe();
  return file;
}

beforeAll(async () => {
  const slots = [{ name: "one", recipients: [reader.recipient()], fields: ["a"] }];
  const qvd = await sealBytes(await plainQvd({ a: ["x", "y"] }), { slots, signer: writer.handle });
  writeFileSync(at("signed.qvd"), qvd);
  const table = await appTable(
    memoryTable(
      "T",
      ["a", "b"],
      [
        ["x", "y"],
        [1, 2],
      ],
    ),
  );
  const plain = { title: "T", script: "", tables: [table], access: [], created: new Date(0) };
  const app = await sealAppBytes(await writtenBytes(await newAppParts(plain)), { slots, signer: writer.handle });
  writeFileSync(at("signed.qvf"), app);
  for (const part of [0, 1, 2]) {
    writeFileSync(at(`changed-${part}.qvd`), await changedByReader(qvd, [part]));
    writeFileSync(at(`changed-${part}.qvf`), await changedByReader(app, [part]));
  }
  writeFileSync(at("reader.pem"), pemOf(reader));
  mkdirSync(at("certs"));
  for (const [name, { certificate }] of Object.entries({ writer, other }))
    writeFileSync(at(`certs/${name}.crt`), certificate.toString());
});

describe("a folder of certificates to trust", () => {
  const verify = (trusted: string) =>
    runCli(["verify", at("signed.qvd"), "--key", at("reader.pem"), "--require-signature", trusted]);
  const named = ({ handle }: Person) => `file:${at("certs")}?thumbprint=${handle.info.x5tS256}`;

  it("is trusted whole without a thumbprint, and with one for that certificate alone", async () => {
    expect((await verify(at("certs"))).code).toBe(0);
    expect((await verify(named(writer))).code).toBe(0);
    expect(await verify(named(other))).toMatchObject({ code: 5, err: expect.stringContaining("SEAL_UNSIGNED") });
  });

  it("that has no certificate of that thumbprint is an error, as is a reference without any", async () => {
    const missing = expect.stringContaining("KEY_NOT_FOUND");
    expect(await verify(`file:${at("certs")}?thumbprint=${"0".repeat(40)}`)).toMatchObject({ code: 6, err: missing });
    mkdirSync(at("empty"));
    expect(await verify(at("empty"))).toMatchObject({ code: 6, err: missing });
  });
});

describe("a signed file that a reader changed, who has its keys and makes tags that fit", () => {
  const commands: readonly (readonly [name: string, ...more: string[]])[] = [
    ["head"],
    ["digest"],
    ["verify"],
    ["export", "-o", "-", "--to", "csv"],
    ["decrypt", "-o", at("out"), "--force"],
  ];
  const run = ([command, ...more]: readonly string[], file: string) =>
    runCli([command!, at(file), ...more, "--key", at("reader.pem"), "--require-signature", at("certs/writer.crt")]);

  it.each(commands)("is damage to %s where the signature is required", async (...args) => {
    for (const kind of ["qvd", "qvf"]) {
      expect(await run(args, `signed.${kind}`)).toMatchObject({ code: 0 });
      for (const part of [0, 1, 2])
        expect(await run(args, `changed-${part}.${kind}`), `${kind} ${part}`).toMatchObject({ code: 4 });
    }
  });

  it("opens as ever where it is not: tags alone are all that there is", async () => {
    expect((await runCli(["head", at("changed-1.qvd"), "--key", at("reader.pem")])).code).toBe(0);
  });
});

describe("resealing with a signature", () => {
  const toSelf = ["--from", at("reader.pem"), "--to", at("reader.pem"), "--reseal", "--yes"];
  const rotate = (names: readonly string[], ...more: readonly string[]) =>
    runCli(["rotate", ...names, ...toSelf, ...more]);
  const copy = (name: string) => {
    const file = at(`r-${name}`);
    writeFileSync(file, readFileSync(at(name)));
    return file;
  };
  const sign = () => ["--sign", at("writer.pem")];
  beforeAll(async () => {
    for (const [name, who] of Object.entries({ writer, other })) writeFileSync(at(`${name}.pem`), pemOf(who));
    const slots = [{ name: "one", recipients: [reader.recipient()], fields: ["a"] }];
    writeFileSync(at("unsigned.qvd"), await sealBytes(await plainQvd({ a: ["x"] }), { slots }));
  });

  it("signs what the same signed, in one thread and in several", async () => {
    expect((await rotate([copy("signed.qvd")], ...sign())).code).toBe(0);
    const two = [copy("signed.qvd"), copy("signed.qvf")];
    // Threads start with a built file.
    const { code, err } = await spawnCli(["rotate", ...two, ...toSelf, ...sign(), "--jobs", "2"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
  });

  it.each(["unsigned.qvd", "changed-1.qvd", "changed-2.qvf"])(
    "does not sign %s, which stays as it is",
    async (name) => {
      const file = copy(name);
      const { code, err } = await rotate([file], ...sign());
      expect({ code, err }).toEqual({ code: 9, err: expect.stringMatching(/SEAL_(UNSIGNED|DAMAGED)/) });
      expect(readFileSync(file).equals(readFileSync(at(name)))).toBe(true);
    },
  );

  it("by another than before needs to be told whose signature to ask for", async () => {
    const file = copy("signed.qvd");
    const byOther = ["--sign", at("other.pem")];
    expect(await rotate([file], ...byOther)).toMatchObject({ code: 9, err: expect.stringContaining("SEAL_UNSIGNED") });
    expect((await rotate([file], ...byOther, "--require-signature", at("certs/writer.crt"))).code).toBe(0);
    const asked = await rotate([file], "--require-signature", at("certs/writer.crt"), ...byOther);
    expect(asked).toMatchObject({ code: 9, err: expect.stringContaining("SEAL_UNSIGNED") });
  });

  it("is the only rotation that reads data and so can ask for one", async () => {
    const args = ["rotate", at("signed.qvd"), "--from", at("reader.pem"), "--to", at("reader.pem")];
    expect(await runCli([...args, "--require-signature", at("certs")])).toMatchObject({ code: 2 });
  });
});

describe("a plain file in the place of a sealed one", () => {
  it("is said not to be sealed where it is verified with a key, and refused where a signature is asked for", async () => {
    writeFileSync(at("plain.qvd"), await plainQvd({ a: ["forged"] }));
    const key = ["--key", at("reader.pem")];
    expect((await runCli(["verify", at("plain.qvd")])).err).toBe("");
    const said = await runCli(["verify", at("plain.qvd"), ...key]);
    expect(said).toMatchObject({ code: 0, err: expect.stringContaining("nothing in the file is sealed") });
    const asked = await runCli(["verify", at("plain.qvd"), ...key, "--require-signature", at("certs")]);
    expect(asked).toMatchObject({ code: 5, err: expect.stringContaining("SEAL_UNSIGNED") });
  });
});
