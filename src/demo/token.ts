import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join, sep } from "node:path";

const MODULES = [
  "/usr/lib/softhsm/libsofthsm2.so",
  "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
  "/usr/lib64/softhsm/libsofthsm2.so",
  "/usr/lib64/libsofthsm2.so",
];

/** The curve P-256 as DER writes it. */
const P256 = Buffer.from("06082a8648ce3d030107", "hex");

/** A token with key pairs that were made in it, and how to refer to each. */
export interface DemoToken {
  readonly reference: (name: string) => string;
}

/**
 * Makes a SoftHSM token in `folder`, with a key pair for each name: private keys are made inside and cannot be taken out.
 * The PIN is drawn, and lies in a file of that folder. Reads `SOFTHSM2_CONF` from the environment: the caller has set it.
 * @returns the token, or why there is none, in words
 */
export async function demoToken(folder: string, names: readonly string[]): Promise<DemoToken | string> {
  const module = MODULES.find((path) => existsSync(path));
  if (module === undefined) return "SoftHSM is not installed";
  const library = await import("pkcs11js").then((m) => m.default ?? m).catch(() => undefined);
  if (library === undefined) return "the optional package pkcs11js is not installed or was not built";
  const pin = randomBytes(8).toString("hex");
  await mkdir(join(folder, "tokens"), { recursive: true });
  await writeFile(join(folder, "pin"), pin, { mode: 0o600 });
  await writeFile(
    join(folder, "softhsm2.conf"),
    `directories.tokendir = ${join(folder, "tokens")}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  const api = new library.PKCS11();
  api.load(module);
  api.C_Initialize();
  try {
    const label = "qvault demo";
    const officer = randomBytes(8).toString("hex");
    api.C_InitToken(api.C_GetSlotList(false)[0]!, officer, label);
    const slot = api.C_GetSlotList(true).find((s) => api.C_GetTokenInfo(s).label.startsWith(label))!;
    const session = api.C_OpenSession(slot, library.CKF_SERIAL_SESSION | library.CKF_RW_SESSION);
    api.C_Login(session, library.CKU_SO, officer);
    api.C_InitPIN(session, pin);
    api.C_Logout(session);
    api.C_Login(session, library.CKU_USER, pin);
    for (const [i, name] of names.entries()) {
      const both = [
        { type: library.CKA_TOKEN, value: true },
        { type: library.CKA_LABEL, value: name },
        { type: library.CKA_ID, value: Buffer.from([i + 1]) },
      ];
      api.C_GenerateKeyPair(
        session,
        { mechanism: library.CKM_EC_KEY_PAIR_GEN },
        [...both, { type: library.CKA_EC_PARAMS, value: P256 }],
        [
          ...both,
          { type: library.CKA_PRIVATE, value: true },
          { type: library.CKA_SENSITIVE, value: true },
          { type: library.CKA_EXTRACTABLE, value: false },
          { type: library.CKA_DERIVE, value: true },
          { type: library.CKA_SIGN, value: true },
        ],
      );
    }
    api.C_CloseSession(session);
  } finally {
    // The commands initialise the module for themselves.
    api.C_Finalize();
    api.close();
  }
  const where = `module-path=${module}&pin-source=file:${join(folder, "pin").split(sep).map(encodeURIComponent).join("/")}`;
  return { reference: (name) => `pkcs11:token=qvault%20demo;object=${name}?${where}` };
}
