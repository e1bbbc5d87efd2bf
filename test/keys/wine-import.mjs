// Run by Windows' Node under Wine: puts a PKCS#12 file into CurrentUser\My, as a double click on it does.
import { readFileSync } from "node:fs";
import koffi from "koffi";

const [path, password] = process.argv.slice(2);
const crypt32 = koffi.load("crypt32.dll");
const ANY = koffi.pointer(koffi.opaque());
const BLOB = koffi.pointer(koffi.struct({ length: "uint32", data: koffi.pointer("uint8") }));
const call = (name, result, ...parameters) => crypt32.func("__stdcall", name, result, parameters);
const importStore = call("PFXImportCertStore", ANY, BLOB, "str16", "uint32");
const openStore = call("CertOpenStore", ANY, ANY, "uint32", ANY, "uint32", "str16");
const next = call("CertEnumCertificatesInStore", ANY, ANY, ANY);
const add = call("CertAddCertificateContextToStore", "int32", ANY, ANY, "uint32", ANY);
const closeStore = call("CertCloseStore", "int32", ANY, "uint32");

const data = readFileSync(path);
// CRYPT_EXPORTABLE and CRYPT_USER_KEYSET; then CERT_SYSTEM_STORE_CURRENT_USER and CERT_STORE_ADD_REPLACE_EXISTING.
const from = importStore({ length: data.length, data }, password, 0x1001);
if (!from) throw new Error("PFXImportCertStore failed");
const to = openStore(10n, 0, null, 1 << 16, "My");
let added = 0;
for (let context = next(from, null); context; context = next(from, context)) added += add(to, context, 3, null) ? 1 : 0;
closeStore(to, 0);
closeStore(from, 0);
console.log(`added ${added}`);
