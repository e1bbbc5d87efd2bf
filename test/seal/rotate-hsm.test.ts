import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { spawnCli } from "../helpers/cli.ts";
import { missing } from "../helpers/missing.ts";
import { longCommand, recordPart } from "../helpers/record.ts";
import { type FaultShim, faultShim, lacking, PIN, SOFTHSM, softHsmToken, type TestToken } from "../keys/tokens.ts";
import { person } from "./people.ts";
import { plainQvd, sealBytes } from "./sealed.ts";

const LONG = process.env.QVAULT_LONG !== undefined;
const root = mkdtempSync(join(tmpdir(), "qvault-rotate-hsm-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const at = (...names: readonly string[]) => join(root, ...names);
const people = { ec: person("ec"), rsa: person("rsa", "rsa-2048") };
const next = person("next");
const other = person("other");

const absent =
  SOFTHSM === undefined ? "SoftHSM (see test/setup-system.sh)" : lacking("softhsm2-util", "pkcs11-tool", "gcc");
if (absent !== undefined) missing(absent);

/** What a rotation by command asks of a token, counted by the shim in front of it. */
describe.skipIf(absent !== undefined)("a rotation with an HSM", () => {
  let token: TestToken;
  let shim: FaultShim | undefined;
  beforeAll(() => {
    token = softHsmToken("rotate test", people);
    shim = faultShim(token.dir, SOFTHSM!);
    if (shim === undefined && process.env.CI === "true") throw new Error("the fault shim cannot be built");
    if (shim === undefined) console.warn("left out: gcc or the PKCS#11 headers are missing (see test/setup-system.sh)");
    for (const [name, { certificate }] of Object.entries({ ...people, next }))
      writeFileSync(at(`${name}.crt`), certificate.toString());
    const key = next.key.export({ type: "pkcs8", format: "pem" }).toString();
    writeFileSync(at("next.pem"), `${next.certificate.toString()}${key}`);
  });
  afterAll(() => token.remove());

  const counts = () => ({
    derives: shim!.calls("C_DeriveKey"),
    decrypts: shim!.calls("C_Decrypt"),
    logins: shim!.calls("C_Login"),
  });

  async function rotated(from: "ec" | "rsa", files: number, ...more: readonly string[]) {
    const key = `pkcs11:token=rotate%20test;object=${from}?module-path=${shim!.path}`;
    const qvd = await plainQvd({ a: [1, 2, 3], b: ["x", "y", null], c: [1, 1, 1] });
    // Two slots open with the key that goes, the third does not.
    const mine = [people[from].recipient({ oaepSha1: from === "rsa" })];
    const sealed = await sealBytes(qvd, {
      slots: [
        { name: "one", recipients: mine, fields: ["a"] },
        { name: "two", recipients: mine, fields: ["b"] },
        { name: "another", recipients: [other.recipient()], fields: ["c"] },
      ],
    });
    rmSync(at("files"), { recursive: true, force: true });
    mkdirSync(at("files"));
    for (let i = 0; i < files; i++) writeFileSync(at("files", `${i}.qvd`), sealed);
    shim!.reset();
    const args = ["--from", at(`${from}.crt`), "--to", at("next.crt"), "--key", key, "--pin", "env:TEST_PIN", "--yes"];
    const result = await spawnCli(["rotate", at("files"), ...args, ...more], { env: { TEST_PIN: PIN } });
    expect([result.code, result.err]).toEqual([0, expect.not.stringContaining("QErr")]);
    expect(result.out.trim().split("\n").at(-1)).toMatch(new RegExp(`^${files} rotated, 0 .* 0 failed$`));
    const status = await spawnCli(["status", at("files"), "--key", at(`${from}.crt`)]);
    expect([status.code, status.out]).toEqual([0, ""]);
    expect((await spawnCli(["verify", at("files", "0.qvd"), "--key", at("next.pem")])).code).toBe(0);
  }

  it.each([
    ["ec", 1000, 1],
    ["ec", 60, 2],
    ["rsa", LONG ? 1000 : 60, 1],
    ["rsa", 60, 2],
  ] as const)(
    "asks an %s key exactly once for each of two slots of %i files, and for the PIN once, with %i jobs",
    { timeout: 240_000 },
    async (kind, files, jobs) => {
      if (!shim) return;
      await rotated(kind, files, "--jobs", `${jobs}`);
      const uses = { derives: kind === "ec" ? 2 * files : 0, decrypts: kind === "rsa" ? 2 * files : 0 };
      expect(counts()).toEqual({ ...uses, logins: 1 });
      if (files === 1000)
        recordPart("hsm", longCommand("test/seal/rotate-hsm.test.ts"), kind, { files, slots: 2, ...counts() });
    },
  );

  it("asks the new key once more for each slot where it is to confirm, and the old one no more than before", async () => {
    if (!shim) return;
    await rotated("ec", 20, "--confirm", at("next.pem"));
    expect(counts()).toEqual({ derives: 40, decrypts: 0, logins: 1 });
  });

  it("asks no key for files that are done", async () => {
    if (!shim) return;
    await rotated("ec", 3);
    shim.reset();
    const key = `pkcs11:token=rotate%20test;object=ec?module-path=${shim.path}`;
    const args = ["--from", at("ec.crt"), "--to", at("next.crt"), "--key", key, "--pin", "env:TEST_PIN", "--yes"];
    const again = await spawnCli(["rotate", at("files"), ...args], { env: { TEST_PIN: PIN } });
    expect([again.code, again.out]).toEqual([0, expect.stringContaining("0 rotated, 3 had nothing to do")]);
    expect(counts()).toEqual({ derives: 0, decrypts: 0, logins: 0 });
  });
});
