import { formatKeyPath } from '../problems/key-path.js';
import type { ProblemList } from '../problems/problem-list.js';

type Path = readonly PropertyKey[];

/** A list of peers as written, with where it stands. */
export interface PeerList {
  readonly value: unknown;
  /** Of the list: `peers` in the rc file, nothing in a file that is the list. */
  readonly path: Path;
  /** Of the file that it stands in. */
  readonly problems: ProblemList;
}

/** Where a peer stands. */
export interface Place {
  readonly list: PeerList;
  readonly path: Path;
}

/** Another peer's place, with its file where that is not the one at hand. */
export function seenFrom(place: Place, other: Place): string {
  const text = formatKeyPath(other.path);
  return other.list === place.list ? text : `${text} of ${other.list.problems.file}`;
}
