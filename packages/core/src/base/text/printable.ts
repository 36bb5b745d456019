/**
 * What a terminal would obey, or a reader be deceived by: C0, DEL and C1; marks of direction and other characters without a
 * shape; line and paragraph separators; halves of surrogate pairs.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const UNPRINTABLE_BUT_LINE_FEED = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const MAX_LENGTH = 4096;

/**
 * Text from a peer, a server, a plugin, the system or a file, as one line that is safe to show anywhere: line ends and tabs
 * become blanks, whatever else is unprintable `\uXXXX`.
 * @param maxLength in UTF-16 units, before escaping; the rest is cut off.
 */
export function printable(text: string, maxLength = MAX_LENGTH): string {
  const short = text.length > maxLength ? `${text.slice(0, maxLength)}...` : text;
  return short.replace(/\r?\n|\t/g, ' ').replace(UNPRINTABLE, escape);
}

/**
 * For the edge: a whole text as a program wrote it, line feeds and all, nothing in it unprintable. JSON stays JSON of the same
 * value, for there such characters occur in strings only.
 */
export function escapeUnprintable(text: string): string {
  return text.replace(UNPRINTABLE_BUT_LINE_FEED, escape);
}

/** Per UTF-16 unit, as JSON has it. */
function escape(character: string): string {
  let escaped = '';
  for (let index = 0; index < character.length; index += 1) {
    escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }
  return escaped;
}
