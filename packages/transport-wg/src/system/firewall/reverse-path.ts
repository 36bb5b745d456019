import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const CONF = '/proc/sys/net/ipv4/conf';
const VALID_MARK = `${CONF}/all/src_valid_mark`;
const STRICT = 1;

/** What of this machine's settings has to do with the check of where packets come from (RFC 3704); tests replace it. */
export interface ReversePathSettings {
  /** Whether an interface but this one drops what it would not answer to by itself (`rp_filter` 1). */
  isStrict(except: string): boolean;
  /** Whether that check asks by the packet's mark (`src_valid_mark`). */
  usesMark(): boolean;
  /** @throws Error where the system does not let us. */
  setUsesMark(value: boolean): void;
}

export const reversePathOfSystem: ReversePathSettings = {
  isStrict(except) {
    const all = readNumber(`${CONF}/all/rp_filter`);
    // The greater of the two counts.
    return namesIn(CONF).some(
      (name) =>
        !['all', 'default', 'lo', except].includes(name) &&
        Math.max(all, readNumber(`${CONF}/${name}/rp_filter`)) === STRICT,
    );
  },
  usesMark: () => readNumber(VALID_MARK) === 1,
  setUsesMark: (value) => writeFileSync(VALID_MARK, value ? '1' : '0'),
};

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // No /proc, or no IPv4.
  }
}

function readNumber(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0; // The interface went.
  }
}
