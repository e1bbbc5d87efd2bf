import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import type { AppSubject } from "./data.ts";
import { columnOf, contentOf, isWholeBut, rowsOf, textsIn } from "./looks.ts";
import { checkNothingLeft, flipStep, NO_KEY, rotateSteps, twoSlots } from "./seal-steps.ts";
import type { Steps } from "./steps.ts";

/** Exit code of a denial. */
const DENIED = 8;

/** An app with section access: built and looked into, sealed, opened as two users, refused to one who is not listed. */
export async function appSteps(steps: Steps, subject: AppSubject): Promise<void> {
  const { command, path } = steps;
  const { takenFrom, files } = subject;
  for (const table of takenFrom?.tables ?? []) {
    const file = files.find(({ name }) => name === table)!.file;
    await command(`The real app's table ${table}`, ["export", takenFrom!.app, "--table", table, "-o", path(file)]);
  }
  await writeFile(path("app.json"), JSON.stringify(manifest(subject), null, 2));
  const app = path("app.qvf");
  const made = takenFrom ? "These tables in an app, with section access made for it" : "An app, with section access";
  await command(made, ["app", "build", path("app.json"), "-o", app]);
  await command("What is in it", ["inspect", app]);
  await command("How its tables are associated", ["app", "tables", app]);
  await command("Who sees how much", ["access", "matrix", app]);
  await command(`${subject.hr} sealed for HR, ${subject.finance} for finance, section access for both`, [
    ...["encrypt", app, "-o", path("sealed-app.qvf"), "--section-access"],
    ...twoSlots(subject, { hr: path("hr.crt"), finance: path("finance.crt") }),
  ]);
  await sealedAppSteps(steps, subject, app, path("sealed-app.qvf"));
}

async function sealedAppSteps(steps: Steps, subject: AppSubject, app: string, sealed: string): Promise<void> {
  const { command, check, path } = steps;
  const { table, hr, finance, key } = subject;
  const keys = [path("hr.key"), path("finance.key")];
  const opening = keys.flatMap((name) => ["--key", name]);
  await command(
    "Without a key it opens for nobody, not even for an administrator",
    ["head", sealed, "--table", table, "--as-admin"],
    NO_KEY,
  );
  await checkNothingLeft(steps, subject, app, sealed);
  const whole = await rowsOf(app, { table });
  const [hrSees, financeSees] = [
    await rowsOf(sealed, { table, keys: keys.slice(0, 1) }),
    await rowsOf(sealed, { table, keys: keys.slice(1) }),
  ];
  await check(
    `an administrator with HR's key gets every ${hr} and no ${finance}`,
    isWholeBut(hrSees, whole, [finance]),
  );
  await check(`one with finance's gets every ${finance} and no ${hr}`, isWholeBut(financeSees, whole, [hr]));
  const ann = path("ann.qvf");
  await command("The sealed app as Ann: her rows and nothing else, proved by a second program", [
    ...["reduce", sealed, "-o", ann, "--user", "DEMO\\ann", "--prove", ...opening],
  ]);
  await command("What Ann has", ["head", ann, "--table", table, "-n", "3"]);
  const hers = await rowsOf(ann, { table });
  const wanted = whole.rows.filter((_, row) => subject.ann.includes(columnOf(whole, key)[row]!));
  await check(
    `Ann has the ${wanted.length} rows of ${table} with ${key} ${subject.ann.join(", ")}, of ${whole.rows.length}, and no other`,
    wanted.length > 0 && wanted.length < whole.rows.length && JSON.stringify(hers.rows) === JSON.stringify(wanted),
  );
  const ben = path("ben.qvf");
  await command(`The sealed app as Ben, who has no ${finance}`, [
    ...["reduce", sealed, "-o", ben, "--user", "DEMO\\ben", ...opening],
  ]);
  await command("What Ben has", ["head", ben, "--table", table, "-n", "3"]);
  const his = await rowsOf(ben, { table });
  const values = columnOf(whole, key).filter((value) => subject.ben.includes(value));
  await check(
    `Ben has the ${values.length} rows with ${key} ${subject.ben.join(", ")}`,
    values.length > 0 && JSON.stringify(columnOf(his, key)) === JSON.stringify(values),
  );
  const named = async (file: string) => (await textsIn(file, [finance])).length;
  await check(
    `no byte of Ben's app holds the name ${finance}; the app he got it from has it`,
    !his.names.includes(finance) && (await named(ben)) === 0 && (await named(app)) === 1,
  );
  const plain = path("ann-of-plain.qvf");
  await command("The app before it was sealed, as Ann", ["reduce", app, "-o", plain, "--user", "DEMO\\ann"]);
  await check("sealed or not, Ann gets the same", (await contentOf(ann)) === (await contentOf(plain)));
  const eve = path("eve.qvf");
  await command(
    "Eve is not listed: no app, and no word why",
    ["reduce", sealed, "-o", eve, "--user", "DEMO\\eve", ...opening],
    DENIED,
  );
  await check("nothing was written for Eve", !existsSync(eve));
  const row = columnOf(whole, key).findIndex((value) => !subject.ann.includes(value));
  await command(`Whoever has the plain app asks why Ann does not see row ${row}`, [
    ...["access", "explain", app, "--user", "DEMO\\ann", "--table", table, "--row", String(row)],
  ]);
  await check(
    `row ${row} is there, and not in Ann's app`,
    row >= 0 && !hers.rows.some((r) => JSON.stringify(r) === JSON.stringify(whole.rows[row])),
  );
  await rotateSteps(steps, sealed);
  const now = [path("hr-2027.key"), path("finance.key")];
  await check(
    `after the change ${hr} and ${finance} are what they were`,
    (await contentOf(sealed, now)) === (await contentOf(app)),
  );
  await flipStep(steps, sealed);
}

/** The app as `app build` takes it: section access goes over a table that gives each value its name there. */
function manifest({ files, key, values, ann, ben, finance }: AppSubject): object {
  const names = (seen: readonly string[]) => values.filter(([value]) => seen.includes(value)).map(([, name]) => name);
  const rights = (user: string, seen: readonly string[], omit: string) =>
    names(seen).map((name, k) => ["USER", user, name, k === 0 ? omit : ""]);
  return {
    title: "Demo",
    scriptText: "// made by qvault demo\n",
    tables: [...files, { name: "Rights", fields: [key, "RIGHT"], rows: values }],
    sectionAccess: [
      {
        name: "Access",
        fields: ["ACCESS", "USERID", "RIGHT", "OMIT"],
        rows: [["ADMIN", "DEMO\\BOSS", "*", ""], ...rights("DEMO\\ANN", ann, ""), ...rights("DEMO\\BEN", ben, finance)],
      },
    ],
  };
}
