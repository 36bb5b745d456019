import type { Connection } from '@wirepath/core';
import pc from 'picocolors';

export type Style = (text: string) => string;

/** Meanings, not colours; all plain where the output takes none. */
export interface Palette {
  readonly heading: Style;
  readonly strong: Style;
  readonly quiet: Style;
  readonly good: Style;
  readonly fair: Style;
  readonly bad: Style;
}

export function palette(colors: boolean): Palette {
  const { bold, dim, green, yellow, red } = pc.createColors(colors);
  return { heading: bold, strong: bold, quiet: dim, good: green, fair: yellow, bad: red };
}

export function connectionStyle(connection: Connection, { good, fair, bad, quiet }: Palette): Style {
  switch (connection) {
    case 'direct':
    case 'hole-punched':
      return good;
    case 'relayed':
    case 'connecting':
      return fair;
    case 'unreachable':
      return bad;
    case 'idle':
      return quiet;
  }
}
