import { accessSync, constants, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { equalBytes } from "../../src/bytes/concat.ts";
import { children, type DerValue, der, octets, oid, readDer, smallInteger } from "../../src/keys/der.ts";
import { fileStore } from "../../src/keys/file-store.ts";
import { openReference } from "../../src/keys/keyring.ts";
import { parsePkcs11Uri } from "../../src/keys/pkcs11-uri.ts";
import { secretSource } from "../../src/keys/secret.ts";
import { parseThumbprint } from "../../src/keys/thumbprint.ts";
import { derSeeds, pemSeeds, pkcs12Seeds } from "./key-files.ts";
import { mutateDer, mutatePem } from "./mutate-der.ts";
import { must, refusal, type Target } from "./target.ts";

let folder: string | undefined;

/** Memory, where the system has a place for it: some targets make each line of a file durable. */
function quickFolder(): string {
  try {
    accessSync("/dev/shm", constants.W_OK);
    return "/dev/shm";
  } catch {
    return tmpdir();
  }
}

/** A file with these bytes in a folder of this process; the next one takes its place. */
export function temporaryFile(name: string, data: Uint8Array): string {
  folder ??= mkdtempSync(join(quickFolder(), "qvault-fuzz-"));
  const path = join(folder, name);
  writeFileSync(path, data);
  return path;
}

/** What a key file gives, as the commands use it. */
async function useKeyFile(path: string): Promise<void> {
  const store = fileStore(path, { passphrase: async () => "pw" });
  for (const info of await store.list()) {
    must(/^[0-9A-F]{64}$/.test(info.spkiS256), "a key without a thumbprint");
    if (!info.hasPrivateKey) continue;
    const handle = await store.open({ spkiS256: info.spkiS256 });
    await handle.close();
  }
}

const pkcs12: Target = {
  name: "pkcs12",
  files: ["keys/pkcs12.ts", "keys/pbe.ts", "keys/der.ts", "keys/file-store.ts", "keys/rc2.ts", "keys/thumbprint.ts"],
  maxBytes: 16 * 1024,
  // A key file may ask for 2.5 million rounds, which take seconds (SECURITY.md).
  maxMs: 5000,
  mutators: [mutateDer, mutateDer],
  seeds: async () => pkcs12Seeds(),
  run: (data) => useKeyFile(temporaryFile("f.p12", data)),
};

const pem: Target = {
  name: "pem",
  files: ["keys/pem.ts", "keys/file-store.ts", "keys/thumbprint.ts"],
  maxBytes: 16 * 1024,
  mutators: [mutatePem, mutatePem],
  words: [
    "-----BEGIN ",
    "-----END ",
    "PRIVATE KEY-----",
    "CERTIFICATE-----",
    "ENCRYPTED ",
    "Proc-Type: 4,ENCRYPTED\n",
    "RSA ",
    "EC ",
  ],
  seeds: async () => pemSeeds(),
  run: (data) => useKeyFile(temporaryFile("f.pem", data)),
};

function walk(value: DerValue, depth: number): void {
  for (const read of [oid, smallInteger, octets]) {
    try {
      read(value);
    } catch (error) {
      if (refusal(error) === undefined) throw error;
    }
  }
  if ((value.tag & 0x20) === 0 || depth > 20) return;
  for (const member of children(value)) walk(member, depth + 1);
}

const derTarget: Target = {
  name: "der",
  files: ["keys/der.ts"],
  maxBytes: 64 * 1024,
  mutators: [mutateDer],
  seeds: async () => derSeeds(),
  run(data) {
    const value = readDer(data);
    must(
      value.all.byteLength + value.rest.byteLength === data.byteLength,
      "bytes are lost between a value and the rest",
    );
    const again = readDer(der(value.tag, value.content));
    must(again.tag === value.tag && equalBytes(again.content, value.content), "read(write(read(x))) is not read(x)");
    walk(value, 0);
  },
};

const keyReference: Target = {
  name: "key-reference",
  files: ["keys/pkcs11-uri.ts", "keys/keyring.ts", "keys/secret.ts", "keys/thumbprint.ts", "keys/system-stores.ts"],
  maxBytes: 2048,
  mutators: [],
  words: [
    "pkcs11:",
    "token=",
    "object=",
    "id=",
    "%00",
    "%",
    ";",
    "?",
    "&",
    "pin-source=",
    "pin-value=",
    "module-path=",
    "slot-id=",
    "file:",
    "nss:",
    "store:",
    "keychain:",
    "thumbprint=",
    "env:",
    "credential:",
  ],
  seeds: async () =>
    [
      "pkcs11:token=t;object=k;type=private?pin-source=env:PIN&module-path=/x.so",
      "pkcs11:slot-id=3;id=%01%ff;serial=1;manufacturer=m;model=o?thumbprint=00112233445566778899aabbccddeeff00112233",
      "file:/a/b.p12?thumbprint=00112233445566778899aabbccddeeff00112233&pin-source=file:/x",
      "nss:/db?pin-source=prompt",
      "store:CurrentUser/My?thumbprint=00112233445566778899aabbccddeeff00112233",
      "keychain:x",
      "a.pem",
    ].map((text) => new TextEncoder().encode(text)),
  run(data) {
    const text = new TextDecoder().decode(data);
    const tries = [
      () => parsePkcs11Uri(text),
      () => secretSource(text, { env: {} }),
      () => parseThumbprint(text),
      () => openReference(text, { env: {} }),
    ];
    let last: unknown;
    let failed = 0;
    for (const each of tries) {
      try {
        each();
      } catch (error) {
        if (refusal(error) === undefined) throw error;
        last = error;
        failed += 1;
      }
    }
    if (failed === tries.length) throw last;
  },
};

export const KEY_TARGETS: readonly Target[] = [pkcs12, pem, derTarget, keyReference];
