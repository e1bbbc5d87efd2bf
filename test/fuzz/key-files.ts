import { createCipheriv, createHmac, createPrivateKey, createPublicKey, pbkdf2Sync } from "node:crypto";
import { der, derOid } from "../../src/keys/der.ts";
import { kdfWork, MAC_ID, pkcs12Kdf } from "../../src/keys/pbe.ts";
import { selfSigned } from "../../src/keys/self-signed.ts";
import { testKey, testKeyPem } from "./keys.ts";

const SEQ = 0x30;
const EXPLICIT = 0xa0;
const octets = (...content: Uint8Array[]) => der(0x04, ...content);
const integer = (...bytes: number[]) => der(0x02, Uint8Array.from(bytes));
const DATA = derOid("1.2.840.113549.1.7.1");
const SALT = new Uint8Array(8).fill(5);
const IV = new Uint8Array(16).fill(9);

const certificate = selfSigned(testKey, "fuzz", 30, new Date("2026-01-01T00:00:00Z"));
const pkcs8 = new Uint8Array(testKey.export({ type: "pkcs8", format: "der" }));

/** PBES2 with PBKDF2 of one round, HMAC-SHA-256 and AES-256-CBC. */
const PBES2 = der(
  SEQ,
  derOid("1.2.840.113549.1.5.13"),
  der(
    SEQ,
    der(
      SEQ,
      derOid("1.2.840.113549.1.5.12"),
      der(SEQ, octets(SALT), integer(1), der(SEQ, derOid("1.2.840.113549.2.9"), der(0x05))),
    ),
    der(SEQ, derOid("2.16.840.1.101.3.4.1.42"), octets(IV)),
  ),
);

function encrypted(plain: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-256-cbc", pbkdf2Sync("", SALT, 1, 32, "sha256"), IV);
  return new Uint8Array(Buffer.concat([cipher.update(plain), cipher.final()]));
}

const certBag = der(
  SEQ,
  derOid("1.2.840.113549.1.12.10.1.3"),
  der(EXPLICIT, der(SEQ, derOid("1.2.840.113549.1.9.22.1"), der(EXPLICIT, octets(new Uint8Array(certificate.raw))))),
);
const keyBag = der(SEQ, derOid("1.2.840.113549.1.12.10.1.1"), der(EXPLICIT, pkcs8));
const shroudedBag = der(
  SEQ,
  derOid("1.2.840.113549.1.12.10.1.2"),
  der(EXPLICIT, der(SEQ, PBES2, octets(encrypted(pkcs8)))),
);

const plainContent = (...bags: Uint8Array[]) => der(SEQ, DATA, der(EXPLICIT, octets(der(SEQ, ...bags))));
const sealedContent = (...bags: Uint8Array[]) =>
  der(
    SEQ,
    derOid("1.2.840.113549.1.7.6"),
    der(EXPLICIT, der(SEQ, integer(0), der(SEQ, DATA, PBES2, der(0x80, encrypted(der(SEQ, ...bags)))))),
  );

function pfx(contents: readonly Uint8Array[], withMac: boolean): Uint8Array {
  const safe = der(SEQ, ...contents);
  const authSafe = der(SEQ, DATA, der(EXPLICIT, octets(safe)));
  if (!withMac) return der(SEQ, integer(3), authSafe);
  const mac = createHmac("sha256", pkcs12Kdf("sha256", MAC_ID, { password: "", work: kdfWork() }, SALT, 1, 32))
    .update(safe)
    .digest();
  const digest = der(SEQ, der(SEQ, derOid("2.16.840.1.101.3.4.2.1"), der(0x05)), octets(new Uint8Array(mac)));
  return der(SEQ, integer(3), authSafe, der(SEQ, digest, octets(SALT), integer(1)));
}

/** PKCS#12 files made value by value: plain and encrypted, with a MAC and without. */
export function pkcs12Seeds(): Uint8Array[] {
  const old = der(SEQ, derOid("1.2.840.113549.1.12.1.3"), der(SEQ, octets(SALT), integer(1)));
  const oldBag = der(
    SEQ,
    derOid("1.2.840.113549.1.12.10.1.2"),
    der(EXPLICIT, der(SEQ, old, octets(new Uint8Array(64)))),
  );
  return [
    pfx([plainContent(keyBag, certBag)], false),
    pfx([plainContent(keyBag, certBag)], true),
    pfx([sealedContent(certBag), plainContent(shroudedBag)], false),
    pfx([sealedContent(certBag), plainContent(shroudedBag)], true),
    pfx([plainContent(oldBag)], false),
  ];
}

