/** Apart from `open.ts`, which loads every reader: the command line needs these to begin with. */
export { isAddress, withoutSecrets } from "../source/http.ts";
