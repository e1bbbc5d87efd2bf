import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** One file to seal: a field for each of two audiences. */
export interface SealedSubject {
  readonly file: string;
  /** The table, in an app. */
  readonly table?: string;
  /** A field of texts. */
  readonly hr: string;
  readonly finance: string;
}

/** Tables of an app, and who may see what of them. */
export interface AppSubject extends Omit<SealedSubject, "file"> {
  readonly table: string;
  /** Tables that are taken out of a real app first. */
  readonly takenFrom?: { readonly app: string; readonly tables: readonly string[] };
  /** Tables of the manifest that are in a QVD of the demo's folder. */
  readonly files: readonly { readonly name: string; readonly file: string }[];
  /** The field that decides which rows a user sees, and each value with what section access calls it. */
  readonly key: string;
  readonly values: readonly (readonly [value: string, accessName: string])[];
  /** Values of `key` that Ann and Ben see. */
  readonly ann: readonly string[];
  readonly ben: readonly string[];
}

export interface DemoData {
  readonly qvd: SealedSubject;
  /** A real app, sealed as it is; absent where there is none. */
  readonly qvf?: SealedSubject;
  readonly app: AppSubject;
}

/** Made-up orders, already written to `orders`. */
export function madeData(orders: string): DemoData {
  const fields = { hr: "Customer", finance: "Amount" };
  return {
    qvd: { file: orders, ...fields },
    app: {
      ...fields,
      table: "Orders",
      files: [{ name: "Orders", file: "orders.qvd" }],
      key: "Region",
      values: ["North", "South", "East", "West"].map((name) => [name, name.toUpperCase()]),
      ann: ["North"],
      ben: ["South", "West"],
    },
  };
}

const PACKT = "PacktPublishing-";
const QVD = `qvd/${PACKT}Hands-On-Business-Intelligence-with-Qlik-Sense/Chapter04__Suppliers.qvd`;
const QVF = `qvf/${PACKT}Data-Analysts-Toolbox-Excel-Python-Power-BI-Alteryx-Qlik-Sense-R-Tableau/Exercise1-s1.qvf`;

/** The real data beside the project; they are only read. */
export function sharedFolder(): string {
  return join(projectFolder(), "..", "shared", "data");
}

/** A small real QVD and QVF below `folder`, or undefined where one is absent. */
export function realData(folder: string): DemoData | undefined {
  const qvd = join(folder, QVD);
  const qvf = join(folder, QVF);
  if (!existsSync(qvd) || !existsSync(qvf)) return undefined;
  const fields = { table: "customer info", hr: "last_name", finance: "email" };
  return {
    qvd: { file: qvd, hr: "ContactName", finance: "Phone" },
    qvf: { file: qvf, ...fields },
    app: {
      ...fields,
      takenFrom: { app: qvf, tables: ["customer info", "Card info"] },
      files: [
        { name: "customer info", file: "customer-info.qvd" },
        { name: "Card info", file: "card-info.qvd" },
      ],
      key: "Card Type",
      values: [
        ["AM", "AMEX"],
        ["M", "MASTERCARD"],
        ["V", "VISA"],
      ],
      ann: ["M"],
      ben: ["AM", "V"],
    },
  };
}

/** The folder of package.json, whether this runs from src or from dist. */
function projectFolder(): string {
  let folder = fileURLToPath(new URL(".", import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    const above = join(folder, "..");
    if (above === folder) break;
    folder = above;
  }
  return folder;
}
