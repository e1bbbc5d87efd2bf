import { createPublicKey } from "node:crypto";
import { needs, QErr } from "../errors.ts";
import type { JweRecipientHeader } from "../seal/jwe-form.ts";
import type { ByteSource } from "../source/source.ts";
import { readSealHead } from "./seal-head.ts";

/**
 * How to open a slot without qvault: the slot's JWE, and what to do with it. The output is for people who have a file,
 * a private key, openssl and node, and nothing else.
 * @throws `SEAL_DAMAGED` if a recipient cannot open it, and what reading the head throws
 */
export async function recoveryText(source: ByteSource, slotName?: string): Promise<string> {
  const { manifest, entries } = await readSealHead(source);
  needs(slotName === undefined || manifest.slots.includes(slotName), "USAGE", `the file has no slot "${slotName}"`, {
    hint: `it has: ${manifest.slots.join(", ")}`,
  });
  const fileId = Buffer.from(manifest.fileId).toString("hex");
  const lines = [
    `# How to open ${oneLine(source.name)} without qvault. File id ${fileId}; the format is in SPEC.md, section 6.`,
    "# Step 1 gives the slot key (32 bytes). Its two derived keys and the data keys follow from the chapter's formulas.",
  ];
  for (const entry of entries) {
    const name = manifest.slots[entry.slot]!;
    if (slotName !== undefined && slotName !== name) continue;
    lines.push("", `# Slot "${name}". Save the next line as ${name}.jwe:`, JSON.stringify(entry.jwe));
    for (const [i, recipient] of entry.jwe.recipients.entries()) {
      const who = entry.recipients[i]!;
      lines.push(`# Recipient ${oneLine(who.label)} (${who.x5t ?? who.spkiS256}), ${recipient.header.alg}:`);
      lines.push(`printf %s '${base64(recipient.encrypted_key)}' | base64 -d > cek.enc`);
      lines.push(...(recipient.header.epk ? agreement(recipient.header.epk) : decryption(recipient.header.alg)));
      lines.push(
        "# cek.bin opens the JWE's ciphertext with AES-256-GCM: IV and tag from the JWE, AAD its protected header as text:",
        `node -e 'const f=require("fs"),j=JSON.parse(f.readFileSync("${name}.jwe")),b=x=>Buffer.from(x,"base64url"),d=require("crypto").createDecipheriv("aes-256-gcm",f.readFileSync("cek.bin"),b(j.iv));d.setAAD(Buffer.from(j.protected));d.setAuthTag(b(j.tag));f.writeFileSync("slot.key",Buffer.concat([d.update(b(j.ciphertext)),d.final()]))'`,
      );
    }
  }
  return `${lines.join("\n")}\n`;
}

const base64 = (text: string) => Buffer.from(text, "base64url").toString("base64");

function decryption(alg: string): readonly string[] {
  const md = alg === "RSA-OAEP" ? "sha1" : "sha256";
  return [
    `openssl pkeyutl -decrypt -inkey private.pem -in cek.enc -out cek.bin -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:${md} -pkeyopt rsa_mgf1_md:${md}`,
  ];
}

/** ECDH by openssl; then Concat KDF (RFC 7518 section 4.6.2) and AES-KW, which openssl does with keys in its arguments only. */
function agreement(epk: NonNullable<JweRecipientHeader["epk"]>): readonly string[] {
  const point = pointText(epk);
  const name = Buffer.from("ECDH-ES+A256KW");
  const info = Buffer.concat([
    Buffer.from([0, 0, 0, name.byteLength]),
    name,
    Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]),
  ]);
  return [
    `printf %s '${point}' | base64 -d > epk.der`,
    "openssl pkeyutl -derive -inkey private.pem -peerform DER -peerkey epk.der -out z.bin",
    `node -e 'const f=require("fs"),c=require("crypto"),k=c.createHash("sha256").update(Buffer.from([0,0,0,1])).update(f.readFileSync("z.bin")).update(Buffer.from("${info.toString("hex")}","hex")).digest(),d=c.createDecipheriv("id-aes256-wrap",k,Buffer.alloc(8,0xa6));f.writeFileSync("cek.bin",Buffer.concat([d.update(f.readFileSync("cek.enc")),d.final()]))'`,
  ];
}

/** SubjectPublicKeyInfo in base64; of a point that is not on its curve the form alone was right. */
function pointText(epk: NonNullable<JweRecipientHeader["epk"]>): string {
  try {
    const key = createPublicKey({ key: { ...epk }, format: "jwk" });
    return key.export({ type: "spki", format: "der" }).toString("base64");
  } catch {
    throw new QErr("SEAL_DAMAGED", "the ephemeral key of a recipient is no point of its curve", { part: "slot keys" });
  }
}

/** A text inside a comment that may be pasted into a shell: it must not end the line, nor show other than it is. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}
