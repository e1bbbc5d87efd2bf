import { execFileSync } from "node:child_process";
import type { KeyObject, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A key pair with its certificate. */
export interface Pair {
  readonly name: string;
  readonly key: KeyObject;
  readonly certificate: X509Certificate;
}

/** A place for the keys, by the reference that a user would give; or why it is left out. */
export interface Store {
  readonly name: string;
  readonly reference?: string;
  readonly absent?: string;
}

const SOFTHSM = [
  "/usr/lib/softhsm/libsofthsm2.so",
  "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
  "/usr/lib64/softhsm/libsofthsm2.so",
].find((path) => existsSync(path));
/** Of a store that lives as long as the measurement, in a folder of its owner. */
const PIN = "492817";
const OFFICER = "81729466";

const run = (program: string, ...args: readonly string[]) => execFileSync(program, args, { stdio: "pipe" });

/** Puts the same key pairs into a file, a SoftHSM token and an NSS database. Sets `SOFTHSM2_CONF` for this process. */
export function makeStores(folder: string, pairs: readonly Pair[]): readonly Store[] {
  writeFileSync(join(folder, "pin"), PIN, { mode: 0o600 });
  const pems = pairs.map(({ key, certificate }) => `${certificate}${key.export({ type: "pkcs8", format: "pem" })}`);
  writeFileSync(join(folder, "keys.pem"), pems.join(""), { mode: 0o600 });
  const made = (name: string, make: () => string): Store => {
    try {
      return { name, reference: make() };
    } catch (error) {
      return { name, absent: error instanceof Error ? error.message.split("\n")[0]! : "it cannot be made" };
    }
  };
  return [
    { name: "key file", reference: join(folder, "keys.pem") },
    made("SoftHSM", () => softHsm(folder, pairs)),
    made("NSS", () => nss(folder, pems)),
  ];
}

function softHsm(folder: string, pairs: readonly Pair[]): string {
  if (SOFTHSM === undefined) throw new Error("SoftHSM is not installed");
  mkdirSync(join(folder, "tokens"));
  process.env.SOFTHSM2_CONF = join(folder, "softhsm2.conf");
  writeFileSync(
    process.env.SOFTHSM2_CONF,
    `directories.tokendir = ${join(folder, "tokens")}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  run("softhsm2-util", ...["--init-token", "--free", "--label", "bench", "--so-pin", OFFICER, "--pin", PIN]);
  const tool = ["--module", SOFTHSM, "--token-label", "bench", "--login", "--pin", PIN, "--write-object"];
  const der = join(folder, "object.der");
  for (const [i, { name, key, certificate }] of pairs.entries()) {
    const names = ["--id", `a${i}`, "--label", name];
    writeFileSync(der, key.export({ type: "pkcs8", format: "der" }), { mode: 0o600 });
    run("pkcs11-tool", ...tool, der, "--type", "privkey", ...names, "--usage-decrypt");
    writeFileSync(der, certificate.raw);
    run("pkcs11-tool", ...tool, der, "--type", "cert", ...names);
  }
  rmSync(der);
  return `pkcs11:token=bench?module-path=${SOFTHSM}&pin-source=file:${join(folder, "pin")}`;
}

function nss(folder: string, pems: readonly string[]): string {
  const database = join(folder, "nss");
  mkdirSync(database);
  const [both, packed, pin] = ["both.pem", "one.p12", "pin"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  run("certutil", "-N", "-d", `sql:${database}`, "-f", pin);
  for (const [i, pem] of pems.entries()) {
    writeFileSync(both, pem, { mode: 0o600 });
    run("openssl", "pkcs12", "-export", "-in", both, "-name", `k${i}`, "-out", packed, "-passout", `file:${pin}`);
    run("pk12util", "-i", packed, "-d", `sql:${database}`, "-k", pin, "-w", pin);
  }
  rmSync(both);
  return `nss:${database}?pin-source=file:${pin}`;
}
