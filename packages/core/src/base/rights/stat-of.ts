import { lstatSync, statSync, type Stats } from 'node:fs';

/**
 * As `fs.lstatSync` and `fs.statSync`, for what may be a socket or a FIFO. Node 20's `realpathSync`, by which modules are
 * found, reads the result of the newest such look, whoever's it was, for a folder that it knows already; after a socket it
 * leaves symbolic links as they are, and modules of pnpm's or a linked plugin's are not found any more. So the last look is
 * always one at a folder.
 */
export const lstatOf = (path: string): Stats => thenAFolder(() => lstatSync(path));

/** See {@link lstatOf}. */
export const statOf = (path: string): Stats => thenAFolder(() => statSync(path));

function thenAFolder(look: () => Stats): Stats {
  try {
    return look();
  } finally {
    statSync('/');
  }
}
