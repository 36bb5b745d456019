/**
 * Text from a file or the network, safe to show: control characters (a terminal obeys some) and direction overrides
 * become `?`. Line feeds too: a cell is one line.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '?');
}
