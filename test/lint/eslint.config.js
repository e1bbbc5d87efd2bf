import { configs as regexp } from "eslint-plugin-regexp";
import security from "eslint-plugin-security";
import { parser, plugin } from "typescript-eslint";

/**
 * What could become an attack: regular expressions that take for ever, evaluated text, child processes, names taken from
 * files as keys of objects. Every finding is an error; an exception stands here with its reason, or at its line.
 */
export const config = [
  { ignores: ["**/*.gen.ts", "**/node_modules/**"] },
  {
    files: ["**/*.ts"],
    languageOptions: { parser },
    plugins: { ...regexp["flat/recommended"].plugins, security, "@typescript-eslint": plugin },
    linterOptions: { reportUnusedDisableDirectives: "off" },
    rules: {
      ...security.configs.recommended.rules,
      "regexp/no-super-linear-backtracking": ["error", { report: "certain" }],
      "regexp/no-super-linear-move": "error",
      "regexp/no-misleading-unicode-character": "error",
      "regexp/no-contradiction-with-assertion": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "@typescript-eslint/no-explicit-any": "error",
      // Paths come from the user who runs the command, and indices are everywhere in a codec: neither tells anything.
      "security/detect-non-literal-fs-filename": "off",
      "security/detect-object-injection": "off",
    },
  },
];

export default config;
