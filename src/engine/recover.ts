import { needs } from "../errors.ts";
import type { ByteSource } from "../source/source.ts";
import { readSealHead } from "./seal-head.ts";

/**
 * How to open a slot without qvault: the slot's JWE, and what to do with it. The output is for people who have a file,
 * a private key and stock tools, and nothing else.
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
    lines.push(`# With step (any recipient):  step crypto jwe decrypt --key private.pem < ${name}.jwe > slot.key`);
    for (const [i, recipient] of entry.jwe.recipients.entries()) {
      const who = entry.recipients[i]!;
      lines.push(`# Recipient ${oneLine(who.label)} (${who.x5t ?? who.spkiS256}), ${recipient.header.alg}:`);
      if (recipient.header.alg === "ECDH-ES+A256KW") {
        lines.push("# an EC key: use step as above, or npm jose: generalDecrypt(JSON.parse(jwe), privateKey)");
        continue;
      }
      const md = recipient.header.alg === "RSA-OAEP" ? "sha1" : "sha256";
      lines.push(
        `printf %s '${Buffer.from(recipient.encrypted_key, "base64url").toString("base64")}' | base64 -d > cek.enc`,
        `openssl pkeyutl -decrypt -inkey private.pem -in cek.enc -out cek.bin -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:${md} -pkeyopt rsa_mgf1_md:${md}`,
        "# cek.bin opens the JWE's ciphertext with AES-256-GCM: IV and tag from the JWE, AAD its protected header as text:",
        `node -e 'const f=require("fs"),j=JSON.parse(f.readFileSync("${name}.jwe")),b=x=>Buffer.from(x,"base64url"),d=require("crypto").createDecipheriv("aes-256-gcm",f.readFileSync("cek.bin"),b(j.iv));d.setAAD(Buffer.from(j.protected));d.setAuthTag(b(j.tag));f.writeFileSync("slot.key",Buffer.concat([d.update(b(j.ciphertext)),d.final()]))'`,
      );
    }
  }
  return `${lines.join("\n")}\n`;
}

/** A text inside a comment that may be pasted into a shell: it must not end the line, nor show other than it is. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}
