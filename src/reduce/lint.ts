import type { ReducibleApp } from "./admit.ts";
import type { Finding, LintOptions } from "./finding.ts";
import { lintColumns } from "./lint-columns.ts";
import { lintModel } from "./lint-model.ts";
import { lintUsers } from "./lint-users.ts";
import { lintValues } from "./lint-values.ts";

/** Everything that is noteworthy about the section access of an app, errors first. */
export function lint(app: ReducibleApp, options: LintOptions): Finding[] {
  if (app.access === undefined) return [];
  const findings = [
    ...lintColumns(app, app.access),
    ...lintValues(app, app.access, options.rules),
    ...lintModel(app, app.access, options.rules),
    ...lintUsers(app, app.access, options),
  ];
  const rank = { error: 0, warning: 1, info: 2 };
  return findings.sort((a, b) => rank[a.severity] - rank[b.severity]);
}
