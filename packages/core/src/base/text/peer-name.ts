/** What {@link isPeerName} takes, to follow "expected". */
export const PEER_NAME_EXPECTED = 'a name of 1 to 64 characters without white space';

/** A name for people that no terminal, log or command line can misread. */
export function isPeerName(text: string): boolean {
  return /^[^\s\p{C}]{1,64}$/u.test(text);
}
