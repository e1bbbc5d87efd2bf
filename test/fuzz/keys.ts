import { createPrivateKey, createPublicKey } from "node:crypto";
import { softwareHandle } from "../../src/keys/software.ts";
import { describeKey, matches } from "../../src/keys/thumbprint.ts";
import type { FindKey } from "../../src/seal/authenticate.ts";
import { recipientOf } from "../../src/seal/recipient.ts";

/** FOR TESTS ONLY: the key that the inputs of the sealed targets are sealed to, so that kept ones open for ever. */
const PEM = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSiRCmiOmZbjeeWdg
unysCY7Qc8dCFktLErdq9Hk8Nv6hRANCAATMUVmyt5zwAzcY38umpWiHdXztFST3
oQTCFUuKCuwcnBSP0zgU/QKkDi0rOcmZoh5Wq5gOEyteepFkU/rpQJia
-----END PRIVATE KEY-----
`;

export const testKey = createPrivateKey(PEM);
export const testKeyPem = PEM;
const info = describeKey({ publicKey: createPublicKey(testKey) }, "test", true);
const handle = softwareHandle(info, testKey);

export const testRecipient = () => recipientOf(info);

export const findTestKey: FindKey = async (ref) => (matches(info, { spkiS256: ref.spkiS256 }) ? handle : undefined);