/** The same file made to ask for much more work: `rounds` for its MAC. */
export function pkcs12WithRounds(rounds: number): Uint8Array {
  const safe = der(SEQ, plainContent(keyBag, certBag));
  const authSafe = der(SEQ, DATA, der(EXPLICIT, octets(safe)));
  const digest = der(SEQ, der(SEQ, derOid("2.16.840.1.101.3.4.2.1"), der(0x05)), octets(new Uint8Array(32)));
  return der(
    SEQ,
    integer(3),
    authSafe,
    der(SEQ, digest, octets(SALT), integer(rounds >>> 24, (rounds >>> 16) & 255, (rounds >>> 8) & 255, rounds & 255)),
  );
}

/** A positive number of up to four bytes, as long as it need not be. */
const count = (n: number) => integer((n >>> 24) & 127, (n >>> 16) & 255, (n >>> 8) & 255, n & 255);

/** A PKCS#8 PEM under PBES2 whose PBKDF2 asks for `rounds`. */
export function pemWithRounds(rounds: number): Uint8Array {
  const prf = der(SEQ, derOid("1.2.840.113549.2.9"), der(0x05));
  return pemUnder(der(SEQ, derOid("1.2.840.113549.1.5.12"), der(SEQ, octets(SALT), count(rounds), prf)));
}

/** The same under scrypt (RFC 7914 section 7.1). */
export function pemWithScrypt(n: number, r: number, p: number): Uint8Array {
  return pemUnder(der(SEQ, derOid("1.3.6.1.4.1.11591.4.11"), der(SEQ, octets(SALT), count(n), count(r), count(p))));
}

function pemUnder(kdf: Uint8Array): Uint8Array {
  const scheme = der(SEQ, kdf, der(SEQ, derOid("2.16.840.1.101.3.4.1.42"), octets(IV)));
  const key = der(SEQ, der(SEQ, derOid("1.2.840.113549.1.5.13"), scheme), octets(encrypted(pkcs8)));
  return new TextEncoder().encode(pemBlock("ENCRYPTED PRIVATE KEY", key));
}

function pemBlock(label: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes)
    .toString("base64")
    .match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

export function pemSeeds(): Uint8Array[] {
  const { publicKey } = certificate;
  const encryptedPem = testKey
    .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "pw" })
    .toString();
  const sec1 = testKey.export({ type: "sec1", format: "pem" }).toString();
  const spki = createPublicKey(publicKey.export({ type: "spki", format: "pem" }))
    .export({ type: "spki", format: "pem" })
    .toString();
  const texts = [
    testKeyPem,
    testKeyPem + certificate.toString(),
    spki,
    sec1,
    encryptedPem,
    certificate.toString().repeat(3),
  ];
  return texts.map((each) => new TextEncoder().encode(each));
}

/** What OpenSSL takes for an RSA key of `bits`, in PEM: it asks of no number in it whether it is a prime. */
export function rsaOfBits(bits: number): string {
  const number = (bytes: number) => {
    const digits = new Uint8Array(bytes).fill(0x5b);
    digits[0] = 0x80;
    return Buffer.from(digits).toString("base64url");
  };
  const [whole, half, less] = [number(bits / 8), number(bits / 16), number(bits / 16 - 1)];
  const key = {
    kty: "RSA",
    e: "AQAB",
    n: whole,
    d: number(bits / 8 - 1),
    p: half,
    q: half,
    dp: less,
    dq: less,
    qi: less,
  };
  return createPrivateKey({ key, format: "jwk" }).export({ type: "pkcs8", format: "pem" }).toString();
}

/** Single values: numbers, identifiers, strings in pieces, lengths of every form. */
export function derSeeds(): Uint8Array[] {
  const pieces = der(0x24, octets(SALT), octets(IV));
  const indefinite = Uint8Array.from([0x30, 0x80, 0x24, 0x80, 4, 1, 7, 0, 0, 0, 0]);
  return [
    PBES2,
    certBag,
    keyBag,
    pieces,
    indefinite,
    integer(1, 2, 3),
    octets(new Uint8Array(300)),
    new Uint8Array(certificate.raw),
  ];
}
