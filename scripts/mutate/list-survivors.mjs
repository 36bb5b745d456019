// Lists what survived the last `npm run mutate`, by file, and the score; of its sample where there was one (see sample.mjs).
import { readFileSync } from 'node:fs';
import { sampleOf } from './sample.mjs';

const sample = sampleOf(process.env.MUTATE_SAMPLE);
const { files } = JSON.parse(readFileSync('node_modules/.cache/mutate-report.json', 'utf8'));
const [only = ''] = process.argv.slice(2);
const total = { found: 0, left: 0 };

for (const [file, { mutants, source }] of Object.entries(files)) {
  if (!file.includes(only)) continue;
  const lines = source.split('\n');
  const chosen = mutants.filter(sample.has);
  const left = chosen.filter(({ status }) => status === 'Survived' || status === 'NoCoverage');
  const found = chosen.filter(({ status }) => status === 'Killed' || status === 'Timeout').length;
  total.found += found;
  total.left += left.length;
  if (left.length === 0) continue;
  process.stdout.write(`\n${file}: ${left.length} of ${found + left.length}\n`);
  for (const { location, mutatorName, replacement, status } of left) {
    const { start, end } = location;
    const was = lines[start.line - 1].slice(start.column - 1, end.line === start.line ? end.column - 1 : undefined);
    const untested = status === 'NoCoverage' ? ' (no test runs it)' : '';
    const now = replacement.replaceAll(/\s+/g, ' ');
    process.stdout.write(`  ${start.line} ${mutatorName}: ${was.slice(0, 100)} => ${now.slice(0, 60)}${untested}\n`);
  }
}

const score = (100 * total.found) / (total.found + total.left);
process.stdout.write(`\n${total.found + total.left} mutants, ${total.left} left: ${score.toFixed(1)} %\n`);
