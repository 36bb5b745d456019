import { parseArgs } from 'node:util';

/** Parses a benchmark's command line; prints its usage and exits 2 when it is wrong, 0 for `--help`. */
export function readOptions(usage, options) {
  try {
    const { values } = parseArgs({ options: { ...options, json: { type: 'boolean' }, help: { type: 'boolean' } } });
    if (!values.help) return values;
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${error.message}\n${usage}\n`);
    process.exit(2);
  }
}

/** A whole number of at least `least`, or exit 2. */
export function wholeNumber(text, name, least = 1) {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  process.stderr.write(`--${name}: expected a whole number from ${least} on\n`);
  process.exit(2);
}

/** Words between commas, each one of `allowed` if that is given, or exit 2. */
export function list(text, name, allowed) {
  const words = text.split(',').filter((word) => word !== '');
  const wrong = words.find((word) => allowed !== undefined && !allowed.includes(word));
  if (wrong === undefined) return words;
  process.stderr.write(`--${name}: expected ${allowed.join(', ')}, not ${wrong}\n`);
  process.exit(2);
}
