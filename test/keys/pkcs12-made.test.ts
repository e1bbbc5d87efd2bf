import { describe, expect, it } from "vitest";
import { readPkcs12 } from "../../src/keys/pkcs12.ts";
import { pkcs12Seeds, pkcs12WithRounds } from "../fuzz/key-files.ts";

describe("a PKCS#12 made value by value", () => {
  const [plain, withMac, shrouded] = pkcs12Seeds();

  it("is read with and without a MAC, plain and encrypted", () => {
    for (const bytes of [plain!, withMac!, shrouded!]) {
      const { keys, certificates } = readPkcs12(bytes, undefined);
      expect([keys.length, certificates.length]).toEqual([1, 1]);
      expect(certificates[0]!.checkPrivateKey(keys[0]!)).toBe(true);
    }
  });

  it("is not changed by reading, so that it can be read again with another password", () => {
    const bytes = plain!.slice();
    readPkcs12(bytes, undefined);
    expect(bytes).toEqual(plain);
  });

  it("that asks for a thousand million rounds is refused at once", () => {
    expect(() => readPkcs12(pkcs12WithRounds(1_000_000_000), undefined)).toThrow(
      expect.objectContaining({ code: "KEY_STORE_FORMAT" }),
    );
  });
});
