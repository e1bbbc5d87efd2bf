import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../helpers/cli.ts";
import { type Person, person } from "./people.ts";
import { plainQvd, sealBytes } from "./sealed.ts";

const folder = mkdtempSync(join(tmpdir(), "qvault-trust-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

const [reader, writer, other] = [person("reader"), person("writer"), person("other")];
const pemOf = ({ key, certificate }: Person) => `${certificate}${key.export({ type: "pkcs8", format: "pem" })}`;

beforeAll(async () => {
  const slots = [{ name: "one", recipients: [reader.recipient()], fields: ["a"] }];
  writeFileSync(at("signed.qvd"), await sealBytes(await plainQvd({ a: ["x"] }), { slots, signer: writer.handle }));
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
