import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Person } from "../seal/people.ts";

export const SOFTHSM = [
  "/usr/lib/softhsm/libsofthsm2.so",
  "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
  "/usr/lib64/softhsm/libsofthsm2.so",
].find((p) => existsSync(p));
export const SOFTOKN = [
  "/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
  "/usr/lib/x86_64-linux-gnu/nss/libsoftokn3.so",
  "/usr/lib64/libsoftokn3.so",
].find((p) => existsSync(p));
export const PIN = "123456";

/** What is missing for a token test, or undefined. */
export function lacking(...programs: readonly string[]): string | undefined {
  const absent = programs.filter((p) => spawnSync("sh", ["-c", `command -v ${p}`]).status !== 0);
  return absent.length === 0 ? undefined : `${absent.join(", ")} (see test/setup-system.sh)`;
}

export interface TestToken {
  readonly dir: string;
  readonly label: string;
  remove(): void;
}

/** A SoftHSM token with the keys and certificates of these people. Sets SOFTHSM2_CONF for this process. */
export function softHsmToken(label: string, people: Readonly<Record<string, Person>>): TestToken {
  const dir = mkdtempSync(join(tmpdir(), "qvault-hsm-"));
  mkdirSync(join(dir, "tokens"));
  writeFileSync(
    join(dir, "softhsm2.conf"),
    `directories.tokendir = ${dir}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  process.env.SOFTHSM2_CONF = join(dir, "softhsm2.conf");
  const run = (program: string, ...args: readonly string[]) => execFileSync(program, args, { stdio: "pipe" });
  run("softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "87654321", "--pin", PIN);
  const tool = ["--module", SOFTHSM!, "--token-label", label, "--login", "--pin", PIN];
  Object.entries(people).forEach(([name, { key, certificate }], i) => {
    const id = `a${i}`;
    writeFileSync(join(dir, "key.der"), key.export({ type: "pkcs8", format: "der" }));
    writeFileSync(join(dir, "cert.der"), certificate.raw);
    // Wants its PIN at every use.
    const always = name.startsWith("always") ? ["--always-auth"] : [];
    const usage =
      key.asymmetricKeyType === "ec" ? ["--usage-derive", "--usage-sign"] : ["--usage-decrypt", "--usage-sign"];
    run(
      "pkcs11-tool",
      ...tool,
      "--write-object",
      join(dir, "key.der"),
      "--type",
      "privkey",
      "--id",
      id,
      "--label",
      name,
      ...usage,
      ...always,
    );
    run("pkcs11-tool", ...tool, "--write-object", join(dir, "cert.der"), "--type", "cert", "--id", id, "--label", name);
  });
  rmSync(join(dir, "key.der"), { force: true });
  return { dir, label, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** An NSS database with these people, its password in `PIN`. */
export function nssDatabase(people: Readonly<Record<string, Person>>): TestToken {
  const dir = mkdtempSync(join(tmpdir(), "qvault-nss-"));
  writeFileSync(join(dir, "pw"), PIN);
  const run = (program: string, ...args: readonly string[]) => execFileSync(program, args, { stdio: "pipe" });
  run("certutil", "-N", "-d", `sql:${dir}`, "-f", join(dir, "pw"));
  for (const [name, { key, certificate }] of Object.entries(people)) {
    writeFileSync(join(dir, "both.pem"), `${certificate.toString()}${key.export({ type: "pkcs8", format: "pem" })}`);
    run(
      "openssl",
      "pkcs12",
      "-export",
      "-in",
      join(dir, "both.pem"),
      "-name",
      name,
      "-out",
      join(dir, "one.p12"),
      "-passout",
      "pass:x",
    );
    run("pk12util", "-i", join(dir, "one.p12"), "-d", `sql:${dir}`, "-k", join(dir, "pw"), "-W", "x");
  }
  rmSync(join(dir, "both.pem"), { force: true });
  return { dir, label: "NSS Certificate DB", remove: () => rmSync(dir, { recursive: true, force: true }) };
}

export interface FaultShim {
  readonly path: string;
  /** Lines "C_Decrypt 0x32 1"; see p11fault.c. */
  plan(...lines: readonly string[]): void;
  /** Calls of a function since the last reset. */
  calls(name: string): number;
  reset(): void;
}

/** Builds the fault shim in front of `real`, or gives undefined where there is no compiler or header. */
export function faultShim(dir: string, real: string): FaultShim | undefined {
  const path = join(dir, "p11fault.so");
  const source = new URL("p11fault.c", import.meta.url).pathname;
  const built = spawnSync("gcc", [
    "-shared",
    "-fPIC",
    "-O1",
    "-o",
    path,
    source,
    "-I/usr/include/p11-kit-1",
    "-ldl",
    "-lpthread",
  ]);
  if (built.status !== 0) return undefined;
  const log = join(dir, "calls.log");
  const plan = join(dir, "plan.txt");
  Object.assign(process.env, { P11FAULT_REAL: real, P11FAULT_LOG: log, P11FAULT_PLAN: plan });
  writeFileSync(plan, "");
  writeFileSync(log, "");
  return {
    path,
    plan: (...lines) => writeFileSync(plan, lines.map((l) => `${l}\n`).join("")),
    calls: (name) =>
      readFileSync(log, "utf8")
        .split("\n")
        .filter((l) => l === name).length,
    reset() {
      writeFileSync(log, "");
      writeFileSync(plan, "");
    },
  };
}
