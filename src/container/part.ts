/**
 * A named byte range of a container. Sealing, checksums and damage reports speak of parts and know nothing else of a
 * format.
 */
export interface Part {
  /** `header`, `symbols of "Name"`, `index table`, or the name of a container member. Never a cell value. */
  readonly name: string;
  readonly role: "header" | "symbols" | "records" | "member";
  readonly offset: number;
  readonly length: number;
  /** Field number, for `symbols`. */
  readonly ordinal?: number;
}
