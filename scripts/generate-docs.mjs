// Writes the pages of docs/ that are made from the code: errors, configuration, commands; and the units of systemd.
//   node scripts/generate-docs.mjs           writes them
//   node scripts/generate-docs.mjs --check   fails where one is not what it would write
// Reads the build: run `npm run build` first.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as prettier from 'prettier';
import { configJsonSchema, ERRORS } from '../packages/core/dist/index.js';
import {
  ENVIRONMENT_VARIABLES,
  generalVariables,
} from '../packages/core/dist/rc-file/overrides/environment-variables.js';
import { commandsDocument } from '../packages/cli/dist/commands-doc.js';
import { killSwitchUnit, systemdUnit } from '../packages/cli/dist/commands/systemd-unit.js';
import { wirepath } from '../packages/cli/dist/product.js';
import { configurationDocument } from './docs/configuration-document.mjs';
import { errorsDocument } from './docs/errors-document.mjs';

const pages = {
  'docs/errors.md': errorsDocument(ERRORS),
  'docs/configuration.md': configurationDocument({
    product: wirepath,
    schema: await configJsonSchema(wirepath),
    variables: ENVIRONMENT_VARIABLES,
    generalVariables: generalVariables(wirepath),
  }),
  'docs/commands.md': commandsDocument(wirepath),
  'packages/cli/systemd/wirepath@.service': systemdUnit(wirepath, 'node'),
  'packages/cli/systemd/wirepath-server@.service': systemdUnit(wirepath, 'server'),
  'packages/cli/systemd/wirepath-kill-switch@.service': killSwitchUnit(wirepath),
};

const check = process.argv.includes('--check');
const root = new URL('..', import.meta.url);
let stale = 0;
for (const [path, text] of Object.entries(pages)) {
  const file = fileURLToPath(new URL(path, root));
  const options = await prettier.resolveConfig(file);
  const formatted = path.endsWith('.md') ? await prettier.format(text, { ...options, filepath: file }) : text;
  if (existsSync(file) && readFileSync(file, 'utf8') === formatted) continue;
  if (check) {
    console.error(`${path} is not what the code says: run node scripts/generate-docs.mjs`);
    stale++;
  } else {
    writeFileSync(file, formatted);
    console.log(`wrote ${path}`);
  }
}
process.exitCode = stale > 0 ? 1 : 0;
