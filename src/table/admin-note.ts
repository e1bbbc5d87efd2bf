/**
 * What stands in everything that was made of an app's tables without applying its section access (SPEC 5.4): as the
 * comment of a table while it is in memory, and where each format has room once it is written.
 */
export const AS_ADMIN_NOTE = "read as an administrator: the app's section access was not applied";

/** Key of the note in Parquet and Arrow metadata; member of the properties of an app. */
export const AS_ADMIN_KEY = "qvault.asAdmin";

/** True if the comment of a table, whatever else it says, holds the note. */
export function isAdminMade(comment: string): boolean {
  return comment.includes(AS_ADMIN_NOTE);
}

/** `comment` with the note, once. */
export function withAdminNote(comment: string): string {
  if (isAdminMade(comment)) return comment;
  return comment === "" ? AS_ADMIN_NOTE : `${comment}; ${AS_ADMIN_NOTE}`;
}
