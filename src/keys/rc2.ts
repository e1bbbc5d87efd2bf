/**
 * RC2 in CBC mode, decryption only (RFC 2268): what Windows and old OpenSSL put certificates of a PKCS#12 under.
 * OpenSSL 3 no longer has it. It protects nothing of ours.
 */

// RFC 2268 section 2: a permutation of 0 to 255 from the digits of pi.
const PI = Buffer.from(
  "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82" +
    "54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb6266fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7" +
    "08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ecc2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731" +
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a90d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad",
  "hex",
);

/** Expands a key to 64 words (RFC 2268 section 2). The effective length is that of the key. */
function expandKey(key: Uint8Array): Uint16Array {
  const bits = key.byteLength * 8;
  const l = new Uint8Array(128);
  l.set(key);
  for (let i = key.byteLength; i < 128; i++) l[i] = PI[(l[i - 1]! + l[i - key.byteLength]!) & 255]!;
  const t8 = Math.ceil(bits / 8);
  l[128 - t8] = PI[l[128 - t8]! & (255 >> (8 * t8 - bits))]!;
  for (let i = 127 - t8; i >= 0; i--) l[i] = PI[l[i + 1]! ^ l[i + t8]!]!;
  return Uint16Array.from({ length: 64 }, (_, i) => l[2 * i]! | (l[2 * i + 1]! << 8));
}

const SHIFTS = [1, 2, 3, 5] as const;

function unmix(r: Uint16Array, k: Uint16Array, from: number): void {
  for (let i = 3; i >= 0; i--) {
    const shift = SHIFTS[i]!;
    const turned = (r[i]! >>> shift) | (r[i]! << (16 - shift));
    r[i] = turned - k[from + i]! - (r[(i + 3) & 3]! & r[(i + 2) & 3]!) - (~r[(i + 3) & 3]! & r[(i + 1) & 3]!);
  }
}

/** Undoes a mashing round: the words go back in reverse order. */
function unmash(r: Uint16Array, k: Uint16Array): void {
  for (let i = 3; i >= 0; i--) r[i] = r[i]! - k[r[(i + 3) & 3]! & 63]!;
}

/** Decrypts whole blocks; the padding stays. */
export function rc2CbcDecrypt(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  const k = expandKey(key);
  const out = new Uint8Array(data.byteLength);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let before = iv;
  for (let at = 0; at + 8 <= data.byteLength; at += 8) {
    const r = Uint16Array.from({ length: 4 }, (_, i) => view.getUint16(at + 2 * i, true));
    for (let round = 15; round >= 0; round--) {
      unmix(r, k, round * 4);
      if (round === 11 || round === 5) unmash(r, k);
    }
    for (let i = 0; i < 8; i++) out[at + i] = ((r[i >> 1]! >>> (8 * (i & 1))) & 255) ^ before[i]!;
    before = data.subarray(at, at + 8);
  }
  return out;
}
